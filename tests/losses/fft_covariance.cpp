#include "selfsup/losses/fft_covariance.hpp"

#include "catch.hpp"
#include "losses/loss_case.hpp"
#include "losses/properties.hpp"
#include "losses/steps.hpp"
#include "message.hpp"
#include "reference/covariance.hpp"
#include "sanitizer.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <vector>

namespace {

using selfsup::FftCovariance;
using selfsup::FftCovarianceOptions;
using tests::Matrix;
namespace reference = tests::reference;
namespace tolerance = tests::tolerance;

FftCovarianceOptions with(std::size_t exponent, bool shuffled, std::uint64_t seed = 0) {
  FftCovarianceOptions options;
  options.exponent = exponent;
  options.shuffle_columns = shuffled;
  options.seed = seed;
  return options;
}

reference::Result by_definition(const Matrix<double>& z, const FftCovarianceOptions& options,
                                std::uint64_t step = 0) {
  const std::size_t D = z.cols();
  const auto width = static_cast<double>(D);
  std::vector<std::size_t> order(D);
  std::iota(order.begin(), order.end(), std::size_t{0});
  if (options.shuffle_columns) selfsup::rng::shuffle({options.seed, step}, D, order.data());
  auto result = reference::circular_covariance(z, order, static_cast<int>(options.exponent),
                                               options.diagonal_means ? 1 / width : 1);
  if (options.diagonal_means) return result;
  result.value /= width;
  for (double& entry : result.gradients[0].entries()) entry /= width;
  return result;
}

// A transform rounds relative to the trace of C, not to the r_k that count. Float is transformed in
// double.
double amplification(const Matrix<double>& z, const FftCovarianceOptions& options) {
  const std::size_t D = z.cols();
  const Matrix<double> c = reference::covariance_matrix(z);
  std::vector<std::size_t> order(D);
  std::iota(order.begin(), order.end(), std::size_t{0});
  if (options.shuffle_columns) selfsup::rng::shuffle({options.seed, 0}, D, order.data());
  double trace = 0, squares = 0;
  for (std::size_t j = 0; j < D; ++j) trace += c(j, j);
  for (std::size_t k = 1; k < D; ++k) {
    double r = 0;
    for (std::size_t j = 0; j < D; ++j) r += c(order[j], order[(j + k) % D]);
    squares += r * r;
  }
  return squares > 0 ? std::max(1.0, trace / std::sqrt(squares)) : 1;
}

// By the rows' autocorrelation, without C, which would not fit: q = 2 and the given order.
reference::Result by_rows(const Matrix<double>& z) {
  const std::size_t N = z.rows(), D = z.cols();
  const Matrix<double> zc = reference::centred(z);
  std::vector<double> r(D), twice(2 * D), slope(2 * D);
  for (std::size_t n = 0; n < N; ++n) {
    for (std::size_t j = 0; j < 2 * D; ++j) twice[j] = zc(n, j % D);
    for (std::size_t j = 0; j < D; ++j) {
      for (std::size_t k = 1; k < D; ++k) r[k] += twice[j] * twice[j + k];
    }
  }
  const auto scale = static_cast<double>(D) * static_cast<double>((N - 1) * (N - 1));
  reference::Result result;
  result.gradients = {Matrix<double>(N, D)};
  for (std::size_t k = 1; k < D; ++k) {
    result.value += r[k] * r[k] / scale;
    slope[k] = slope[k + D] = 4 * r[k] / scale;
  }
  for (std::size_t n = 0; n < N; ++n) {
    for (std::size_t i = 0; i < D; ++i) {
      for (std::size_t j = 0; j < D; ++j) {
        result.gradients[0](n, j) += slope[D + i - j] * zc(n, i);
      }
    }
  }
  return result;
}

tests::LossCase fft_case(const std::string& name, const FftCovarianceOptions& options) {
  tests::LossCase item;
  item.name = "FftCovariance " + name;
  item.header = "fft_covariance";
  item.slow_by_columns = true;
  item.type = "FftCovariance";
  item.arguments = {"z"};
  item.has_gradient = {true};
  item.reference = [=](const std::vector<Matrix<double>>& z) {
    return by_definition(z[0], options);
  };
  item.magnifies = [=](const std::vector<Matrix<double>>& z, bool in_float) {
    return in_float ? 1 : amplification(z[0], options);
  };
  item.normalizes = false;
  item.centres = true;
  item.min_rows = 2;
  return tests::with_loss<FftCovariance>(options, item);
}

}  // namespace

namespace tests {

const LossCases registered([]() -> std::vector<LossCase> {
  return {fft_case("q = 2", with(2, true)), fft_case("q = 1", with(1, true)),
          fft_case("in the given order", with(2, false)),
          fft_case("of means", FftCovarianceOptions::scalable_decorrelation())};
});

}  // namespace tests

TEMPLATE_TEST_CASE("FftCovariance: golden numbers, before the division by D", "", float, double) {
  using T = TestType;
  const double allowed =
      std::is_same_v<T, float> ? tolerance::golden_float : tolerance::golden_double;
  const auto a = tests::cast<T>(tests::golden_a());
  for (const std::size_t q : {1u, 2u}) {
    FftCovariance<T> loss(with(q, false));
    const double golden =
        q == 2 ? tests::golden::fft_covariance_2 : tests::golden::fft_covariance_1;
    CHECK(std::abs(3 * static_cast<double>(loss.forward(a)) - golden) <= allowed * golden);
    const auto expected = by_definition(tests::golden_a(), with(q, false));
    CHECK(std::abs(3 * expected.value - golden) <= tolerance::golden_double);
  }
}

TEST_CASE("FftCovariance: means divide a sum by D to the power of q") {
  const auto z = tests::random_matrix(9, 12, 3);
  auto means = with(2, true), first_power = with(1, true);
  means.diagonal_means = true;
  const double sum = FftCovariance<double>(with(2, true)).value(z);
  CHECK(std::abs(FftCovariance<double>(means).value(z) - sum / 12) <=
        tolerance::rounding(12) * sum);
  first_power.diagonal_means = true;
  const double both = FftCovariance<double>(with(1, true)).value(z);
  CHECK(std::abs(FftCovariance<double>(first_power).value(z) - both) <=
        tolerance::rounding(12) * both);
}

TEST_CASE("FftCovariance: turning the columns round changes nothing") {
  const auto z = tests::random_matrix(9, 12, 3);
  Matrix<double> turned(9, 12);
  for (std::size_t n = 0; n < 9; ++n) {
    for (std::size_t j = 0; j < 12; ++j) turned(n, (j + 5) % 12) = z(n, j);
  }
  for (const std::size_t q : {1u, 2u}) {
    FftCovariance<double> loss(with(q, false));
    const double expected = loss.value(z);
    CHECK(std::abs(loss.value(turned) - expected) <= tolerance::rounding(21) * expected);
  }
}

TEST_CASE("FftCovariance: every length of the transform is right, in float and in double") {
  for (std::size_t D = 1; D <= 70; ++D) {
    const auto z = tests::random_views(7, D, D)[0];
    const auto item = fft_case("", with(2, true, D));
    INFO(D << " columns");
    CHECK_NONE(tests::check_reference(item, *item.make<float>(), {tests::cast<float>(z)},
                                      item.reference({z}), 1));
    CHECK_NONE(tests::check_reference(item, *item.make<double>(), {z}, item.reference({z}), 1));
  }
}

TEST_CASE("FftCovariance: lengths with a large prime factor are right, q = 1 too") {
  for (const std::size_t D : {97u, 101u, 106u, 127u, 128u, 143u, 169u, 194u, 211u, 254u}) {
    const auto z = tests::random_views(7, D, D)[0];
    for (const std::size_t q : {1u, 2u}) {
      const auto item = fft_case("", with(q, true, D));
      INFO(D << " columns, q = " << q);
      CHECK_NONE(tests::check_reference(item, *item.make<float>(), {tests::cast<float>(z)},
                                        item.reference({z}), 1));
      CHECK_NONE(tests::check_reference(item, *item.make<double>(), {z}, item.reference({z}), 1));
    }
  }
}

TEST_CASE("FftCovariance: thousands of columns, a prime number of them or twice one") {
  for (const std::size_t D : {8191u, 2 * 4099u}) {
    if (tests::slow && D != 8191) continue;
    const auto z = tests::random_views(3, D, D)[0];
    const auto expected = by_rows(z);
    const auto item = fft_case("", with(2, false));
    INFO(D << " columns");
    CHECK_NONE(
        tests::check_reference(item, *item.make<float>(), {tests::cast<float>(z)}, expected, 1));
    CHECK_NONE(tests::check_reference(item, *item.make<double>(), {z}, expected, 1));
  }
}

// Time is not asserted, what it follows from is: no factor of a transform is large, and none is
// much longer than twice the row.
TEST_CASE("FftCovariance: every row has a transform of small factors") {
  using selfsup::kernels::circular_length;
  for (const std::size_t D : {1u, 2u, 3u, 7u, 11u, 96u, 1024u, 7168u, 8000u, 8192u}) {
    CHECK(circular_length(D) == D);
  }
  CHECK(circular_length(13) == 32);  // 28 has a factor of 7
  CHECK(circular_length(97) == 200);
  CHECK(circular_length(8191) == 16384);
  CHECK(circular_length(2 * 4099) == 17280);
  for (std::size_t D = 1; D < 20000; ++D) {
    const std::size_t L = circular_length(D);
    std::size_t rest = L;
    for (const std::size_t factor : {2u, 3u, 5u, 7u, 11u}) {
      while (rest % factor == 0) rest /= factor;
    }
    const bool good = rest == 1 && (L == D || (L >= 2 * D - 1 && L % 4 == 0 && 3 * L <= 8 * D));
    if (!good) FAIL_CHECK(D << " columns take a transform of " << L);
  }
}

TEST_CASE("FftCovariance: each forward takes the order of the next step") {
  const auto z = tests::random_matrix(9, 12, 3);
  tests::check_steps(FftCovariance<double>(with(2, true, 4)), z);
  FftCovariance<double> loss(with(2, true, 4));
  loss.set_step(1);
  const double second = loss.forward(z);
  CHECK(std::abs(second - by_definition(z, with(2, true, 4), 1).value) <=
        tolerance::rounding(21) * second);
}

TEST_CASE("FftCovariance: collapsed columns give 0 and exactly no gradient") {
  const Matrix<float> z(9, 20, 0.1f);
  for (const std::size_t q : {1u, 2u}) {
    Matrix<float> d_z(9, 20, 7);
    FftCovariance<float> loss(with(q, true));
    CHECK(loss.forward(z) == 0);
    loss.backward(d_z);
    CHECK(d_z.entries() == std::vector<float>(180, 0));
  }
}

TEST_CASE("FftCovariance: other exponents and batches of one sample are refused") {
  CHECK(tests::message<selfsup::OptionError>([] { FftCovariance<float> x(with(0, true)); }) ==
        "FftCovariance: exponent is 0, at least 1 expected");
  CHECK(tests::message<selfsup::OptionError>([] { FftCovariance<float> x(with(3, true)); }) ==
        "FftCovariance: exponent is 3, at most 2 expected");
  FftCovariance<double> loss;
  CHECK_THROWS_AS(loss.forward(tests::random_matrix(1, 5, 3)), selfsup::ShapeError);
}

TEST_CASE("FftCovariance: rows of 1e20 overflow in float and are refused by name") {
  auto z = tests::cast<float>(tests::random_matrix(6, 5, 3));
  for (std::size_t n = 0; n < 6; ++n) z(n, 3) = n % 2 == 0 ? 1e20f : -1e20f;
  FftCovariance<float> loss;
  CHECK(tests::message<selfsup::NonFiniteError>([&] { loss.forward(z); }) ==
        "FftCovariance::forward: overflow in float, largest |z| is 1e+20 in column 3");
}

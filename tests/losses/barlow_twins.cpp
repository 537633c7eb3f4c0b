#include "selfsup/core/enter.hpp"  // precise under fast-math

#include "selfsup/losses/barlow_twins.hpp"

#include "catch.hpp"
#include "losses/loss_case.hpp"
#include "losses/properties.hpp"
#include "message.hpp"
#include "reference/barlow_twins.hpp"
#include "threads.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

namespace {

using selfsup::BarlowTwins;
using selfsup::BarlowTwinsOptions;
using selfsup::CovarianceRoute;
using tests::Matrix;
namespace reference = tests::reference;
namespace tolerance = tests::tolerance;

constexpr CovarianceRoute routes[] = {CovarianceRoute::automatic, CovarianceRoute::sample,
                                      CovarianceRoute::feature};

reference::BarlowTwins to_reference(const BarlowTwinsOptions& options) {
  return {options.off_diagonal_weight, options.scale, options.epsilon};
}

BarlowTwinsOptions with(CovarianceRoute route, BarlowTwinsOptions options = {}) {
  options.covariance_route = route;
  return options;
}
BarlowTwinsOptions with_weight(double off_diagonal_weight) {
  BarlowTwinsOptions options;
  options.off_diagonal_weight = off_diagonal_weight;
  return options;
}
BarlowTwinsOptions with_epsilon(double epsilon, BarlowTwinsOptions options = {}) {
  options.epsilon = epsilon;
  return options;
}

double squares(const Matrix<double>& x) {
  double sum = 0;
  for (const double entry : x.entries()) sum += entry * entry;
  return sum;
}

// What the sample route's subtraction costs: all squares of C over those off the diagonal.
double subtraction(const std::vector<Matrix<double>>& z, const BarlowTwinsOptions& options) {
  const reference::StandardColumns a(z[0], options.epsilon), b(z[1], options.epsilon);
  Matrix<double> ignored_a(a.rows.rows(), a.rows.cols()), ignored_b = ignored_a;
  const auto redundancy = [&](double weight) {
    return reference::cross_correlation_loss(a.rows, b.rows, {weight, 1, 0}, ignored_a, ignored_b);
  };
  const double invariance = redundancy(0), off_diagonal = redundancy(1) - invariance;
  double diagonal = 0;
  for (std::size_t j = 0; j < a.rows.cols(); ++j) {
    double c = 0;
    for (std::size_t n = 0; n < a.rows.rows(); ++n) c += a.rows(n, j) * b.rows(n, j);
    diagonal += std::pow(c / static_cast<double>(a.rows.rows()), 2);
  }
  return (diagonal + off_diagonal) / off_diagonal;
}

// What the way back through the standardised columns costs: it keeps what is at right angles to
// them. Two samples leave nothing but the share of ε.
double projection(const std::vector<Matrix<double>>& z, const BarlowTwinsOptions& options) {
  const reference::StandardColumns a(z[0], options.epsilon), b(z[1], options.epsilon);
  Matrix<double> d_a(z[0].rows(), z[0].cols()), d_b = d_a;
  reference::cross_correlation_loss(a.rows, b.rows, to_reference(options), d_a, d_b);
  const double kept = squares(a.backward(d_a)) + squares(b.backward(d_b));
  for (std::size_t n = 0; n < d_a.rows(); ++n) {
    for (std::size_t j = 0; j < d_a.cols(); ++j) {
      d_a(n, j) /= a.deviation[j];
      d_b(n, j) /= b.deviation[j];
    }
  }
  return std::sqrt((squares(d_a) + squares(d_b)) / kept);
}

// What a single column's loss is, (1 − c)², keeps of â − b̂ where the views almost agree: with 1 − c
// = ½·mean (â − b̂)² an epsilon of â is so much of their difference.
double agreement(const reference::Result& expected, const BarlowTwinsOptions& options) {
  const double gap = std::sqrt(expected.value / options.scale);
  return gap > 0 ? std::max(1.0, 1 / std::sqrt(2 * gap)) : 1;
}

tests::LossCase barlow_case(const std::string& name, const BarlowTwinsOptions& options,
                            std::optional<tests::Golden> golden = {}) {
  tests::LossCase item;
  item.name = "BarlowTwins " + name;
  item.header = "barlow_twins";
  item.slow_by_columns = true;
  item.type = "BarlowTwins";
  item.arguments = {"z_a", "z_b"};
  item.reference = [=](const std::vector<Matrix<double>>& z) {
    return reference::barlow_twins(z[0], z[1], to_reference(options));
  };
  item.exchange = {1, 0};
  item.normalizes = false;
  item.centres = true;
  item.min_rows = options.epsilon > 0 ? 2 : 3;  // two samples have no gradient without ε
  if (options.covariance_route == CovarianceRoute::sample) {
    item.min_cols = 2;  // with one column nothing is left of the subtraction
  }
  item.magnifies = [options, of = item.reference](const auto& inputs, bool in_float) {
    const auto route = options.covariance_route;
    double factor = inputs[0].rows() == 2 ? projection(inputs, options) : 1;
    if (inputs[0].cols() == 1) factor *= agreement(of(inputs), options);
    // The automatic route promises all digits in float, and in double to lose 20 bits at most.
    if (route == CovarianceRoute::sample) factor *= subtraction(inputs, options);
    if (route == CovarianceRoute::automatic && !in_float && inputs[0].cols() > 1)
      factor *= std::min(subtraction(inputs, options), 1048576.0);
    return factor;
  };
  item.golden = golden;
  return tests::with_loss<BarlowTwins>(options, item);
}

template <class T>
tests::Findings against_reference(const BarlowTwinsOptions& options,
                                  const std::vector<Matrix<double>>& inputs) {
  const auto item = barlow_case("", options);
  const auto rounded = tests::cast<T>(inputs);
  const auto exact = tests::cast<double>(rounded);
  const auto loss = item.make<T>();
  return tests::check_reference(item, *loss, rounded, item.reference(exact),
                                item.amplification<T>(exact));
}

template <class T>
tests::Run<T> run(const BarlowTwinsOptions& options, const std::vector<Matrix<T>>& inputs) {
  const auto item = barlow_case("", options);
  return tests::run(*item.make<T>(), item, inputs);
}

std::vector<Matrix<double>> scaled(std::vector<Matrix<double>> views, double factor) {
  for (auto& view : views) {
    for (double& entry : view.entries()) entry *= factor;
  }
  return views;
}

}  // namespace

namespace tests {

const LossCases registered([]() -> std::vector<LossCase> {
  const auto sample = CovarianceRoute::sample, feature = CovarianceRoute::feature;
  // Ten times the golden numbers: the gradients of these few samples are small.
  BarlowTwinsOptions ten = with_weight(0.005);
  ten.scale = 10;
  const Golden one = golden::barlow_twins_005;
  const Golden ten_times{10 * one.value, 10 * one.d_a00, 10 * one.d_b00};
  return {
      barlow_case("official", {}),
      barlow_case("times 10", ten, ten_times),
      barlow_case("times 10, sample route", with(sample, ten), ten_times),
      barlow_case("times 10, feature route", with(feature, ten), ten_times),
      barlow_case("paper", BarlowTwinsOptions::paper()),
      barlow_case("solo_learn", BarlowTwinsOptions::solo_learn()),
      barlow_case("invariance only", with_weight(0)),
      barlow_case("weight 3, sample route", with(sample, with_weight(3))),
      barlow_case("weight 3, feature route", with(feature, with_weight(3))),
      barlow_case("epsilon 1", with_epsilon(1)),
  };
});

}  // namespace tests

TEST_CASE("BarlowTwins: the presets are what the paper and the libraries use") {
  const double golden = tests::golden::barlow_twins_005.value;
  BarlowTwins<double> solo_learn(BarlowTwinsOptions::solo_learn()), official(with_weight(0.005));
  CHECK(std::abs(solo_learn.value(tests::golden_a(), tests::golden_b()) - 0.025 * golden) <=
        tolerance::golden_double);
  CHECK(std::abs(official.value(tests::golden_a(), tests::golden_b()) - golden) <=
        tolerance::golden_double);
  CHECK(BarlowTwinsOptions::official().off_diagonal_weight == 0.0051);
  CHECK(BarlowTwinsOptions::paper().epsilon == 0);
}

TEST_CASE("BarlowTwins: the terms are given apart") {
  for (const auto route : routes) {
    BarlowTwins<double> loss(with(route)), invariance(with(route, with_weight(0)));
    const double value = loss.forward(tests::golden_a(), tests::golden_b());
    const auto terms = loss.terms();
    invariance.forward(tests::golden_a(), tests::golden_b());
    CHECK(terms.invariance == invariance.terms().invariance);
    CHECK(std::isnan(invariance.terms().redundancy));
    CHECK(std::abs(terms.invariance + 0.0051 * terms.redundancy - value) <= 1e-15);
    CHECK(std::abs(terms.invariance + 0.005 * terms.redundancy -
                   tests::golden::barlow_twins_005.value) <= tolerance::golden_double);
    CHECK_THROWS_AS(loss.forward(tests::golden_a(), Matrix<double>(3, 3)), selfsup::ShapeError);
    CHECK(std::isnan(loss.terms().invariance));
    CHECK(std::isnan(loss.terms().redundancy));
  }
}

TEST_CASE("BarlowTwins: scale and shift of a column do not matter at epsilon 0") {
  const auto z = tests::random_views(9, 14, 5);
  Matrix<double> other = z[0];
  for (double& entry : other.entries()) entry = 2 * entry + 4;
  for (const auto route : routes) {
    BarlowTwins<double> loss(with(route, BarlowTwinsOptions::paper()));
    const double same = loss.forward(z[0], z[0]);
    CHECK(loss.terms().invariance == 0);
    CHECK(std::abs(loss.forward(z[0], other) - same) <= tolerance::rounding(32) * same);
    BarlowTwins<double> with_epsilon(with(route));
    CHECK(std::abs(with_epsilon.forward(z[0], other) - with_epsilon.forward(z[0], z[0])) >
          1e-9 * same);
  }
}

TEST_CASE("BarlowTwins: views that agree have no invariance to gain, to the last digit") {
  // 1 − c is the distance of the columns, not a difference of numbers near 1.
  const auto x = tests::cast<float>(tests::random_views(33, 7, 5));
  BarlowTwins<float> loss(BarlowTwinsOptions::paper());
  loss.forward(x[0], x[0]);
  CHECK(loss.terms().invariance == 0);
  auto z = tests::random_views(33, 7, 5, 2, 1e-3);
  const auto rounded = tests::cast<float>(z);
  z = tests::cast<double>(rounded);
  loss.forward(rounded[0], rounded[1]);
  const reference::BarlowTwins exact{0, 1, 0};
  const double expected = reference::barlow_twins(z[0], z[1], exact).value;
  // The views' own rounding, 2⁻²⁴, beside their distance of 1e-3.
  CHECK(std::abs(loss.terms().invariance - expected) <= 4 * 6e-8 / 1e-3 * expected);
}

TEST_CASE("BarlowTwins: a perfect batch costs nothing and has no gradient") {
  Matrix<double> z(8, 7);  // columns of a Hadamard matrix: mean 0, variance 1, uncorrelated
  for (std::size_t n = 0; n < 8; ++n) {
    for (std::size_t j = 0; j < 7; ++j) {
      std::size_t common = n & (j + 1), odd = 0;
      for (; common > 0; common >>= 1) odd ^= common & 1;
      z(n, j) = odd == 1 ? -1 : 1;
    }
  }
  for (const auto route : routes) {
    const auto found = run<double>(with(route, BarlowTwinsOptions::paper()), {z, z});
    CHECK(found.value == 0);
    CHECK(found.gradients[0].entries() == std::vector<double>(56, 0));
    CHECK(found.gradients[1].entries() == std::vector<double>(56, 0));
  }
}

TEST_CASE("BarlowTwins: both routes are right at N = D - 1, D and D + 1, and agree") {
  for (const std::size_t D : {3u, 5u, 16u, 33u, 100u}) {
    for (const std::size_t N : {D - 1, D, D + 1}) {
      auto z = tests::random_views(N, D, N);
      for (std::size_t n = 0; n < N; ++n) z[0](n, 1) *= 1000;  // standardised away
      for (const auto route : routes) {
        INFO(N << "x" << D << ", route " << static_cast<int>(route));
        CHECK_NONE(against_reference<float>(with(route, with_weight(1)), z));
        CHECK_NONE(against_reference<double>(with(route, with_weight(1)), z));
      }
    }
  }
}

TEST_CASE("BarlowTwins: products larger than a tile are right, on any threads, within any budget") {
  const auto z = tests::random_views(390, 400, 3);
  const auto rounded = tests::cast<float>(z);
  for (const auto route : {CovarianceRoute::sample, CovarianceRoute::feature}) {
    INFO("route " << static_cast<int>(route));
    const auto options = with(route, with_weight(1));
    CHECK_NONE(against_reference<float>(options, z));
    const auto item = barlow_case("", options);
    const auto expected = run<float>(options, rounded);
    for (const std::size_t budget : {std::size_t{0}, std::size_t{1} << 18})
      CHECK(tests::run(*item.make<float>(budget), item, rounded) == expected);
    for (const int threads : {1, 3}) {
      const tests::Threads scope(threads);
      CHECK(run<float>(options, rounded) == expected);
    }
  }
}

TEST_CASE("BarlowTwins: more threads than a small product has chunks give the same bits") {
  struct Shape {
    CovarianceRoute route;
    std::size_t N, D;
  };
  // Of the feature route, some that go by runs of 64 rows and what is left of one.
  for (const Shape& shape :
       {Shape{CovarianceRoute::sample, 37, 1500}, Shape{CovarianceRoute::sample, 150, 700},
        Shape{CovarianceRoute::feature, 1500, 45}, Shape{CovarianceRoute::feature, 4100, 45},
        Shape{CovarianceRoute::feature, 2000, 150}, Shape{CovarianceRoute::feature, 40, 20}}) {
    const auto z = tests::random_views(shape.N, shape.D, 3);
    const auto in_float = tests::cast<float>(z);
    const auto options = with(shape.route, with_weight(1));
    const auto expected = [&] {
      const tests::Threads one(1);
      return std::make_pair(run<float>(options, in_float), run<double>(options, z));
    }();
    for (const int threads : {2, 3, 5, 16, 64}) {
      INFO(shape.N << " x " << shape.D << ", " << threads << " threads");
      const tests::Threads scope(threads);
      CHECK(run<float>(options, in_float) == expected.first);
      CHECK(run<double>(options, z) == expected.second);
    }
  }
}

TEST_CASE("BarlowTwins: memory within the budget alone") {
  // 600 x 700: products of 600² or 700² floats are walked in tiles.
  const auto z = tests::cast<float>(tests::random_views(600, 700, 3));
  const std::size_t batch = 600 * 700 * sizeof(float);
  for (const auto route : {CovarianceRoute::sample, CovarianceRoute::feature}) {
    const tests::Threads one(1);
    BarlowTwinsOptions options = with(route);
    options.memory_budget = 0;
    BarlowTwins<float> loss(options);
    Matrix<float> d_a(600, 700), d_b(600, 700);
    loss.forward(z[0], z[1]);
    loss.backward(d_a, d_b);
    // Two views, their products, a packed copy, two tiles.
    CHECK(loss.bytes() < 5 * batch + batch / 4 + 2 * 384 * 384 * sizeof(float));
  }
}

TEST_CASE("BarlowTwins: the automatic route leaves the sample space where that would lose digits") {
  // 199 columns of a cosine transform, orthogonal and of mean 0, and two that are not: of all
  // squares of C a fiftieth lies off the diagonal.
  constexpr std::size_t N = 200, D = 201;
  Matrix<double> z = tests::random_matrix(N, D, 3);
  for (std::size_t n = 0; n < N; ++n) {
    for (std::size_t j = 0; j + 2 < D; ++j) {
      const double angle = static_cast<double>((2 * n + 1) * (j + 1)) / (2.0 * N);
      z(n, j) = std::cos(3.14159265358979323846 * angle);
    }
  }
  CHECK(subtraction({z, z}, {}) > 32);
  const auto options = with_weight(1);
  CHECK_NONE(against_reference<float>(options, {z, z}));
  const std::vector<Matrix<float>> rounded = tests::cast<float>(std::vector<Matrix<double>>{z, z});
  CHECK(run<float>(options, rounded) ==
        run<float>(with(CovarianceRoute::feature, options), rounded));
  // In double 20 bits are there to lose.
  CHECK(run<double>(options, {z, z}) ==
        run<double>(with(CovarianceRoute::sample, options), {z, z}));
}

TEST_CASE("BarlowTwins: an offset of 1e4 costs no digit") {
  for (const auto route : routes) {
    auto z = tests::random_views(20, 33, 7);
    for (auto& view : z) {
      for (double& entry : view.entries()) entry = 1e4 + std::round(entry * 64) / 64;
    }
    INFO("route " << static_cast<int>(route));
    CHECK_NONE(against_reference<float>(with(route), z));
    CHECK_NONE(against_reference<double>(with(route), z));
  }
}

TEST_CASE("BarlowTwins: a constant column correlates with nothing") {
  for (const auto route : routes) {
    auto z = tests::random_views(12, 17, 7);
    for (std::size_t n = 0; n < 12; ++n) {
      z[0](n, 4) = 0.1;                // of one view
      z[0](n, 9) = z[1](n, 9) = -1e4;  // of both
    }
    INFO("route " << static_cast<int>(route));
    CHECK_NONE(against_reference<float>(with(route), z));
    CHECK_NONE(against_reference<double>(with(route), z));
    const auto found = run<float>(with(route), tests::cast<float>(z));
    for (std::size_t n = 0; n < 12; ++n) {
      CHECK(found.gradients[0](n, 9) == 0);
      CHECK(found.gradients[1](n, 9) == 0);
    }
    const auto message = tests::message<selfsup::NonFiniteError>([&] {
      BarlowTwins<float>(with(route, BarlowTwinsOptions::paper()))
          .forward(tests::cast<float>(z[0]), tests::cast<float>(z[1]));
    });
    CHECK(message ==
          "BarlowTwins::forward: column 4 of z_a has no variance in float, which epsilon 0 would "
          "divide by");
  }
}

TEST_CASE("BarlowTwins: collapsed views cost one a column and have no gradient") {
  for (const auto route : routes) {
    for (const std::size_t N : {2u, 9u, 65u}) {
      for (const float fill : {0.0f, 0.1f, 1e4f}) {
        const Matrix<float> z(N, 20, fill);
        const auto found = run<float>(with(route), {z, z});
        CHECK(std::abs(found.value - 20) <= 20 * 1e-6f);
        CHECK(found.gradients[0].entries() == std::vector<float>(20 * N, 0));
        CHECK(found.gradients[1].entries() == std::vector<float>(20 * N, 0));
      }
    }
  }
}

TEST_CASE("BarlowTwins: rows of 1e-20 are collapsed") {
  const auto z = tests::cast<float>(scaled(tests::random_views(6, 5, 3), 1e-20));
  const auto found = run<float>({}, z);
  CHECK(std::abs(found.value - 5) <= 5 * 1e-6f);
  for (const float entry : found.gradients[0].entries()) CHECK(std::abs(entry) <= 1e-13f);
}

TEST_CASE("BarlowTwins: rows of 1e20 overflow in float and are refused by name") {
  for (const auto route : routes) {
    auto z = tests::cast<float>(tests::random_views(6, 5, 3));
    for (float& entry : z[1].entries()) entry = std::copysign(1.0f, entry);
    for (std::size_t n = 0; n < 6; ++n) z[1](n, 3) *= n % 2 == 0 ? 1e20f : -1e20f;
    BarlowTwins<float> loss(with(route));
    const auto text = tests::message<selfsup::NonFiniteError>([&] { loss.forward(z[0], z[1]); });
    CHECK(text == "BarlowTwins::forward: overflow in float, largest |z_b| is 1e+20 in column 3");
    Matrix<float> d_a(6, 5, 7), d_b(6, 5, 7);
    CHECK_THROWS_AS(loss.backward(d_a, d_b), selfsup::StateError);
    CHECK(d_a.entries() == std::vector<float>(30, 7));
  }
}

TEST_CASE("BarlowTwins: the gradient has no part along its columns, nor along their mean") {
  const auto z = tests::random_views(21, 30, 3);
  for (const auto route : routes) {
    const auto found = run<double>(with_epsilon(0, with(route, with_weight(1))), z);
    for (std::size_t k = 0; k < 2; ++k) {
      for (std::size_t j = 0; j < 30; ++j) {
        double sum = 0, along = 0, magnitude = 0, magnitude_along = 0;
        for (std::size_t n = 0; n < 21; ++n) {
          const double d = found.gradients[k](n, j);
          sum += d;
          along += d * z[k](n, j);
          magnitude += std::abs(d);
          magnitude_along += std::abs(d * z[k](n, j));
        }
        CHECK(std::abs(sum) <= tolerance::rounding(21) * 100 * magnitude);
        CHECK(std::abs(along) <= tolerance::rounding(21) * 100 * magnitude_along);
      }
    }
  }
}

TEST_CASE("BarlowTwins: the order of the columns does not matter") {
  constexpr std::size_t D = 30;
  const auto z = tests::random_views(21, D, 3);
  const auto permuted = [&](std::vector<Matrix<double>> matrices) {
    for (auto& matrix : matrices) {
      const auto copy = matrix;
      for (std::size_t n = 0; n < 21; ++n) {
        for (std::size_t j = 0; j < D; ++j) matrix(n, j * 7 % D) = copy(n, j);
      }
    }
    return matrices;
  };
  for (const auto route : routes) {
    const auto options = with(route, with_weight(1));
    const auto before = run<double>(options, z), after = run<double>(options, permuted(z));
    CHECK(std::abs(before.value - after.value) <= tolerance::rounding(72) * before.value);
    CHECK(tests::gradient_error(after.gradients, permuted(before.gradients)).entry <=
          tolerance::rounding(72));
  }
}

TEST_CASE("BarlowTwins: options out of range are refused") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const double wrong : {-1.0, nan, std::numeric_limits<double>::infinity()}) {
    CHECK_THROWS_AS(BarlowTwins<float>(with_weight(wrong)), selfsup::OptionError);
    CHECK_THROWS_AS(BarlowTwins<float>(with_epsilon(wrong)), selfsup::OptionError);
    BarlowTwinsOptions options;
    options.scale = wrong;
    CHECK_THROWS_AS(BarlowTwins<float>(options), selfsup::OptionError);
  }
  BarlowTwinsOptions options;
  options.scale = 0;
  CHECK_THROWS_AS(BarlowTwins<float>(options), selfsup::OptionError);
}

TEST_CASE("BarlowTwins: one sample has no variance") {
  const auto z = tests::random_views(1, 5, 3);
  const auto text =
      tests::message<selfsup::ShapeError>([&] { BarlowTwins<double>().forward(z[0], z[1]); });
  CHECK(text == "BarlowTwins::forward: z_a is 1x5, at least 2x1 expected");
}

#include "selfsup/core/leave.hpp"

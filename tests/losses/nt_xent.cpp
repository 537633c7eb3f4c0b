#include "selfsup/losses/nt_xent.hpp"

#include "catch.hpp"
#include "losses/loss_case.hpp"
#include "losses/norm_epsilon.hpp"
#include "losses/properties.hpp"
#include "message.hpp"
#include "reference/nt_xent.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

namespace {

using selfsup::NtXent;
using selfsup::NtXentOptions;
using selfsup::Reduction;
using tests::Matrix;
namespace reference = tests::reference;
namespace tolerance = tests::tolerance;

reference::Softmax softmax(const NtXentOptions& options, std::size_t rows) {
  const auto N = static_cast<double>(rows);
  reference::Softmax form;
  form.temperature = options.temperature;
  form.normalized = options.normalize;
  form.divisor = options.reduction == Reduction::sum          ? 1
                 : options.reduction == Reduction::view_means ? N
                                                              : 2 * N;
  form.decoupled = options.decoupled;
  form.hardest = options.hardest;
  form.positive_prior = options.positive_prior;
  form.hard_negative_beta = options.hard_negative_beta;
  return form;
}

tests::LossCase nt_xent_case(const std::string& name, const NtXentOptions& options,
                             std::optional<tests::Golden> golden = {}) {
  tests::LossCase item;
  item.name = "NtXent " + name;
  item.header = "nt_xent";
  item.slow_by_rows = true;
  item.type = "NtXent";
  item.arguments = {"z_a", "z_b"};
  item.reference = [options](const std::vector<Matrix<double>>& z) {
    return reference::nt_xent(z[0], z[1], softmax(options, z[0].rows()));
  };
  item.weighted_reference = [options](const auto& z, const std::vector<double>& weights) {
    reference::Softmax form = softmax(options, z[0].rows());
    form.weights = weights;
    return reference::nt_xent(z[0], z[1], form);
  };
  item.exchange = {1, 0};
  item.normalizes = options.normalize;
  // Hard negatives have exponents of (1 + β)s/τ.
  item.temperature = options.temperature / (1 + options.hard_negative_beta);
  if (options.positive_prior > 0) {
    item.magnifies = [item](const auto& inputs, bool) { return item.reference(inputs).cancels; };
  }
  if (item.temperature < 0.05) item.noise = 4;  // else all losses would be as small as 1e-40
  if (!options.normalize) {
    // The accuracy promised is that of cosines; larger similarities have larger rounding.
    item.magnifies = [options](const auto& inputs, bool in_float) {
      const double reach = tests::largest_square(inputs);
      return std::max(1.0, in_float ? 0.1 / options.temperature * reach : reach);
    };
  }
  if (options.decoupled) item.min_rows = 2;
  item.selects = options.hardest > 0;
  if (options.decoupled) item.lowest = -std::numeric_limits<double>::infinity();
  item.golden = golden;
  return tests::with_loss<NtXent>(options, item);
}

NtXentOptions with_temperature(double temperature) {
  NtXentOptions options;
  options.temperature = temperature;
  return options;
}

NtXentOptions with_negatives(double temperature, double prior, double beta) {
  NtXentOptions options;
  options.temperature = temperature;
  options.positive_prior = prior;
  options.hard_negative_beta = beta;
  return options;
}

template <class T>
tests::Findings against_reference(const NtXentOptions& options,
                                  const std::vector<Matrix<double>>& inputs) {
  const auto item = nt_xent_case("", options);
  const auto rounded = tests::cast<T>(inputs);
  const auto loss = item.make<T>();
  return tests::check_reference(item, *loss, rounded, item.reference(tests::cast<double>(rounded)),
                                1);
}

}  // namespace

namespace tests {

const LossCases registered([]() -> std::vector<LossCase> {
  NtXentOptions sum, plain, plain_sharp, decoupled_sharp = NtXentOptions::dcl();
  decoupled_sharp.temperature = 0.002;
  NtXentOptions hardest, hardest_decoupled = NtXentOptions::dcl();
  hardest.hardest = 3;
  hardest_decoupled.hardest = 2;
  sum.reduction = Reduction::sum;
  plain.normalize = plain_sharp.normalize = false;
  plain.temperature = 1;
  plain_sharp.temperature = 0.2;
  return {
      nt_xent_case("default", {}, golden::nt_xent_01),
      nt_xent_case("0.5", with_temperature(0.5), golden::nt_xent_05),
      nt_xent_case("0.01, an online maximum in float", with_temperature(0.01)),
      nt_xent_case("0.002, an online maximum in double", with_temperature(0.002)),
      nt_xent_case("sum", sum),
      nt_xent_case("simclr_official", NtXentOptions::simclr_official()),
      nt_xent_case("dcl", NtXentOptions::dcl(), golden::nt_xent_decoupled_01),
      nt_xent_case("decoupled, 0.002", decoupled_sharp),
      nt_xent_case("hcl", NtXentOptions::hcl(), golden::nt_xent_hcl),
      nt_xent_case("debiased", with_negatives(0.5, 0.1, 0)),
      nt_xent_case("hard", with_negatives(0.5, 0, 0.7)),
      nt_xent_case("hcl, 0.05, an online maximum in float", with_negatives(0.05, 0.05, 2)),
      nt_xent_case("hard, 0.002, an online maximum in double", with_negatives(0.002, 0, 1)),
      nt_xent_case("hardest", hardest),
      nt_xent_case("hardest, decoupled", hardest_decoupled),
      nt_xent_case("without normalisation", plain),
      nt_xent_case("without normalisation, 0.2", plain_sharp),
  };
});

}  // namespace tests

TEST_CASE("NtXent: the derivative by the temperature meets the golden number") {
  NtXent<double> loss(with_temperature(0.5));
  Matrix<double> d_a(4, 3), d_b(4, 3);
  loss.forward(tests::golden_a(), tests::golden_b());
  loss.backward(d_a, d_b);
  CHECK(std::abs(loss.d_temperature() - tests::golden::nt_xent_05_d_temperature) <=
        tolerance::golden_double);
}

TEST_CASE("NtXent: the derivative by the temperature belongs to the last backward") {
  NtXent<double> loss;
  Matrix<double> d_a(4, 3), d_b(4, 3);
  CHECK_THROWS_AS(loss.d_temperature(), selfsup::StateError);
  loss.forward(tests::golden_a(), tests::golden_b());
  CHECK_THROWS_AS(loss.d_temperature(), selfsup::StateError);
  loss.backward(d_a, d_b);
  const double once = loss.d_temperature();
  loss.backward(d_a, d_b, 2);
  CHECK(loss.d_temperature() == 2 * once);
}

TEST_CASE("NtXent: set_temperature counts from the next forward on") {
  NtXent<double> loss(with_temperature(0.5)), other(with_temperature(0.2));
  const auto a = tests::golden_a(), b = tests::golden_b();
  Matrix<double> d_a(4, 3), d_b(4, 3), e_a(4, 3), e_b(4, 3);
  loss.forward(a, b);
  loss.backward(d_a, d_b);
  loss.set_temperature(0.2);
  loss.backward(e_a, e_b);
  CHECK(e_a.entries() == d_a.entries());
  CHECK(loss.forward(a, b) == other.forward(a, b));
  CHECK(loss.options().temperature == 0.2);
  CHECK_THROWS_AS(loss.set_temperature(0), selfsup::OptionError);
  CHECK(loss.options().temperature == 0.2);
}

TEST_CASE("NtXent: identical rows give ln(2N - 1) and no gradient") {
  for (const std::size_t N : {2u, 3u, 17u, 200u}) {
    Matrix<double> z(N, 5);
    for (std::size_t i = 0; i < z.entries().size(); ++i) {
      z.entries()[i] = 0.3 + static_cast<double>(i % 5);
    }
    Matrix<double> d_a(N, 5), d_b(N, 5);
    NtXent<double> loss;
    const double expected = std::log(static_cast<double>(2 * N - 1));
    CHECK(std::abs(loss.forward(z, z) - expected) <= tolerance::rounding(2 * N, 0.1) * expected);
    loss.backward(d_a, d_b);
    for (const double entry : d_a.entries()) CHECK(std::abs(entry) <= tolerance::rounding(N, 0.1));
  }
}

TEST_CASE("NtXent: equal orthonormal views give ln(e^(1/t) + 2N - 2) - 1/t") {
  for (const double temperature : {0.05, 0.5, 5.0}) {
    Matrix<double> z(6, 8);
    for (std::size_t n = 0; n < 6; ++n) z(n, n) = 2;
    NtXent<double> loss(with_temperature(temperature));
    const double expected = std::log1p(10 * std::exp(-1 / temperature));
    CHECK(std::abs(loss.forward(z, z) - expected) <=
          tolerance::rounding(12, temperature) * expected);
  }
}

TEST_CASE("NtXent: identical rows give ln(2N - 2) and no gradient when decoupled") {
  for (const std::size_t N : {2u, 17u, 200u}) {
    const Matrix<double> z(N, 5, 0.7);
    Matrix<double> d_a(N, 5), d_b(N, 5);
    NtXent<double> loss(NtXentOptions::dcl());
    const double expected = std::log(static_cast<double>(2 * N - 2));
    CHECK(std::abs(loss.forward(z, z) - expected) <= tolerance::rounding(2 * N, 0.1) * expected);
    loss.backward(d_a, d_b);
    for (const double entry : d_a.entries()) CHECK(std::abs(entry) <= tolerance::rounding(N, 0.1));
  }
}

TEST_CASE("NtXent: a single sample is refused when decoupled") {
  const Matrix<float> z(1, 9, 1);
  NtXent<float> loss(NtXentOptions::dcl());
  CHECK(tests::message<selfsup::ShapeError>([&] { loss.forward(z, z); }) ==
        "NtXent::forward: z_a is 1x9, an anchor needs at least one negative");
  CHECK(tests::message<selfsup::ShapeError>([&] { loss.value(z, z); }) ==
        "NtXent::value: z_a is 1x9, an anchor needs at least one negative");
}

TEST_CASE("NtXent: a positive as similar as a negative is a miss") {
  // Rows 0 and 1 of the first view are the same, so is row 1 of the second: their positives tie.
  auto z = tests::random_views(4, 33, 3, 2, 0.01);
  NtXent<float> loss;
  loss.forward(tests::cast<float>(z[0]), tests::cast<float>(z[1]));
  CHECK(loss.accuracy() == 1);
  for (std::size_t d = 0; d < 33; ++d) z[0](0, d) = z[0](1, d);
  loss.forward(tests::cast<float>(z[0]), tests::cast<float>(z[1]));
  // The twins miss, and so does the partner of row 1; the partner of row 0 has lost it.
  CHECK(loss.accuracy() == 0.5);
}

TEST_CASE("NtXent: identical rows with hard negatives give the logarithm of their number") {
  // N_g = (n − τ⁺n)/(1 − τ⁺)·e^(1/τ), so ℓ = ln(1 + n).
  for (const std::size_t N : {2u, 17u, 200u}) {
    const Matrix<double> z(N, 5, 0.7);
    NtXent<double> loss(NtXentOptions::hcl());
    const double expected = std::log(static_cast<double>(2 * N - 1));
    CHECK(std::abs(loss.forward(z, z) - expected) <= tolerance::rounding(2 * N, 0.1) * expected);
  }
}

TEST_CASE("NtXent: negatives on their floor are constants") {
  // Positives equal, negatives opposite or at right angles: n·mean − τ⁺n·e_p is far below 0.
  Matrix<double> z(2, 2);
  z(0, 0) = z(1, 1) = 1;
  for (const double temperature : {0.5, 0.05}) {
    NtXent<double> loss(with_negatives(temperature, 0.9, 1));
    const double expected = std::log1p(2 * std::exp(-2 / temperature));
    CHECK(std::abs(loss.forward(z, z) - expected) <=
          tolerance::rounding(4, temperature) * expected);
    Matrix<double> d_a(2, 2), d_b(2, 2);
    loss.backward(d_a, d_b);
    const double h = 1e-5 * temperature;
    const auto value = [&](double t) {
      return NtXent<double>(with_negatives(t, 0.9, 1)).value(z, z);
    };
    const double numeric = (value(temperature + h) - value(temperature - h)) / (2 * h);
    CHECK(std::abs(loss.d_temperature() - numeric) <= 1e-7 * std::abs(numeric) + 1e-12);
    for (const double entry : d_a.entries()) CHECK(entry == 0);  // along z, all of it
  }
}

TEST_CASE("NtXent: options of negatives are checked") {
  for (const double prior : {-0.1, 1.0, std::numeric_limits<double>::quiet_NaN()}) {
    CHECK_THROWS_AS(NtXent<float>(with_negatives(0.5, prior, 1)), selfsup::OptionError);
  }
  for (const double beta : {-0.1, std::numeric_limits<double>::infinity()}) {
    CHECK_THROWS_AS(NtXent<float>(with_negatives(0.5, 0, beta)), selfsup::OptionError);
  }
  for (const auto& [prior, beta] : {std::pair{0.1, 0.0}, std::pair{0.0, 1.0}}) {
    NtXentOptions options = with_negatives(0.5, prior, beta);
    options.normalize = false;
    CHECK(tests::message<selfsup::OptionError>([&] { NtXent<float>{options}; }) ==
          "NtXent: positive_prior and hard_negative_beta need normalize");
    options.normalize = true;
    options.hardest = 1;
    CHECK(tests::message<selfsup::OptionError>([&] { NtXent<float>{options}; }) ==
          "NtXent: hardest has no positive_prior and no hard_negative_beta");
    options.decoupled = true;
    CHECK(tests::message<selfsup::OptionError>([&] { NtXent<float>{options}; }) ==
          "NtXent: decoupled has no positive_prior and no hard_negative_beta");
  }
}

TEST_CASE("NtXent: a single sample with hard negatives gives exactly 0") {
  const auto z = tests::cast<float>(tests::random_views(1, 9, 1));
  for (const double temperature : {1e-3, 0.5, 1e3}) {
    Matrix<float> d_a(1, 9, 7), d_b(1, 9, 7);
    NtXent<float> loss(with_negatives(temperature, 0.1, 1));
    CHECK(loss.forward(z[0], z[1]) == 0);
    CHECK(loss.accuracy() == 1);
    loss.backward(d_a, d_b);
    CHECK(d_a.entries() == std::vector<float>(9, 0));
    CHECK(d_b.entries() == std::vector<float>(9, 0));
  }
}

TEST_CASE("NtXent: hard negatives are right at temperatures from 1e-3 to 1e3") {
  for (const double temperature : {1e-3, 1e-2, 1.0, 1e3}) {
    for (const auto& [prior, beta] : {std::pair{0.1, 1.0}, {0.0, 2.0}, {0.1, 0.0}}) {
      INFO("temperature " << temperature << ", prior " << prior << ", beta " << beta);
      const auto item = nt_xent_case("", with_negatives(temperature, prior, beta));
      const auto z = tests::random_views(50, 20, 5, 2, 4);
      const auto expected = item.reference(z);
      CHECK_NONE(tests::check_reference(item, *item.make<float>(), tests::cast<float>(z), expected,
                                        expected.cancels));
      CHECK_NONE(tests::check_reference(item, *item.make<double>(), z, expected, expected.cancels));
    }
  }
}

TEST_CASE("NtXent: as many hardest negatives as there are, or more, are all of them") {
  const auto z = tests::random_views(7, 6, 3);
  const auto item = nt_xent_case("", {});
  const auto loss = item.make<double>();
  const auto all = tests::run(*loss, item, z);
  for (const std::size_t k : {12u, 13u, 1000u}) {
    NtXentOptions options;
    options.hardest = k;
    const auto with = nt_xent_case("", options);
    CHECK(tests::run(*with.make<double>(), with, z) == all);
  }
}

TEST_CASE("NtXent: of equally similar negatives the first ones count") {
  auto z = tests::random_views(9, 6, 3);
  for (std::size_t d = 0; d < 6; ++d) {
    z[0](2, d) = z[0](5, d) = z[1](7, d) = z[0](8, d);
    z[0](4, d) = z[1](7, d) = z[1](3, d) = 0;
  }
  for (const std::size_t k : {1u, 2u, 3u, 5u}) {
    NtXentOptions options;
    options.hardest = k;
    CHECK_NONE(against_reference<float>(options, z));
    CHECK_NONE(against_reference<double>(options, z));
  }
}

TEST_CASE("NtXent: a single sample has no negatives, so exactly 0") {
  const auto z = tests::cast<float>(tests::random_views(1, 9, 1));
  Matrix<float> d_a(1, 9, 7), d_b(1, 9, 7);
  for (const double temperature : {1e-3, 0.1, 1e3}) {
    NtXent<float> loss(with_temperature(temperature));
    CHECK(loss.forward(z[0], z[1]) == 0);
    CHECK(loss.accuracy() == 1);
    loss.backward(d_a, d_b);
    CHECK(d_a.entries() == std::vector<float>(9, 0));
    CHECK(d_b.entries() == std::vector<float>(9, 0));
  }
}

TEST_CASE("NtXent: temperatures from 1e-3 to 1e3 are finite and right") {
  for (const double temperature : {1e-3, 1e-2, 1.0, 1e3}) {
    for (const std::size_t rows : {3u, 50u, 150u}) {
      INFO("temperature " << temperature << ", " << rows << " rows");
      const auto z = tests::random_views(rows, 20, 5);
      CHECK_NONE(against_reference<float>(with_temperature(temperature), z));
      CHECK_NONE(against_reference<double>(with_temperature(temperature), z));
    }
  }
}

TEST_CASE("NtXent: decoupled and with the hardest negatives right at 1e-3 and 1e3") {
  NtXentOptions hardest, both = NtXentOptions::dcl();
  hardest.hardest = both.hardest = 3;
  for (NtXentOptions options : {NtXentOptions::dcl(), hardest, both}) {
    for (const double temperature : {1e-3, 1e3}) {
      options.temperature = temperature;
      const auto item = nt_xent_case("", options);
      for (const std::size_t rows : {3u, 50u}) {
        INFO("temperature " << temperature << ", " << rows << " rows, decoupled "
                            << options.decoupled << ", hardest " << options.hardest);
        const auto z = tests::inputs_of(item, rows, 20);
        CHECK_NONE(against_reference<float>(options, z));
        CHECK_NONE(against_reference<double>(options, z));
      }
    }
  }
}

TEST_CASE("NtXent: a row of zeros has no gradient, the others are right") {
  auto z = tests::random_views(9, 6, 3);
  for (std::size_t d = 0; d < 6; ++d) z[0](4, d) = z[1](7, d) = 0;
  CHECK_NONE(against_reference<float>({}, z));
  CHECK_NONE(against_reference<double>({}, z));
}

TEST_CASE("NtXent: duplicate rows and similarities of exactly 1 and -1 are right") {
  auto z = tests::random_views(9, 6, 3);
  for (std::size_t d = 0; d < 6; ++d) {
    z[0](1, d) = z[0](2, d) = z[1](2, d) = z[0](5, d);
    z[1](5, d) = -z[0](5, d);
  }
  CHECK_NONE(against_reference<float>({}, z));
  CHECK_NONE(against_reference<double>({}, z));
}

TEST_CASE("NtXent: temperatures out of range are refused") {
  for (const double temperature : {0.0, -0.1, std::numeric_limits<double>::infinity(),
                                   std::numeric_limits<double>::quiet_NaN()}) {
    CHECK_THROWS_AS(NtXent<float>(with_temperature(temperature)), selfsup::OptionError);
  }
  // Their inverse leaves the type: not the fault of any batch.
  CHECK_THROWS_AS(NtXent<float>(with_temperature(1e-39)), selfsup::OptionError);
  CHECK_THROWS_AS(NtXent<float>(with_temperature(1e50)), selfsup::OptionError);
  CHECK_NOTHROW(NtXent<double>(with_temperature(1e-39)));
}

TEST_CASE("NtXent: rows of 1e306 are as good as others in double") {
  auto z = tests::random_views(64, 20, 5);
  const double expected = NtXent<double>().forward(z[0], z[1]);
  for (auto& view : z) {
    for (double& entry : view.entries()) entry = std::ldexp(entry, 1015);
  }
  const double found = NtXent<double>().forward(z[0], z[1]);
  CHECK(std::abs(found - expected) <= 1e-12 * expected);
}

TEMPLATE_TEST_CASE("NtXent: rows shorter than norm_epsilon are divided by it", "", float, double) {
  tests::check_norm_epsilon<TestType, NtXentOptions>(
      [](const NtXentOptions& options) { return nt_xent_case("", options); });
}

TEST_CASE("NtXent: a row of zeros is no error where rows are not divided by their length") {
  NtXentOptions options;
  options.normalize = false;
  options.norm_epsilon = 0;
  NtXent<double> loss(options);
  Matrix<double> z_a(2, 20), z_b(2, 20);
  CHECK(std::isfinite(loss.forward(z_a, z_b)));
  for (std::size_t d = 0; d < 20; ++d) z_a(1, d) = 1e308;  // the length is outside the type
  CHECK(tests::message<selfsup::NonFiniteError>([&] { loss.forward(z_a, z_b); }) ==
        "NtXent::forward: overflow in double, largest |z_a| is 1e+308 in column 0");
}

TEST_CASE("NtXent: a product that overflows is an error, also if it is the positive's alone") {
  Matrix<float> axes(3, 3), turned(3, 3);
  for (std::size_t n = 0; n < 3; ++n) axes(n, n) = turned(n, (n + 1) % 3) = 2e19f;
  NtXentOptions options;
  options.normalize = false;
  for (const std::size_t hardest : {0u, 1u}) {
    options.hardest = hardest;
    CHECK_THROWS_AS(NtXent<float>(options).value(axes, axes), selfsup::NonFiniteError);
    CHECK_THROWS_AS(NtXent<float>(options).value(axes, turned), selfsup::NonFiniteError);
  }
}

#include "selfsup/losses/lejepa.hpp"

#include "catch.hpp"
#include "losses/loss_case.hpp"
#include "losses/properties.hpp"
#include "losses/steps.hpp"
#include "message.hpp"
#include "reference/sigreg.hpp"

#include "selfsup/kernels/slices/slices.hpp"

#include <cmath>
#include <limits>
#include <string>
#include <vector>

namespace {

using selfsup::LeJepa;
using selfsup::LeJepaOptions;
using tests::Matrix;
namespace reference = tests::reference;
namespace tolerance = tests::tolerance;

LeJepaOptions with(double sigreg_weight, std::size_t slices) {
  LeJepaOptions options;
  options.sigreg_weight = sigreg_weight;
  options.slices = slices;
  options.seed = 2;
  return options;
}

Matrix<double> slices_of(const LeJepaOptions& options, std::size_t D) {
  selfsup::kernels::Slices<double> slices;
  slices.prepare("", options.slices, D, {options.seed, 0});
  Matrix<double> u(D, options.slices);
  for (std::size_t d = 0; d < D; ++d) {
    for (std::size_t s = 0; s < options.slices; ++s) u(d, s) = slices.columns()(d, s);
  }
  return u;
}

tests::LossCase lejepa_case(const std::string& name, const LeJepaOptions& options) {
  tests::LossCase item;
  item.name = "LeJepa " + name;
  item.header = "lejepa";
  item.slow_by_rows = true;
  item.type = "LeJepa";
  item.arguments = {"z_a", "z_b"};
  item.exchange = {1, 0};
  item.reference = [=](const std::vector<Matrix<double>>& z) {
    return reference::lejepa(z[0], z[1], slices_of(options, z[0].cols()), options.sigreg_weight);
  };
  item.normalizes = false;
  item.by_angles = true;
  return tests::with_loss<LeJepa>(options, item);
}

}  // namespace

namespace tests {

const LossCases registered([]() -> std::vector<LossCase> {
  return {lejepa_case("half", with(0.5, 21)), lejepa_case("paper's weight", with(0.05, 6)),
          lejepa_case("invariance only", with(0, 3)), lejepa_case("SIGReg only", with(1, 9))};
});

}  // namespace tests

TEST_CASE("LeJepa: the terms, along given slices, meet the golden number") {
  LeJepaOptions options;
  for (const double weight : {0.05, 0.5, 1.0}) {
    options.sigreg_weight = weight;
    LeJepa<double> loss(options);
    loss.set_slices(tests::golden_slices());
    const auto a = tests::golden_a();
    const double value = loss.forward(a, a);
    CHECK(std::abs(loss.terms().sigreg - tests::golden::sigreg) <= tolerance::golden_double);
    CHECK(std::abs(value - weight * tests::golden::sigreg) <= tolerance::golden_double);
    Matrix<double> d_a(4, 3), d_b(4, 3);
    loss.backward(d_a, d_b);
    CHECK(std::abs(d_a(0, 0) - weight / 2 * tests::golden::sigreg_d_a00) <=
          tolerance::golden_double);
    CHECK(d_a.entries() == d_b.entries());
  }
}

TEST_CASE("LeJepa: the invariance is VICReg's golden number divided by 4") {
  LeJepa<double> loss(with(0, 4));
  const double value = loss.forward(tests::golden_a(), tests::golden_b());
  CHECK(std::abs(value - tests::golden::vicreg_invariance / 4) <= tolerance::golden_double);
  CHECK(loss.terms().invariance == value);
}

TEST_CASE("LeJepa: a term of weight 0 is not computed and shows NaN") {
  LeJepa<double> invariance(with(0, 4)), sigreg(with(1, 4));
  for (auto* loss : {&invariance, &sigreg}) loss->forward(tests::golden_a(), tests::golden_b());
  CHECK(std::isnan(invariance.terms().sigreg));
  CHECK_FALSE(std::isnan(invariance.terms().invariance));
  CHECK(std::isnan(sigreg.terms().invariance));
  CHECK_FALSE(std::isnan(sigreg.terms().sigreg));
}

TEST_CASE("LeJepa: each forward takes the slices of the next step, unless some are given") {
  const auto z = tests::random_views(9, 5, 3);
  tests::check_steps(LeJepa<double>(with(0.5, 4)), z[0], z[1]);
  LeJepa<double> loss(with(0.5, 4));
  const double first = loss.forward(z[0], z[1]);
  loss.set_slices(slices_of(with(0.5, 4), 5));
  Matrix<double> d_a(9, 5), d_b(9, 5);
  CHECK_THROWS_AS(loss.backward(d_a, d_b), selfsup::StateError);
  CHECK(loss.forward(z[0], z[1]) == first);
  CHECK(loss.forward(z[0], z[1]) == first);
}

TEST_CASE("LeJepa: options out of range are refused") {
  for (const double weight : {-0.1, 1.1, std::numeric_limits<double>::quiet_NaN()})
    CHECK_THROWS_AS(LeJepa<float>(with(weight, 4)), selfsup::OptionError);
  CHECK_THROWS_AS(LeJepa<float>(with(0.5, 0)), selfsup::OptionError);
  CHECK(tests::message<selfsup::OptionError>([] { LeJepa<float> loss(with(1.5, 4)); }) ==
        "LeJepa: sigreg_weight is 1.5, a number from 0 to 1 expected");
}

TEST_CASE("LeJepa: given slices that do not fit are refused") {
  const auto z = tests::random_views(9, 5, 3);
  LeJepa<double> loss;
  loss.set_slices(tests::golden_slices());
  CHECK(tests::message<selfsup::ShapeError>([&] { loss.forward(z[0], z[1]); }) ==
        "LeJepa::forward: slices are 3x2, the batch has 5 columns");
  CHECK_THROWS_AS(loss.set_slices({}), selfsup::ShapeError);
}

TEST_CASE("LeJepa: distances that overflow are refused by name") {
  auto z = tests::cast<float>(tests::random_views(6, 5, 3));
  z[1](2, 3) = 1e25f;
  LeJepa<float> loss(with(0.5, 4));
  CHECK(tests::message<selfsup::NonFiniteError>([&] { loss.forward(z[0], z[1]); }) ==
        "LeJepa::forward: overflow in float, largest |z_b| is 1e+25 in column 3");
}

TEST_CASE("LeJepa: the presets are what the paper and the released code use") {
  CHECK(LeJepaOptions::paper().sigreg_weight == 0.05);
  CHECK(LeJepaOptions::paper().slices == 1024);
  CHECK(LeJepaOptions::lejepa_minimal().sigreg_weight == 0.02);
  CHECK(LeJepaOptions::lejepa_minimal().slices == 256);
}

TEST_CASE("LeJepa: a gradient without contiguous rows leaves what forward has kept") {
  const auto z = tests::random_views(9, 5, 3);
  LeJepa<double> loss(with(0.5, 4));
  Matrix<double> before_a(9, 5), before_b(9, 5), a(9, 5), b(9, 5), transposed(5, 9);
  loss.forward(z[0], z[1]);
  loss.backward(before_a, before_b);
  loss.backward(selfsup::MutView<double>(transposed).transposed(), b, 3);
  loss.backward(a, b);
  CHECK(a.entries() == before_a.entries());
  CHECK(b.entries() == before_b.entries());
}

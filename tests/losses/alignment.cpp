#include "selfsup/losses/alignment.hpp"

#include "catch.hpp"
#include "losses/loss_case.hpp"
#include "losses/norm_epsilon.hpp"
#include "losses/properties.hpp"
#include "reference/alignment.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

namespace {

using selfsup::Alignment;
using selfsup::AlignmentOptions;
using tests::Matrix;
namespace reference = tests::reference;
namespace tolerance = tests::tolerance;

AlignmentOptions with(double power, bool normalize = true) {
  AlignmentOptions options;
  options.power = power;
  options.normalize = normalize;
  return options;
}

double least_distance(const std::vector<Matrix<double>>& z, bool normalize) {
  double least = std::numeric_limits<double>::infinity();
  for (std::size_t n = 0; n < z[0].rows(); ++n) {
    Matrix<double> a(1, z[0].cols()), b = a;
    for (std::size_t d = 0; d < z[0].cols(); ++d) {
      a(0, d) = z[0](n, d);
      b(0, d) = z[1](n, d);
    }
    least = std::min(least, std::sqrt(reference::alignment(a, b, 2, normalize).value));
  }
  return least;
}

tests::LossCase alignment_case(const std::string& name, const AlignmentOptions& options,
                               std::optional<tests::Golden> golden = {}) {
  tests::LossCase item;
  item.name = "Alignment " + name;
  item.header = "alignment";
  item.type = "Alignment";
  item.arguments = {"z_a", "z_b"};
  item.reference = [options](const std::vector<Matrix<double>>& z) {
    return reference::alignment(z[0], z[1], options.power, options.normalize);
  };
  item.exchange = {1, 0};
  item.normalizes = options.normalize;
  if (options.normalize) item.highest = std::pow(2, options.power);
  // A power of a square has power/2 times its relative error. The gradient of a power below 2 has
  // that of a small distance, too: four roundings of entries of size 1, where sixteen are allowed.
  item.magnifies = [options](const std::vector<Matrix<double>>& z, bool) {
    const double near = (2 - options.power) / 4 / least_distance(z, options.normalize);
    return std::max({1.0, options.power / 2, near});
  };
  item.golden = golden;
  return tests::with_loss<Alignment>(options, item);
}

}  // namespace

namespace tests {

const LossCases registered([]() -> std::vector<LossCase> {
  return {
      alignment_case("default", {}, golden::alignment),
      alignment_case("distance", with(1)),
      alignment_case("third power", with(3)),
      alignment_case("without normalisation", with(2, false)),
      alignment_case("distance without normalisation", with(1, false)),
  };
});

}  // namespace tests

TEST_CASE("Alignment: equal, opposite and orthogonal rows give 0, 2^power and 2^(power/2)") {
  Matrix<double> a(1, 3), b(1, 3), d_a(1, 3), d_b(1, 3);
  a(0, 0) = 2;
  for (const double power : {0.5, 1.0, 2.0, 3.0}) {
    Alignment<double> loss(with(power));
    CHECK(loss.forward(a, a) == 0);
    loss.backward(d_a, d_b);
    CHECK(d_a.entries() == std::vector<double>(3, 0));
    CHECK(d_b.entries() == std::vector<double>(3, 0));
    b = Matrix<double>(1, 3);
    b(0, 0) = -7;
    CHECK(std::abs(loss.forward(a, b) - std::pow(2, power)) <= tolerance::rounding(1) * 8);
    b(0, 0) = 0;
    b(0, 1) = 3;
    CHECK(std::abs(loss.forward(a, b) - std::pow(2, power / 2)) <= tolerance::rounding(1) * 4);
  }
}

TEST_CASE("Alignment: a zero row has no gradient, and lies at distance 1 from the others") {
  const auto z = tests::random_views(1, 5, 1);
  const Matrix<double> zero(1, 5);
  Matrix<double> d_a(1, 5), d_b(1, 5, 7);
  Alignment<double> loss(with(3));
  CHECK(std::abs(loss.forward(z[0], zero) - 1) <= tolerance::rounding(5));
  loss.backward(d_a, d_b);
  CHECK(d_b.entries() == std::vector<double>(5, 0));
}

// Squares of 1e-30 and 1e25 leave float, their roots do not.
TEST_CASE("Alignment: distances whose squares leave the type are right") {
  for (const bool normalize : {false, true}) {
    for (const float distance : {1e-30f, 1e-20f, 1e-3f, 1e20f, 1e25f}) {
      if (normalize && distance > 1) continue;
      Matrix<float> a(1, 5), b(1, 5), d_a(1, 5), d_b(1, 5);
      a(0, 0) = b(0, 0) = 1;
      a(0, 3) = distance;
      for (const double power : {0.5, 1.0, 1.25}) {
        Alignment<float> loss(with(power, normalize));
        const double expected = std::pow(static_cast<double>(distance), power);
        INFO("distance " << distance << ", power " << power);
        CHECK(std::abs(static_cast<double>(loss.forward(a, b)) - expected) <=
              tolerance::float_value * expected);
        loss.backward(d_a, d_b);
        const double slope = power * std::pow(static_cast<double>(distance), power - 1);
        CHECK(std::abs(static_cast<double>(d_a(0, 3)) - slope) <=
              tolerance::float_gradient * slope);
        CHECK(std::abs(static_cast<double>(d_b(0, 3)) + slope) <=
              tolerance::float_gradient * slope);
        for (const std::size_t d : {1u, 2u, 4u}) CHECK(d_a(0, d) == 0);
      }
    }
  }
}

TEST_CASE("Alignment: powers out of range are refused") {
  for (const double power : {0.0, -1.0, std::numeric_limits<double>::infinity(),
                             std::numeric_limits<double>::quiet_NaN()}) {
    CHECK_THROWS_AS(Alignment<float>(with(power)), selfsup::OptionError);
  }
}

TEMPLATE_TEST_CASE("Alignment: rows shorter than norm_epsilon are divided by it", "", float,
                   double) {
  tests::check_norm_epsilon<TestType, AlignmentOptions>(
      [](const AlignmentOptions& options) { return alignment_case("", options); });
}

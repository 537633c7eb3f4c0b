#include "selfsup/losses/uniformity.hpp"

#include "catch.hpp"
#include "losses/loss_case.hpp"
#include "losses/norm_epsilon.hpp"
#include "losses/properties.hpp"
#include "message.hpp"
#include "reference/uniformity.hpp"

#include <cmath>
#include <limits>
#include <string>
#include <vector>

namespace {

using selfsup::Uniformity;
using selfsup::UniformityOptions;
using tests::Matrix;
namespace reference = tests::reference;
namespace tolerance = tests::tolerance;

UniformityOptions with(double scale, bool normalize = true) {
  UniformityOptions options;
  options.scale = scale;
  options.normalize = normalize;
  return options;
}

tests::LossCase uniformity_case(const std::string& name, const UniformityOptions& options,
                                std::optional<tests::Golden> golden = {}) {
  tests::LossCase item;
  item.name = "Uniformity " + name;
  item.header = "uniformity";
  item.slow_by_rows = true;
  item.type = "Uniformity";
  item.arguments = {"z"};
  item.has_gradient = {true};
  item.reference = [options](const std::vector<Matrix<double>>& z) {
    return reference::uniformity(z[0], options.scale, options.normalize);
  };
  item.normalizes = options.normalize;
  item.lowest = options.normalize ? -4 * options.scale : -std::numeric_limits<double>::infinity();
  item.highest = 0;
  item.temperature = 1 / (2 * options.scale);
  item.min_rows = 2;
  item.golden = golden;
  // A squared distance is what is left of lengths and a product, so an exponent near 0, which is
  // the value of a batch near collapse, carries the rounding of t·|z|².
  item.value_scale = options.scale;
  return tests::with_loss<Uniformity>(options, item);
}

}  // namespace

namespace tests {

const LossCases registered([]() -> std::vector<LossCase> {
  return {
      uniformity_case("default", {}, golden::uniformity),
      uniformity_case("0.3", with(0.3)),
      uniformity_case("40, after a shift in float", with(40)),
      uniformity_case("400, after a shift in double", with(400)),
      uniformity_case("without normalisation", with(0.2, false)),
  };
});

}  // namespace tests

TEST_CASE("Uniformity: orthonormal rows give -2t, opposite ones -4t, equal ones 0") {
  for (const double scale : {0.1, 2.0, 30.0, 1000.0}) {
    Uniformity<double> loss(with(scale));
    const double allowed = tolerance::rounding(8) * scale;
    Matrix<double> orthonormal(6, 8);
    for (std::size_t n = 0; n < 6; ++n) orthonormal(n, n) = 3;
    CHECK(std::abs(loss.forward(orthonormal) + 2 * scale) <= allowed);
    Matrix<double> opposite = tests::random_matrix(2, 8, 1), d_z(2, 8);
    for (std::size_t c = 0; c < 8; ++c) opposite(1, c) = -3 * opposite(0, c);
    CHECK(std::abs(loss.forward(opposite) + 4 * scale) <= allowed);
    loss.backward(d_z);
    for (const double entry : d_z.entries()) CHECK(std::abs(entry) <= 10 * allowed);
    const Matrix<double> equal(7, 5, 0.7);
    CHECK(std::abs(loss.forward(equal)) <= allowed);
  }
}

TEST_CASE("Uniformity: an offset of rows that are not normalised costs no digit") {
  constexpr std::size_t N = 20, none = N;
  for (const double offset : {0.0, 1e3, 1e4, 1e6}) {
    for (const std::size_t far : {none, std::size_t{0}, N / 2, N - 1}) {
      auto z = tests::random_matrix(N, 16, 1);
      for (std::size_t n = 0; n < N; ++n) {
        for (std::size_t d = 0; d < 16; ++d)
          z(n, d) = (n == far ? -offset : offset) + 0.3 * z(n, d);
      }
      const auto rounded = tests::cast<float>(z);
      const auto expected = reference::uniformity(tests::cast<double>(rounded), 2, false);
      Uniformity<float> loss(with(2, false));
      Matrix<float> d_z(N, 16);
      INFO("offset " << offset << ", of row " << far << " the opposite");
      CHECK(std::abs(static_cast<double>(loss.forward(rounded)) - expected.value) <=
            tolerance::float_value * std::abs(expected.value));
      loss.backward(d_z);
      CHECK(tests::gradient_error<float>({d_z}, expected.gradients).ratio <=
            tolerance::float_gradient);
    }
  }
}

TEST_CASE("Uniformity: distances that overflow are an error") {
  for (const float big : {1e20f, 1e25f, 1e37f}) {
    auto z = tests::cast<float>(tests::random_matrix(9, 5, 1));
    for (float& entry : z.entries()) entry *= big;
    Uniformity<float> loss(with(2, false));
    const auto found = tests::message<selfsup::NonFiniteError>([&] { loss.forward(z); });
    CHECK(found.find("Uniformity::forward: overflow in float, largest |z| is ") == 0);
  }
}

TEST_CASE("Uniformity: a single row has no pair") {
  Uniformity<float> loss;
  const Matrix<float> z(1, 4, 1);
  CHECK(tests::message<selfsup::ShapeError>([&] { loss.forward(z); }) ==
        "Uniformity::forward: z is 1x4, at least 2x1 expected");
}

TEMPLATE_TEST_CASE("Uniformity: rows shorter than norm_epsilon are divided by it", "", float,
                   double) {
  tests::check_norm_epsilon<TestType, UniformityOptions>(
      [](const UniformityOptions& options) { return uniformity_case("", options); });
}

#include "selfsup/losses/byol.hpp"

#include "catch.hpp"
#include "losses/loss_case.hpp"
#include "losses/norm_epsilon.hpp"
#include "losses/properties.hpp"
#include "reference/byol.hpp"

#include <cmath>
#include <string>
#include <vector>

namespace {

using selfsup::Byol;
using selfsup::ByolForm;
using selfsup::ByolOptions;
using selfsup::Directions;
using selfsup::StopGradient;
using tests::Matrix;
namespace reference = tests::reference;
namespace tolerance = tests::tolerance;

tests::LossCase byol_case(const std::string& name, const ByolOptions& options,
                          std::size_t arguments, std::optional<tests::Golden> golden = {}) {
  tests::LossCase item;
  item.name = "Byol " + name;
  item.header = "byol";
  item.type = "Byol";
  const bool normalized = options.form == ByolForm::normalised;
  const double weight = options.directions == Directions::sum ? 1 : 0.5;
  if (arguments == 2) {
    item.arguments = {"p", "z"};
  } else {
    item.arguments = {"p_a", "p_b", "z_a", "z_b"};
    item.exchange = {1, 0, 3, 2};
  }
  item.reference = [=](const std::vector<Matrix<double>>& x) {
    const auto one = [=](const auto& p, const auto& z) {
      return reference::byol(p, z, normalized);
    };
    return arguments == 2 ? one(x[0], x[1]) : reference::both_directions(one, x, weight);
  };
  item.has_gradient.resize(arguments);
  for (std::size_t k = 0; k < arguments; ++k) {
    const bool predicts = k < arguments / 2;
    item.has_gradient[k] = options.stop_gradient == StopGradient::none ||
                           (options.stop_gradient == StopGradient::target) == predicts;
  }
  item.normalizes = normalized;
  if (normalized) item.highest = arguments == 2 ? 4 : 8 * weight;
  item.golden = golden;
  return tests::with_loss<Byol>(options, item);
}

ByolOptions with(StopGradient stop, ByolForm form = ByolForm::normalised,
                 Directions directions = Directions::sum) {
  ByolOptions options;
  options.stop_gradient = stop;
  options.form = form;
  options.directions = directions;
  return options;
}

template <class T>
Matrix<T> row(std::vector<T> entries) {
  Matrix<T> matrix(1, entries.size());
  matrix.entries() = std::move(entries);
  return matrix;
}

}  // namespace

namespace tests {

const LossCases registered([]() -> std::vector<LossCase> {
  std::vector<LossCase> cases;
  for (const std::size_t arguments : {2u, 4u}) {
    const std::string suffix = arguments == 2 ? ", one direction" : ", two directions";
    const auto golden =
        arguments == 2 ? std::optional<Golden>(tests::golden::byol) : std::optional<Golden>();
    for (const auto& [stop, name] : {std::pair{StopGradient::target, "target stopped"},
                                     std::pair{StopGradient::online, "online stopped"},
                                     std::pair{StopGradient::none, "none stopped"}}) {
      cases.push_back(byol_case(name + suffix, with(stop), arguments, golden));
      cases.push_back(
          byol_case("plain, " + (name + suffix), with(stop, ByolForm::plain), arguments));
    }
    cases.push_back(byol_case("mean" + suffix,
                              with(StopGradient::none, ByolForm::normalised, Directions::mean),
                              arguments, golden));
  }
  return cases;
});

}  // namespace tests

TEST_CASE("Byol: equal, opposite and orthogonal rows give 0, 4 and 2") {
  const auto p = row<double>({3, 0, 4});
  const double slack = tolerance::operations<double>(8);
  Byol<double> loss;
  CHECK(loss.forward(p, p) == 0);
  CHECK(std::abs(loss.forward(p, row<double>({-3, 0, -4})) - 4) <= slack);
  CHECK(std::abs(loss.forward(p, row<double>({0, 5, 0})) - 2) <= slack);
  CHECK(std::abs(loss.forward(p, p, row<double>({-3, 0, -4}), row<double>({-3, 0, -4})) - 8) <=
        2 * slack);
}

TEST_CASE("Byol: the same prediction and target give exactly 0 for any rows") {
  for (const std::size_t cols : {1u, 7u, 33u, 300u}) {
    const auto z = tests::cast<float>(tests::random_matrix(20, cols, cols));
    Byol<float> loss;
    CHECK(loss.forward(z, z) == 0);
    Matrix<float> d_p(20, cols, 7);
    loss.backward(d_p);
    for (const float entry : d_p.entries()) CHECK(entry == 0);
  }
}

TEST_CASE("Byol: a row of zeros gives 1 and has no gradient") {
  Byol<double> loss(with(StopGradient::none));
  const auto p = row<double>({0, 0}), z = row<double>({3, 4});
  Matrix<double> d_p(1, 2, 7), d_z(1, 2, 7);
  CHECK(std::abs(loss.forward(p, z) - 1) <= tolerance::operations<double>(4));
  loss.backward(d_p, d_z);
  CHECK(d_p.entries() == std::vector<double>{0, 0});
  CHECK(std::abs(d_z(0, 0)) <= tolerance::operations<double>(4));  // 2(ẑ − p̂) lies along z
  CHECK(loss.forward(p, p) == 0);
}

TEST_CASE("Byol: backward takes the gradients that forward can reach, no others") {
  const auto x = tests::random_views(4, 3, 1, 4);
  Matrix<double> a(4, 3, 7), b(4, 3, 7), c(4, 3, 7), d(4, 3, 7);
  for (const auto stop : {StopGradient::target, StopGradient::online}) {
    Byol<double> loss(with(stop));
    loss.forward(x[0], x[1]);
    CHECK_THROWS_AS(loss.backward(a, b), selfsup::ShapeError);
    CHECK_THROWS_AS(loss.backward(a, b, c, d), selfsup::ShapeError);
    CHECK_NOTHROW(loss.backward(a));
    loss.forward(x[0], x[1], x[2], x[3]);
    CHECK_THROWS_AS(loss.backward(b), selfsup::ShapeError);
    CHECK_THROWS_AS(loss.backward(b, b, c, d), selfsup::ShapeError);
    CHECK_NOTHROW(loss.backward(a, a));
  }
  Byol<double> loss(with(StopGradient::none));
  loss.forward(x[0], x[1]);
  CHECK_THROWS_AS(loss.backward(b), selfsup::ShapeError);
  CHECK_THROWS_AS(loss.backward(b, b, c, d), selfsup::ShapeError);
  loss.forward(x[0], x[1], x[2], x[3]);
  CHECK_THROWS_AS(loss.backward(b), selfsup::ShapeError);
  CHECK_THROWS_AS(loss.backward(b, c), selfsup::ShapeError);
  CHECK(b.entries() == std::vector<double>(12, 7));
}

TEST_CASE("Byol: empty braces skip an output") {
  const auto x = tests::random_views(5, 6, 3);
  Byol<double> loss(with(StopGradient::none));
  loss.forward(x[0], x[1]);
  Matrix<double> both(5, 6), d_z(5, 6), alone(5, 6);
  loss.backward(both, d_z);
  loss.backward(alone, {});
  CHECK(alone.entries() == both.entries());
}

TEMPLATE_TEST_CASE("Byol: rows shorter than norm_epsilon are divided by it", "", float, double) {
  ByolOptions options = with(StopGradient::none);
  const auto with_epsilon = [&](double norm_epsilon) {
    options.norm_epsilon = norm_epsilon;
    return byol_case("", options, 4);
  };
  const auto plain = byol_case("", with(StopGradient::none, ByolForm::plain), 4);
  tests::check_norm_epsilon<TestType>(with_epsilon, plain);
}

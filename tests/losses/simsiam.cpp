#include "selfsup/losses/simsiam.hpp"

#include "catch.hpp"
#include "losses/loss_case.hpp"
#include "losses/norm_epsilon.hpp"
#include "losses/properties.hpp"
#include "reference/byol.hpp"
#include "reference/simsiam.hpp"

#include <cmath>
#include <string>
#include <vector>

namespace {

using selfsup::SimSiam;
using selfsup::SimSiamOptions;
using selfsup::StopGradient;
using tests::Matrix;
namespace reference = tests::reference;
namespace tolerance = tests::tolerance;

SimSiamOptions with(StopGradient stop) {
  SimSiamOptions options;
  options.stop_gradient = stop;
  return options;
}

tests::LossCase simsiam_case(const std::string& name, StopGradient stop, std::size_t arguments,
                             std::optional<tests::Golden> golden = {}) {
  tests::LossCase item;
  item.name = "SimSiam " + name;
  item.header = "simsiam";
  item.type = "SimSiam";
  if (arguments == 2) {
    item.arguments = {"p", "z"};
  } else {
    item.arguments = {"p_a", "p_b", "z_a", "z_b"};
    item.exchange = {1, 0, 3, 2};
  }
  item.reference = [=](const std::vector<Matrix<double>>& x) {
    return arguments == 2 ? reference::simsiam(x[0], x[1])
                          : reference::both_directions(reference::simsiam, x, 0.5);
  };
  item.has_gradient.resize(arguments);
  for (std::size_t k = 0; k < arguments; ++k) {
    const bool predicts = k < arguments / 2;
    item.has_gradient[k] = stop == StopGradient::none || (stop == StopGradient::target) == predicts;
  }
  item.lowest = -1;
  item.highest = 1;
  item.golden = golden;
  return tests::with_loss<SimSiam>(with(stop), item);
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
  for (const auto& [stop, name] : {std::pair{StopGradient::target, "target stopped"},
                                   std::pair{StopGradient::online, "online stopped"},
                                   std::pair{StopGradient::none, "none stopped"}}) {
    cases.push_back(simsiam_case(name + std::string(", one direction"), stop, 2, golden::simsiam));
    cases.push_back(simsiam_case(name + std::string(", two directions"), stop, 4));
  }
  return cases;
});

}  // namespace tests

TEST_CASE("SimSiam: equal, opposite and orthogonal rows give -1, 1 and 0") {
  const auto p = row<double>({3, 0, 4});
  const double slack = tolerance::operations<double>(8);
  SimSiam<double> loss;
  CHECK(std::abs(loss.forward(p, p) + 1) <= slack);
  CHECK(std::abs(loss.forward(p, row<double>({-3, 0, -4})) - 1) <= slack);
  CHECK(loss.forward(p, row<double>({0, 5, 0})) == 0);
  CHECK(loss.forward(row<double>({0, 2, 3}), row<double>({0, 2, 3})) == -1);  // and not below
  CHECK(std::abs(loss.forward(p, p, p, p) + 1) <= slack);
}

TEST_CASE("SimSiam: a row of zeros gives 0 and has no gradient") {
  SimSiam<double> loss(with(StopGradient::none));
  Matrix<double> d_p(1, 2, 7), d_z(1, 2, 7);
  CHECK(loss.forward(row<double>({0, 0}), row<double>({3, 4})) == 0);
  loss.backward(d_p, d_z);
  CHECK(d_p.entries() == std::vector<double>{0, 0});
  CHECK(d_z.entries() == std::vector<double>{0, 0});
}

TEST_CASE("SimSiam: without a predictor the stop-gradient exactly halves the gradient") {
  const auto z = tests::random_views(9, 7, 1);
  SimSiam<double> stopped, free(with(StopGradient::none));
  Matrix<double> s_a(9, 7), s_b(9, 7), f_pa(9, 7), f_pb(9, 7), f_za(9, 7), f_zb(9, 7);
  CHECK(stopped.forward(z[0], z[1], z[0], z[1]) == free.forward(z[0], z[1], z[0], z[1]));
  stopped.backward(s_a, s_b);
  free.backward(f_pa, f_pb, f_za, f_zb);
  for (std::size_t i = 0; i < 63; ++i) {
    const double full = f_pa.entries()[i] + f_za.entries()[i];
    CHECK(std::abs(full - 2 * s_a.entries()[i]) <= tolerance::operations<double>(16));
  }
}

TEST_CASE("SimSiam: each norm is clamped, never the product of two") {
  auto x = tests::random_views(5, 6, 3);
  for (double& entry : x[0].entries()) entry *= std::ldexp(1.0, 30);
  for (double& entry : x[1].entries()) entry *= std::ldexp(1.0, -30);
  const auto expected = reference::simsiam(x[0], x[1]);
  SimSiam<float> loss;
  const auto found = loss.forward(tests::cast<float>(x[0]), tests::cast<float>(x[1]));
  CHECK(std::abs(static_cast<double>(found) - expected.value) <= tolerance::float_value);
}

TEST_CASE("SimSiam: backward takes the gradients that forward can reach, no others") {
  const auto x = tests::random_views(4, 3, 1, 4);
  Matrix<double> a(4, 3, 7), b(4, 3, 7), c(4, 3, 7), d(4, 3, 7);
  SimSiam<double> stopped, free(with(StopGradient::none));
  stopped.forward(x[0], x[1]);
  CHECK_THROWS_AS(stopped.backward(b, c), selfsup::ShapeError);
  CHECK_NOTHROW(stopped.backward(a));
  stopped.forward(x[0], x[1], x[2], x[3]);
  CHECK_THROWS_AS(stopped.backward(b), selfsup::ShapeError);
  CHECK_THROWS_AS(stopped.backward(a, b, c, d), selfsup::ShapeError);
  free.forward(x[0], x[1]);
  CHECK_THROWS_AS(free.backward(b), selfsup::ShapeError);
  free.forward(x[0], x[1], x[2], x[3]);
  CHECK_THROWS_AS(free.backward(b, c), selfsup::ShapeError);
  CHECK(b.entries() == std::vector<double>(12, 7));
}

TEST_CASE("SimSiam: empty braces skip an output") {
  const auto x = tests::random_views(5, 6, 3);
  SimSiam<double> loss(with(StopGradient::none));
  loss.forward(x[0], x[1]);
  Matrix<double> both(5, 6), d_z(5, 6), alone(5, 6);
  loss.backward(both, d_z);
  loss.backward(alone, {});
  CHECK(alone.entries() == both.entries());
}

namespace {

// −p·z/N, what SimSiam is of rows that are not normalised.
template <class T>
class MinusProduct {
 public:
  explicit MinusProduct(const SimSiamOptions& /*options*/) {}
  T forward(selfsup::ConstView<T> p, selfsup::ConstView<T> z) {
    T sum = 0;
    for (std::size_t n = 0; n < p.rows(); ++n) {
      for (std::size_t d = 0; d < p.cols(); ++d) sum -= p(n, d) * z(n, d);
    }
    return sum / static_cast<T>(p.rows());
  }
  T value(selfsup::ConstView<T> p, selfsup::ConstView<T> z) { return forward(p, z); }
  void backward(selfsup::MutView<T> /*d_p*/, selfsup::MutView<T> /*d_z*/, T /*d_loss*/ = 1) {}
  std::size_t bytes() const { return 0; }
};

}  // namespace

TEMPLATE_TEST_CASE("SimSiam: rows shorter than norm_epsilon are divided by it", "", float, double) {
  const tests::LossCase item = simsiam_case("", StopGradient::none, 2);
  const auto with_epsilon = [&](double norm_epsilon) {
    SimSiamOptions options = with(StopGradient::none);
    options.norm_epsilon = norm_epsilon;
    return tests::with_loss<SimSiam>(options, item);
  };
  const auto plain = tests::with_loss<MinusProduct>(SimSiamOptions(), item);
  tests::check_norm_epsilon<TestType>(with_epsilon, plain);
}

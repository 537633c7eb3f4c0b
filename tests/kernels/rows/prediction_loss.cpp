#include "selfsup/kernels/rows/prediction_loss.hpp"

#include "catch.hpp"
#include "executors.hpp"
#include "matrix.hpp"
#include "message.hpp"
#include "tolerances.hpp"

#include <cmath>
#include <cstddef>
#include <vector>

namespace {

using selfsup::ShapeError;
using selfsup::skip;
using selfsup::StateError;
using selfsup::StopGradient;
using selfsup::kernels::RowLoss;
using tests::Matrix;
namespace tolerance = tests::tolerance;

// Squared distances, a quarter of each of two directions.
template <class T>
class Distance : public selfsup::kernels::PredictionLoss<T> {
 public:
  explicit Distance(StopGradient stop = StopGradient::none)
      : selfsup::kernels::PredictionLoss<T>(
            {"Distance::forward", "Distance::value", "Distance::backward"},
            {RowLoss::plain_distance}, 0.25, stop) {}
};

template <class T>
double mean_distance(const Matrix<T>& p, const Matrix<T>& z) {
  double sum = 0;
  for (std::size_t i = 0; i < p.entries().size(); ++i)
    sum += std::pow(static_cast<double>(p.entries()[i]) - static_cast<double>(z.entries()[i]), 2);
  return sum / static_cast<double>(p.rows());
}

// `factor` times what the mean distance of five rows gives.
template <class T>
void check_gradient(const Matrix<T>& found, const Matrix<T>& own, const Matrix<T>& other,
                    double factor) {
  for (std::size_t i = 0; i < own.entries().size(); ++i) {
    const double expected =
        static_cast<double>(own.entries()[i] - other.entries()[i]) * 2 * factor / 5;
    CHECK(std::abs(static_cast<double>(found.entries()[i]) - expected) <=
          tolerance::operations<T>(4) * std::abs(expected));
  }
}

}  // namespace

TEMPLATE_TEST_CASE("a loss of predictions is a mean over rows, and its share of two directions", "",
                   float, double) {
  using T = TestType;
  const auto x = tests::cast<T>(tests::random_views(5, 17, 3, 4));
  Distance<T> loss;
  const auto close = [](T found, double expected) {
    return std::abs(static_cast<double>(found) / expected - 1) <= tolerance::operations<T>(8);
  };
  const T one = loss.forward(x[0], x[1]);
  CHECK(close(one, mean_distance(x[0], x[1])));
  CHECK(loss.value(x[0], x[1]) == one);
  const T two = loss.forward(x[0], x[1], x[2], x[3]);
  CHECK(close(two, 0.25 * (mean_distance(x[0], x[3]) + mean_distance(x[1], x[2]))));
  CHECK(loss.value(x[0], x[1], x[2], x[3]) == two);
}

TEMPLATE_TEST_CASE("backward takes one, two or four outputs and a factor", "", float, double) {
  using T = TestType;
  const auto x = tests::cast<T>(tests::random_views(5, 17, 3, 4));
  std::vector<Matrix<T>> d(4, Matrix<T>(5, 17));
  Distance<T> both, online(StopGradient::target);
  online.forward(x[0], x[1]);
  online.backward(d[0]);
  check_gradient(d[0], x[0], x[1], 1);
  online.backward(d[0], 3);
  check_gradient(d[0], x[0], x[1], 3);
  online.forward(x[0], x[1], x[2], x[3]);
  online.backward(d[0], d[1], 3);
  check_gradient(d[0], x[0], x[3], 0.75);
  check_gradient(d[1], x[1], x[2], 0.75);
  both.forward(x[0], x[1]);
  both.backward(d[0], d[1]);
  check_gradient(d[0], x[0], x[1], 1);
  check_gradient(d[1], x[1], x[0], 1);
  both.forward(x[0], x[1], x[2], x[3]);
  both.backward(d[0], skip, {}, d[3], 3);
  check_gradient(d[0], x[0], x[3], 0.75);
  check_gradient(d[3], x[3], x[0], 0.75);
}

TEST_CASE("each call of a loss of predictions is named in its messages") {
  const Matrix<double> z(3, 2, 1), other(3, 4, 1);
  Matrix<double> d_p(3, 2);
  Distance<double> loss(StopGradient::target);
  const auto message = [](const auto& call) { return tests::message<ShapeError>(call); };
  CHECK(message([&] { loss.forward(z, other); }) == "Distance::forward: z is 3x4, p is 3x2");
  CHECK(message([&] { loss.value(z, other); }) == "Distance::value: z is 3x4, p is 3x2");
  CHECK(message([&] { loss.forward(z, z, z, other); }) ==
        "Distance::forward: z_b is 3x4, p_a is 3x2");
  CHECK(message([&] { loss.value(z, z, other, z); }) == "Distance::value: z_a is 3x4, p_a is 3x2");
  loss.value(z, z);
  CHECK(tests::message<StateError>([&] { loss.backward(d_p); }) ==
        "Distance::backward: no forward to go back through; value keeps nothing");
}

TEST_CASE("all calls of a loss of predictions run on the executor that it was lent") {
  const auto x = tests::random_views(70, 1000, 3);
  Matrix<double> d_p(70, 1000), d_z(70, 1000);
  tests::Asked asked(3);
  Distance<double> loss;
  loss.run_on(asked);
  loss.forward(x[0], x[1]);
  const std::size_t forward = asked.calls();
  CHECK(forward > 0);
  loss.backward(d_p, d_z);
  const std::size_t backward = asked.calls();
  CHECK(backward > forward);
  loss.value(x[0], x[1]);
  CHECK(asked.calls() > backward);
  CHECK(asked.most() == 3);
}

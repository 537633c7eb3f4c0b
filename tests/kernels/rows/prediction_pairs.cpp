#include "selfsup/kernels/rows/prediction_pairs.hpp"

#include "catch.hpp"
#include "layout.hpp"
#include "matrix.hpp"
#include "message.hpp"
#include "tolerances.hpp"

#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

namespace {

using selfsup::Call;
using selfsup::NonFiniteError;
using selfsup::ShapeError;
using selfsup::skip;
using selfsup::StateError;
using selfsup::StopGradient;
using selfsup::kernels::PredictionPairs;
using selfsup::kernels::RowForm;
using selfsup::kernels::RowLoss;
using tests::Layout;
using tests::Matrix;
using tests::Stored;
namespace tolerance = tests::tolerance;

const RowForm distance{RowLoss::plain_distance};

double squared_distance(const Matrix<double>& p, const Matrix<double>& z) {
  double sum = 0;
  for (std::size_t i = 0; i < p.entries().size(); ++i)
    sum += std::pow(p.entries()[i] - z.entries()[i], 2);
  return sum;
}

// |p − z|² has 2(p − z) for p and the opposite for z.
template <class T>
void check_gradient(const Matrix<T>& found, const Matrix<double>& own, const Matrix<double>& other,
                    double factor) {
  double error = 0;
  for (std::size_t i = 0; i < own.entries().size(); ++i) {
    const double expected = 2 * factor * (own.entries()[i] - other.entries()[i]);
    error = tests::worse(error, std::abs(static_cast<double>(found.entries()[i]) / expected - 1));
  }
  CHECK(error <= tolerance::operations<T>(4));
}

}  // namespace

TEMPLATE_TEST_CASE("one direction pairs p with z, for either side that learns", "", float, double) {
  using T = TestType;
  for (const std::size_t D : {1u, 16u, 17u, 33u}) {
    const auto x = tests::random_views(5, D, D);
    for (const Layout layout : tests::layouts) {
      INFO("D = " << D << ", " << tests::name(layout));
      const Stored<T> p(tests::cast<T>(x[0]), layout), z(tests::cast<T>(x[1]), layout);
      const Call<T> call{"X::forward", {{"p", p}, {"z", z}}, 0, true};
      const double expected = 0.3 * squared_distance(x[0], x[1]);
      const auto out = [&] { return Stored<T>(Matrix<T>(5, D, 7), layout); };
      auto d_p = out(), d_z = out(), alone_p = out(), alone_z = out();
      PredictionPairs<T> pairs;
      const auto forward = [&](StopGradient stop) {
        const T loss = pairs.forward(call, distance, 0.3, stop);
        CHECK(std::abs(static_cast<double>(loss) / expected - 1) <= tolerance::operations<T>(8));
      };
      forward(StopGradient::none);
      pairs.backward("X::backward", {d_p, d_z}, 2);
      forward(StopGradient::target);
      pairs.backward("X::backward", {alone_p}, 2);
      forward(StopGradient::online);
      pairs.backward("X::backward", {alone_z}, 2);
      for (const auto* found : {&d_p, &alone_p}) check_gradient(found->matrix(), x[0], x[1], 0.6);
      for (const auto* found : {&d_z, &alone_z}) check_gradient(found->matrix(), x[1], x[0], 0.6);
      for (const auto* found : {&d_p, &alone_p, &d_z, &alone_z})
        CHECK(found->surroundings_untouched());
    }
  }
}

TEST_CASE("two directions pair each prediction with the target of the other view") {
  const auto x = tests::random_views(4, 17, 3, 4);
  const Call<double> call{
      "X::forward", {{"p_a", x[0]}, {"p_b", x[1]}, {"z_a", x[2]}, {"z_b", x[3]}}, 0, true};
  const double expected = 0.3 * (squared_distance(x[0], x[3]) + squared_distance(x[1], x[2]));
  for (const auto stop : {StopGradient::target, StopGradient::none, StopGradient::online}) {
    PredictionPairs<double> pairs;
    const double loss = pairs.forward(call, distance, 0.3, stop);
    CHECK(std::abs(loss / expected - 1) <= tolerance::operations<double>(8));
    std::vector<Matrix<double>> d(4, Matrix<double>(4, 17));
    if (stop == StopGradient::none) {
      pairs.backward("X::backward", {d[0], d[1], d[2], d[3]}, 1);
    } else {
      const std::size_t first = stop == StopGradient::target ? 0 : 2;
      pairs.backward("X::backward", {d[first], d[first + 1]}, 1);
    }
    const std::size_t partners[] = {3, 2, 1, 0};
    for (std::size_t i = 0; i < 4; ++i) {
      if (stop == (i < 2 ? StopGradient::online : StopGradient::target)) continue;
      check_gradient(d[i], x[i], x[partners[i]], 0.3);
    }
  }
}

TEST_CASE("outputs may be skipped; another number or shape of them is refused by name") {
  const auto x = tests::random_views(4, 3, 3, 4);
  const Call<double> two{
      "X::forward", {{"p_a", x[0]}, {"p_b", x[1]}, {"z_a", x[2]}, {"z_b", x[3]}}, 0, true};
  Matrix<double> a(4, 3, 7), b(4, 3, 7), wrong(3, 4, 7);
  PredictionPairs<double> pairs;
  const auto message = [&](auto... outputs) {
    return tests::message<ShapeError>([&] { pairs.backward("X::backward", {outputs...}, 1); });
  };
  using Out = selfsup::MutView<double>;
  pairs.forward(two, distance, 1, StopGradient::online);
  CHECK(message(Out(a)) == "X::backward: 1 outputs given, 2 expected: d_z_a, d_z_b");
  CHECK(message(Out(a), Out(wrong)) == "X::backward: d_z_b is 3x4, forward's batch is 4x3");
  CHECK(a.entries() == std::vector<double>(12, 7));
  pairs.forward(two, distance, 1, StopGradient::none);
  CHECK(message(Out(a), Out(b)) ==
        "X::backward: 2 outputs given, 4 expected: d_p_a, d_p_b, d_z_a, d_z_b");
  pairs.backward("X::backward", {skip, a, skip, b}, 1);
  check_gradient(a, x[1], x[2], 1);
  check_gradient(b, x[3], x[0], 1);
  const Call<double> one{"X::forward", {{"p", x[0]}, {"z", x[1]}}, 0, true};
  pairs.forward(one, distance, 1, StopGradient::target);
  CHECK(message(Out(a), Out(b)) == "X::backward: 2 outputs given, 1 expected: d_p");
  CHECK(message(Out(wrong)) == "X::backward: d_p is 3x4, forward's batch is 4x3");
}

TEST_CASE("backward follows a forward that kept its gradient and succeeded") {
  const auto x = tests::random_views(4, 3, 3);
  const Matrix<double> other(3, 3);
  auto broken = x[1];
  broken(2, 1) = std::numeric_limits<double>::quiet_NaN();
  const Call<double> keeps{"X::forward", {{"p", x[0]}, {"z", x[1]}}, 0, true};
  const Call<double> value{"X::value", {{"p", x[0]}, {"z", x[1]}}};
  const Call<double> fails{"X::forward", {{"p", x[0]}, {"z", broken}}, 0, true};
  const Call<double> shapes{"X::forward", {{"p", x[0]}, {"z", other}}, 0, true};
  Matrix<double> d_p(4, 3);
  PredictionPairs<double> pairs;
  const auto forward = [&](const Call<double>& call) {
    return pairs.forward(call, distance, 1, StopGradient::target);
  };
  const auto refused = [&] {
    return tests::message<StateError>([&] { pairs.backward("X::backward", {d_p}, 1); }) !=
           "nothing thrown";
  };
  CHECK(refused());
  const double kept = forward(keeps);
  CHECK(forward(value) == kept);
  CHECK(refused());
  forward(keeps);
  CHECK(!refused());
  CHECK(tests::message<NonFiniteError>([&] { forward(fails); }) ==
        "X::forward: z is NaN in row 2, column 1");
  CHECK(refused());
  forward(keeps);
  CHECK(tests::message<ShapeError>([&] { forward(shapes); }) == "X::forward: z is 3x3, p is 4x3");
  CHECK(refused());
}

TEST_CASE("a row of zeros has no direction with norm_epsilon 0") {
  const auto x = tests::random_views(4, 3, 3);
  auto zero = x[0];
  for (std::size_t d = 0; d < 3; ++d) zero(1, d) = 0;
  const Call<double> call{"X::forward", {{"p", x[0]}, {"z", zero}}};
  PredictionPairs<double> pairs;
  const auto forward = [&](double norm_epsilon) {
    pairs.forward(call, {RowLoss::unit_distance, norm_epsilon}, 1, StopGradient::target);
  };
  CHECK(tests::message<NonFiniteError>([&] { forward(0); }) ==
        "X::forward: z is 0 in row 1, which has no direction with norm_epsilon 0");
  CHECK_NOTHROW(forward(1e-12));
}

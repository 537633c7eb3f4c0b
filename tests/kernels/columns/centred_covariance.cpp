#include "selfsup/kernels/columns/centred_covariance.hpp"

#include "catch.hpp"
#include "kernels/columns/padded.hpp"
#include "kernels/rows/differences.hpp"
#include "layout.hpp"
#include "matrix.hpp"
#include "threads.hpp"
#include "tolerances.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <utility>
#include <vector>

namespace {

using selfsup::Call;
using selfsup::CovarianceRoute;
using selfsup::skip;
using selfsup::kernels::CentredCovariance;
using selfsup::kernels::VarianceHinge;
using tests::Layout;
using tests::Matrix;
using tests::Stored;
namespace tolerance = tests::tolerance;

constexpr CovarianceRoute routes[] = {CovarianceRoute::automatic, CovarianceRoute::sample,
                                      CovarianceRoute::feature};

// Of one view. Sample space magnifies its rounding by what it subtracts from.
struct Expected {
  double squares, off_diagonal, magnified;
};
Expected expected_sums(const Matrix<double>& z) {
  const auto zc = tests::centred(z);
  long double squares = 0, off_diagonal = 0, diagonal = 0;
  for (std::size_t i = 0; i < z.cols(); ++i) {
    for (std::size_t j = 0; j < z.cols(); ++j) {
      long double s = 0;
      for (std::size_t n = 0; n < z.rows(); ++n) s += zc(n, i) * zc(n, j);
      if (i == j) squares += s;
      (i == j ? diagonal : off_diagonal) += s * s;
    }
  }
  return {static_cast<double>(squares), static_cast<double>(off_diagonal),
          static_cast<double>(1 + diagonal / off_diagonal)};
}

double distance(const Matrix<double>& a, const Matrix<double>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.entries().size(); ++i)
    sum += std::pow(a.entries()[i] - b.entries()[i], 2);
  return sum;
}

// Both products, with Gram matrices that fit a tile and one that does not.
const std::pair<std::size_t, std::size_t> shapes[] = {{5, 17}, {17, 5}, {16, 33}, {3, 390}};

}  // namespace

TEMPLATE_TEST_CASE("sums of one view or two are right by every route, in every layout", "", float,
                   double) {
  using T = TestType;
  for (const auto& [N, D] : shapes) {
    const auto z = tests::random_views(N, D, 1);
    const Expected of_a = expected_sums(z[0]), of_b = expected_sums(z[1]);
    const double magnified = std::max(of_a.magnified, of_b.magnified);
    for (const CovarianceRoute route : routes) {
      for (const Layout layout : tests::layouts) {
        INFO(N << "x" << D << ", " << tests::name(layout));
        const Stored<T> a(tests::cast<T>(z[0]), layout), b(tests::cast<T>(z[1]), layout);
        const double allowed = magnified * tests::sum_allowed<T>(N + D);
        const auto close = [&](double found, double expected) {
          return std::abs(found / expected - 1) <= allowed;
        };
        CentredCovariance<T> covariance;
        const auto one =
            covariance.forward({"X::forward", {{"z", a}}, 1 << 20}, {false, true}, route);
        CHECK(close(one.squares, of_a.squares));
        CHECK(close(one.off_diagonal, of_a.off_diagonal));
        CHECK(one.difference == 0);
        CHECK(covariance.views() == 1);
        const Call<T> call{"X::forward", {{"z_a", a}, {"z_b", b}}, 1 << 20};
        const auto two = covariance.forward(call, {true, true}, route);
        CHECK(close(two.squares, of_a.squares + of_b.squares));
        CHECK(close(two.off_diagonal, of_a.off_diagonal + of_b.off_diagonal));
        CHECK(close(two.difference, distance(z[0], z[1])));
        CHECK(covariance.views() == 2);
        CHECK(covariance.rows() == N);
        CHECK(covariance.cols() == D);
        double squares = 0;
        for (std::size_t j = 0; j < D; ++j) squares += covariance.squares(1)[j];
        CHECK(close(squares, of_b.squares));
        const auto without = covariance.forward(call, {false, false}, route);
        CHECK(close(without.squares, of_a.squares + of_b.squares));
        CHECK(without.off_diagonal == 0);
        CHECK(without.difference == 0);
      }
    }
  }
}

TEST_CASE("gradients of what the sums make are those of differences, by every route") {
  const CentredCovariance<double>::Weights weights{0.3, 0.2, 0.7};
  for (const auto& [N, D] : shapes) {
    const auto z = tests::random_views(N, D, 1);
    const VarianceHinge hinge{N, D, 1, 1e-4};
    for (const CovarianceRoute route : routes) {
      for (const bool with_products : {true, false}) {
        INFO(N << "x" << D << ", products " << with_products);
        CentredCovariance<double> covariance;
        const auto value = [&, with_products = with_products, route = route](const auto& views) {
          const auto sums =
              covariance.forward({"X::forward", {{"a", views[0]}, {"b", views[1]}}, 1 << 20},
                                 {with_products, with_products}, route);
          return weights.difference / 2 * sums.difference +
                 weights.covariance / 4 * sums.off_diagonal +
                 weights.hinge *
                     (hinge.value(covariance.squares(0)) + hinge.value(covariance.squares(1)));
        };
        value(z);
        Stored<double> d_a(Matrix<double>(N, D, 7), Layout::every_second_column),
            d_b(Matrix<double>(N, D, 7), Layout::block);
        covariance.backward(weights, hinge, {{"d_a", d_a}, {"d_b", d_b}});
        for (std::size_t view = 0; view < 2; ++view) {
          const auto found = (view == 0 ? d_a : d_b).matrix();
          double error = 0, largest = 0;
          for (std::size_t i = 0; i < N * D; i += D / 5) {
            const auto at = [&](const Matrix<double>& moved) {
              auto views = z;
              views[view] = moved;
              return value(views);
            };
            const double expected = tests::difference(at, z[view], i / D, i % D);
            error = tests::worse(error, std::abs(found(i / D, i % D) - expected));
            largest = std::max(largest, std::abs(expected));
          }
          CHECK(error <= tolerance::difference * largest);
        }
        CHECK(d_a.surroundings_untouched());
        CHECK(d_b.surroundings_untouched());
      }
    }
  }
}

TEMPLATE_TEST_CASE("a skipped view leaves the other's gradient as it is", "", float, double) {
  using T = TestType;
  for (const auto& [N, D] : shapes) {
    const auto z = tests::cast<T>(tests::random_views(N, D, 1));
    const VarianceHinge hinge{N, D, 1, 1e-4};
    Matrix<T> d_a(N, D), d_b(N, D), alone(N, D);
    CentredCovariance<T> covariance;
    covariance.forward({"X::forward", {{"a", z[0]}, {"b", z[1]}}}, {true, true},
                       CovarianceRoute::automatic);
    covariance.backward({1, 1, 1}, hinge, {{"d_a", d_a}, {"d_b", d_b}});
    covariance.backward({1, 1, 1}, hinge, {{"d_a", skip}, {"d_b", alone}});
    CHECK(alone.entries() == d_b.entries());
    covariance.backward({1, 1, 1}, hinge, {{"d_a", alone}, {"d_b", skip}});
    CHECK(alone.entries() == d_a.entries());
  }
}

TEST_CASE("views may change once their sums are taken") {
  auto z = tests::random_views(5, 17, 1);
  const VarianceHinge hinge{5, 17, 1, 1e-4};
  Matrix<double> before(5, 17), after(5, 17);
  CentredCovariance<double> covariance;
  covariance.forward({"X::forward", {{"a", z[0]}, {"b", z[1]}}}, {true, true},
                     CovarianceRoute::automatic);
  covariance.backward({1, 1, 1}, hinge, {{"d_a", before}, {"d_b", skip}});
  z[0] = z[1] = Matrix<double>(5, 17);
  covariance.backward({1, 1, 1}, hinge, {{"d_a", after}, {"d_b", skip}});
  CHECK(after.entries() == before.entries());
}

TEMPLATE_TEST_CASE("sums of views that are not finite have no finite check value", "", float,
                   double) {
  using T = TestType;
  for (const auto& [N, D] : shapes) {
    for (const std::size_t view : {0u, 1u}) {
      auto z = tests::cast<T>(tests::random_views(N, D, 1));
      z[view](N - 1, D - 1) = std::numeric_limits<T>::quiet_NaN();
      CentredCovariance<T> covariance;
      const auto sums = covariance.forward({"X::forward", {{"a", z[0]}, {"b", z[1]}}}, {true, true},
                                           CovarianceRoute::automatic);
      CHECK(!selfsup::is_finite(sums.squares));
      CHECK(sums.off_diagonal == 0);
    }
  }
}

TEST_CASE("sums and gradients of views are the same bits on any number of threads") {
  const auto z = tests::cast<float>(tests::random_views(33, 300, 1));
  for (const CovarianceRoute route : routes) {
    CHECK(tests::same_on_any_threads([&, route = route] {
      CentredCovariance<float> covariance;
      const auto sums =
          covariance.forward({"X::forward", {{"a", z[0]}, {"b", z[1]}}}, {true, true}, route);
      Matrix<float> d_a(33, 300), d_b(33, 300);
      covariance.backward({1, 1, 1}, {33, 300, 1, 1e-4}, {{"d_a", d_a}, {"d_b", d_b}});
      return std::pair{std::vector{sums.squares, sums.difference, sums.off_diagonal},
                       std::pair{d_a.entries(), d_b.entries()}};
    }));
  }
}

#include "selfsup/kernels/columns/covariance.hpp"

#include "catch.hpp"
#include "kernels/columns/padded.hpp"
#include "kernels/rows/differences.hpp"
#include "matrix.hpp"
#include "threads.hpp"
#include "tolerances.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

namespace {

using selfsup::CovarianceRoute;
using selfsup::kernels::CentredView;
using selfsup::kernels::OffDiagonalSquares;
using selfsup::product::PaddedMatrix;
using tests::Matrix;
namespace tolerance = tests::tolerance;

constexpr CovarianceRoute routes[] = {CovarianceRoute::sample, CovarianceRoute::feature};

// S = ZcᵀZc without its diagonal, the double sum.
template <class T>
Matrix<double> off_diagonal(const Matrix<T>& zc) {
  Matrix<double> s(zc.cols(), zc.cols());
  for (std::size_t n = 0; n < zc.rows(); ++n)
    for (std::size_t i = 0; i < zc.cols(); ++i)
      for (std::size_t j = 0; j < zc.cols(); ++j)
        if (i != j) s(i, j) += static_cast<double>(zc(n, i)) * static_cast<double>(zc(n, j));
  return s;
}

double squares(const Matrix<double>& s) {
  double sum = 0;
  for (const double entry : s.entries()) sum += entry * entry;
  return sum;
}

// d/dZc = 4 Zc offdiag(S).
template <class T>
Matrix<double> expected_gradient(const Matrix<T>& zc) {
  const Matrix<double> s = off_diagonal(zc);
  Matrix<double> d(zc.rows(), zc.cols());
  for (std::size_t n = 0; n < zc.rows(); ++n)
    for (std::size_t j = 0; j < zc.cols(); ++j)
      for (std::size_t i = 0; i < zc.cols(); ++i)
        d(n, j) += 4 * static_cast<double>(zc(n, i)) * s(i, j);
  return d;
}

template <class T>
struct Found {
  double sum;
  Matrix<double> gradient;
};

// By the Gram matrix of the route where it fits, in one strip, else by a walk over tiles.
template <class T>
Found<T> run(const Matrix<T>& zc, CovarianceRoute route, std::size_t memory_budget = 1 << 20,
             bool* in_samples = nullptr) {
  const std::size_t N = zc.rows(), D = zc.cols();
  const CentredView<T> view = tests::centred_view(zc);
  OffDiagonalSquares<T> off_diagonal;
  off_diagonal.plan(N, D, route);
  Found<T> found{0, Matrix<double>(N, D)};
  if (off_diagonal.gram_fits()) {
    const bool samples = off_diagonal.in_samples();
    Matrix<T> transposed(D, N);
    for (std::size_t n = 0; n < N; ++n)
      for (std::size_t j = 0; j < D; ++j) transposed(j, n) = zc(n, j);
    const auto x = tests::padded(samples ? transposed : zc);
    off_diagonal.gram().begin(x.cols(), 1);
    off_diagonal.gram().add(0, x.row(0), x.stride(), x.rows(), true);
    found.sum = off_diagonal.forward_from_gram(view, memory_budget);
  } else {
    found.sum = off_diagonal.forward(view, memory_budget);
  }
  off_diagonal.reserve_backward();
  PaddedMatrix<T> product;
  if (!off_diagonal.gram_fits()) {
    CHECK(off_diagonal.may_need_product(N, D));
    product.reshape(N, D);
    off_diagonal.backward(view, product);
  }
  for (std::size_t n = 0; n < N; ++n) {
    for (std::size_t j = 0; j < D; ++j) {
      double p = 0;
      if (!off_diagonal.gram_fits()) {
        p = static_cast<double>(product.row(n)[j]);
      } else if (off_diagonal.in_samples()) {
        for (std::size_t m = 0; m < N; ++m)
          p += static_cast<double>(off_diagonal.gram().matrix().row(n)[m] * zc(m, j));
      } else {
        for (std::size_t i = 0; i < D; ++i)
          p += static_cast<double>(zc(n, i) * off_diagonal.gram().matrix().row(i)[j]);
      }
      if (off_diagonal.in_samples()) p -= static_cast<double>(zc(n, j)) * view.squares.data()[j];
      found.gradient(n, j) = 4 * p;
    }
  }
  if (in_samples) *in_samples = off_diagonal.in_samples();
  return found;
}

// What sample space subtracts from magnifies its rounding.
template <class T>
double amplification(const Matrix<T>& zc, CovarianceRoute route) {
  if (route == CovarianceRoute::feature) return 1;
  double diagonal = 0;
  const auto view = tests::centred_view(zc);
  for (std::size_t j = 0; j < zc.cols(); ++j)
    diagonal += view.squares.data()[j] * view.squares.data()[j];
  return 1 + diagonal / squares(off_diagonal(zc));
}

}  // namespace

TEMPLATE_TEST_CASE("squared covariances by either route are the double sum", "", float, double) {
  using T = TestType;
  // From 385 on no Gram matrix of the route fits a tile.
  for (const auto& [N, D] : {std::pair{2u, 1u},
                             {2u, 2u},
                             {5u, 15u},
                             {15u, 5u},
                             {16u, 17u},
                             {33u, 16u},
                             {7u, 33u},
                             {50u, 2u},
                             {5u, 390u},
                             {390u, 5u}}) {
    const auto zc = tests::cast<T>(tests::centred(tests::offset_matrix<T>(N, D, 1)));
    const double expected = squares(off_diagonal(zc));
    const auto gradient = expected_gradient(zc);
    for (const CovarianceRoute route : routes) {
      INFO(N << "x" << D << (route == CovarianceRoute::sample ? ", samples" : ", features"));
      const auto found = run(zc, route);
      if (D == 1) {
        CHECK(std::abs(found.sum) <= tolerance::operations<T>(8));
        continue;
      }
      const double a = amplification(zc, route);
      CHECK(std::abs(found.sum / expected - 1) <= a * tests::sum_allowed<T>(N + D));
      CHECK(tests::entry_error(found.gradient, gradient) <= a * tests::entry_allowed<T>(N + D));
    }
  }
}

TEST_CASE("the gradient of squared covariances is that of differences") {
  for (const auto& [N, D] : {std::pair{5u, 17u}, {17u, 5u}, {4u, 3u}}) {
    const auto zc = tests::cast<double>(tests::centred(tests::random_matrix(N, D, N)));
    for (const CovarianceRoute route : routes) {
      INFO(N << "x" << D << (route == CovarianceRoute::sample ? ", samples" : ", features"));
      const auto sum = [&, route = route](const Matrix<double>& x) { return run(x, route).sum; };
      CHECK(tests::entry_error(run(zc, route).gradient, tests::differences(sum, zc)) <=
            tolerance::difference);
    }
  }
}

TEST_CASE("sample space is taken for fewer samples than columns, unless it is told otherwise") {
  const auto route_of = [](std::size_t N, std::size_t D, CovarianceRoute route) {
    OffDiagonalSquares<float> off_diagonal;
    off_diagonal.plan(N, D, route);
    return std::pair{off_diagonal.in_samples(), off_diagonal.gram_fits()};
  };
  CHECK(route_of(9, 10, CovarianceRoute::automatic) == std::pair{true, true});
  CHECK(route_of(10, 10, CovarianceRoute::automatic) == std::pair{false, true});
  CHECK(route_of(9, 400, CovarianceRoute::feature) == std::pair{false, false});
  CHECK(route_of(9, 400, CovarianceRoute::automatic) == std::pair{true, true});
  CHECK(route_of(400, 9, CovarianceRoute::sample) == std::pair{true, false});
  CHECK(route_of(400, 9, CovarianceRoute::automatic) == std::pair{false, true});
}

TEMPLATE_TEST_CASE("sample space is left where its subtraction would lose digits", "", float,
                   double) {
  using T = TestType;
  // The squares of one column are 2^24 times all others' covariances and more.
  for (const auto& [N, D] : {std::pair{4u, 6u}, {390u, 400u}}) {
    INFO(N << "x" << D);
    auto z = tests::random_matrix(N, D, 3);
    for (std::size_t n = 0; n < N; ++n) z(n, 1) *= 0x1p20;
    const auto zc = tests::cast<T>(tests::centred(tests::cast<T>(z)));
    bool in_samples = true;
    const auto found = run(zc, CovarianceRoute::automatic, 1 << 20, &in_samples);
    CHECK(!in_samples);
    CHECK(std::abs(found.sum / squares(off_diagonal(zc)) - 1) <= tests::sum_allowed<T>(N + D));
    CHECK(tests::entry_error(found.gradient, expected_gradient(zc)) <=
          tests::entry_allowed<T>(N + D));
    const auto usual = tests::cast<T>(tests::centred(tests::random_matrix(N, D, 3)));
    run(usual, CovarianceRoute::automatic, 1 << 20, &in_samples);
    CHECK(in_samples);
  }
}

TEST_CASE("squared covariances are the same bits within any memory and on any threads") {
  for (const auto& [N, D] : {std::pair{5u, 390u}, {390u, 5u}}) {
    const auto zc = tests::cast<float>(tests::centred(tests::random_matrix(N, D, 1)));
    for (const CovarianceRoute route : routes) {
      const auto found = run(zc, route), tight = run(zc, route, 0);
      CHECK(found.sum == tight.sum);
      CHECK(found.gradient.entries() == tight.gradient.entries());
      CHECK(tests::same_on_any_threads([&, route = route] {
        const auto again = run(zc, route);
        return std::pair{again.sum, again.gradient.entries()};
      }));
    }
  }
}

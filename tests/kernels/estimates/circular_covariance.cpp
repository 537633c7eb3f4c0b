#include "selfsup/kernels/estimates/circular_covariance.hpp"

#include "catch.hpp"
#include "kernels/columns/padded.hpp"
#include "kernels/rows/differences.hpp"
#include "layout.hpp"
#include "matrix.hpp"
#include "threads.hpp"
#include "tolerances.hpp"

#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

namespace {

using selfsup::kernels::CentredView;
using selfsup::kernels::CircularCovariance;
using selfsup::kernels::ColumnShuffle;
using tests::Layout;
using tests::Matrix;
using tests::Stored;
namespace tolerance = tests::tolerance;

constexpr double factor = 0.4, weight = 1.5;

ColumnShuffle shuffle_of(std::size_t D) {
  ColumnShuffle shuffle;
  shuffle.prepare(D, {7, 3});
  return shuffle;
}

template <class T>
Matrix<T> centred_columns(std::size_t N, std::size_t D) {
  return tests::cast<T>(tests::centred(tests::random_matrix(N, D, N + D)));
}

// Σ_{k≠0} |factor·r_k|^q and weight times its gradient, by the double sum of each diagonal. The
// transforms' rounding is beside r_0.
struct Expected {
  double sum = 0, sum_allowed = 0;
  Matrix<double> gradient;

  template <class T>
  Expected(const Matrix<T>& zc, std::size_t exponent) : gradient(zc.rows(), zc.cols()) {
    const std::size_t N = zc.rows(), D = zc.cols();
    const double degrees = static_cast<double>(N - 1);
    std::vector<std::size_t> places(D), order(D);
    for (std::size_t j = 0; j < D; ++j) places[j] = j;
    shuffle_of(D).gather(places.data(), D, order.data());
    const auto at = [&](std::size_t n, std::size_t j) {
      return static_cast<double>(zc(n, order[j % D]));
    };
    double trace = 0;
    for (std::size_t k = 0; k < D; ++k) {
      double r = 0;
      for (std::size_t n = 0; n < N; ++n)
        for (std::size_t j = 0; j < D; ++j) r += factor * at(n, j) * at(n, j + k) / degrees;
      if (k == 0) trace = r;
      if (k == 0) continue;
      const double error = tolerance::rounding(D) * trace;
      sum += exponent == 1 ? std::abs(r) : r * r;
      sum_allowed += error * (exponent == 1 ? 1 : 2 * std::abs(r));
      const double slope = factor * (exponent == 2 ? 2 * r : r > 0 ? 1 : -1);
      for (std::size_t n = 0; n < N; ++n)
        for (std::size_t j = 0; j < D; ++j)
          gradient(n, order[j]) += weight * 2 / degrees * slope * at(n, j + k);
    }
  }
};

}  // namespace

TEST_CASE("a transform is as long as the row, or as the shortest padded one of small factors") {
  const auto largest_factor = [](std::size_t n) {
    std::size_t largest = 1;
    for (std::size_t prime = 2; n > 1; ++prime)
      for (; n % prime == 0; n /= prime) largest = prime;
    return largest;
  };
  for (std::size_t D = 1; D <= 400; ++D) {
    const std::size_t found = selfsup::kernels::circular_length(D);
    std::size_t expected = D;
    if (largest_factor(D) > 11) {
      expected = 2 * D - 1;
      while (expected % 4 != 0 || largest_factor(expected) > 5) ++expected;
    }
    INFO("D = " << D);
    CHECK(found == expected);
  }
}

TEMPLATE_TEST_CASE("sums over circular diagonals and their gradients are the double sums", "",
                   float, double) {
  using T = TestType;
  // Lengths of their own and padded ones, odd and even; more than eight rows share tables.
  for (const std::size_t N : {2u, 9u, 17u}) {
    for (const std::size_t D : {1u, 2u, 3u, 13u, 15u, 16u, 17u, 26u, 33u, 34u}) {
      const auto zc = centred_columns<T>(N, D);
      const CentredView<T> view = tests::centred_view(zc);
      const ColumnShuffle order = shuffle_of(D);
      for (const std::size_t exponent : {1u, 2u}) {
        INFO(N << "x" << D << ", exponent " << exponent);
        const Expected right(zc, exponent);
        CircularCovariance<T> circular;
        const double found = circular.forward(view, order, factor, exponent, true);
        CHECK(std::abs(found - right.sum) <= right.sum_allowed);
        CHECK(CircularCovariance<T>().forward(view, order, factor, exponent, false) == found);
        for (const Layout layout : tests::layouts) {
          Stored<T> d_z(Matrix<T>(N, D, 7), layout);
          circular.backward(order, weight, d_z);
          CHECK(tests::entry_error(d_z.matrix(), right.gradient) <= tests::entry_allowed<T>(N * D));
          CHECK(d_z.surroundings_untouched());
        }
      }
    }
  }
}

TEST_CASE("the gradient of sums over circular diagonals is that of differences") {
  for (const std::size_t D : {12u, 13u}) {
    const auto zc = centred_columns<double>(5, D);
    const ColumnShuffle order = shuffle_of(D);
    for (const std::size_t exponent : {1u, 2u}) {
      INFO("D = " << D << ", exponent " << exponent);
      CircularCovariance<double> circular;
      const auto sum = [&](const Matrix<double>& x) {
        return weight * circular.forward(tests::centred_view(x), order, factor, exponent, true);
      };
      const auto right = tests::differences(sum, zc);
      sum(zc);
      Matrix<double> d_z(5, D);
      circular.backward(order, weight, d_z);
      CHECK(tests::entry_error(d_z, right) <= tolerance::difference);
    }
  }
}

TEST_CASE("one object takes batches of any width, one after the other") {
  CircularCovariance<double> circular;
  for (const std::size_t D : {34u, 16u, 1u, 13u}) {
    const auto view = tests::centred_view(centred_columns<double>(9, D));
    const ColumnShuffle order = shuffle_of(D);
    CHECK(circular.forward(view, order, factor, 2, true) ==
          CircularCovariance<double>().forward(view, order, factor, 2, true));
  }
}

TEST_CASE("sums over circular diagonals are the same bits on any number of threads") {
  const auto view = tests::centred_view(centred_columns<float>(50, 34));
  const ColumnShuffle order = shuffle_of(34);
  CHECK(tests::same_on_any_threads([&] {
    CircularCovariance<float> circular;
    const double sum = circular.forward(view, order, factor, 2, true);
    Matrix<float> d_z(50, 34);
    circular.backward(order, weight, d_z);
    return std::pair{sum, d_z.entries()};
  }));
}

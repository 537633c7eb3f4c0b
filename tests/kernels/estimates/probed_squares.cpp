#include "selfsup/kernels/estimates/probed_squares.hpp"

#include "catch.hpp"
#include "kernels/columns/padded.hpp"
#include "kernels/rows/differences.hpp"
#include "layout.hpp"
#include "matrix.hpp"
#include "threads.hpp"
#include "tolerances.hpp"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace {

using selfsup::kernels::CentredView;
using selfsup::kernels::ProbedSquares;
using tests::Layout;
using tests::Matrix;
using tests::Stored;
namespace rng = selfsup::rng;
namespace tolerance = tests::tolerance;

constexpr rng::RandomPoint point{7, 3};
constexpr double weight = 0.3;

// Bit j of probe p's stream is the sign of column j.
Matrix<double> signs(std::size_t D, std::size_t count) {
  Matrix<double> omega(D, count);
  for (std::size_t p = 0; p < count; ++p) {
    rng::RandomStream random(point.seed, point.step, p);
    std::uint64_t bits = 0;
    for (std::size_t j = 0; j < D; ++j) {
      if (j % 64 == 0) bits = random.bits();
      omega(j, p) = (bits >> (j % 64)) % 2 == 1 ? 1 : -1;
    }
  }
  return omega;
}

// Σ|y|², y = offdiag(S)·ω, and weight times its gradient. The diagonal is subtracted, so that the
// rounding is beside that of all of S.
struct Expected {
  double sum = 0, magnified = 1;
  Matrix<double> gradient;

  template <class T>
  Expected(const Matrix<T>& zc, std::size_t count) : gradient(zc.rows(), zc.cols()) {
    const std::size_t N = zc.rows(), D = zc.cols();
    const auto z = tests::cast<double>(zc);
    const Matrix<double> omega = signs(D, count);
    double diagonal = 0;
    for (std::size_t p = 0; p < count; ++p) {
      std::vector<double> y(D);
      for (std::size_t i = 0; i < D; ++i) {
        for (std::size_t j = 0; j < D; ++j) {
          double s = 0;
          for (std::size_t n = 0; n < N; ++n) s += z(n, i) * z(n, j);
          if (i == j) diagonal += s * s;
          if (i != j) y[i] += s * omega(j, p);
        }
        sum += y[i] * y[i];
      }
      // dS_ij = y_i·ω_j off the diagonal, and S is symmetric.
      for (std::size_t i = 0; i < D; ++i) {
        for (std::size_t j = 0; j < D; ++j) {
          if (i == j) continue;
          const double slope = 2 * weight * (y[i] * omega(j, p) + y[j] * omega(i, p));
          for (std::size_t n = 0; n < N; ++n) gradient(n, j) += slope * z(n, i);
        }
      }
    }
    magnified += std::sqrt(diagonal / sum);
  }
};

template <class T>
Matrix<T> centred_columns(std::size_t N, std::size_t D) {
  return tests::cast<T>(tests::centred(tests::random_matrix(N, D, N + D)));
}

}  // namespace

TEMPLATE_TEST_CASE("squares by probes and their gradient are the double sums, in every layout", "",
                   float, double) {
  using T = TestType;
  // A word of bits has the signs of 64 columns.
  for (const auto& [N, D] : {std::pair{2u, 2u}, {5u, 17u}, {17u, 33u}, {3u, 64u}, {3u, 130u}}) {
    const auto zc = centred_columns<T>(N, D);
    const CentredView<T> view = tests::centred_view(zc);
    for (const std::size_t count : {1u, 2u, 15u, 17u}) {
      INFO(N << "x" << D << ", " << count << " probes");
      const Expected right(zc, count);
      ProbedSquares<T> squares;
      const double found = squares.forward(view, count, point, true);
      const double value = ProbedSquares<T>().forward(view, count, point, false);
      CHECK(value == found);
      CHECK(std::abs(found / right.sum - 1) <=
            2 * right.magnified * tests::sum_allowed<T>(N + D + count));
      for (const Layout layout : tests::layouts) {
        Stored<T> d_z(Matrix<T>(N, D, 7), layout);
        squares.reserve_backward(view, d_z);
        squares.backward(view, weight, d_z);
        CHECK(tests::entry_error(d_z.matrix(), right.gradient) <=
              right.magnified * tests::entry_allowed<T>(N + D + count));
        CHECK(d_z.surroundings_untouched());
      }
    }
  }
}

TEST_CASE("the gradient of squares by probes is that of differences") {
  const auto zc = centred_columns<double>(5, 17);
  const auto sum = [](const Matrix<double>& x) {
    return weight * ProbedSquares<double>().forward(tests::centred_view(x), 3, point, false);
  };
  ProbedSquares<double> squares;
  const auto view = tests::centred_view(zc);
  squares.forward(view, 3, point, true);
  Matrix<double> d_z(5, 17);
  squares.reserve_backward(view, d_z);
  squares.backward(view, weight, d_z);
  CHECK(tests::entry_error(d_z, tests::differences(sum, zc)) <= tolerance::difference);
}

TEST_CASE("one column has no covariance off the diagonal") {
  const auto view = tests::centred_view(centred_columns<double>(9, 1));
  const double trace = view.squares.data()[0];
  ProbedSquares<double> squares;
  CHECK(squares.forward(view, 5, point, true) <= 5 * std::pow(tolerance::rounding(9) * trace, 2));
}

TEST_CASE("squares by probes are the same bits on any number of threads") {
  const auto view = tests::centred_view(centred_columns<float>(50, 330));
  CHECK(tests::same_on_any_threads([&] {
    ProbedSquares<float> squares;
    const double sum = squares.forward(view, 33, point, true);
    Matrix<float> d_z(50, 330);
    squares.reserve_backward(view, d_z);
    squares.backward(view, weight, d_z);
    return std::pair{sum, d_z.entries()};
  }));
}

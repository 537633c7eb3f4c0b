#include "selfsup/kernels/columns/variance_hinge.hpp"

#include "catch.hpp"
#include "kernels/columns/padded.hpp"
#include "kernels/rows/differences.hpp"
#include "matrix.hpp"
#include "tolerances.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace {

using selfsup::kernels::VarianceHinge;
using tests::Matrix;
namespace tolerance = tests::tolerance;

// Sums of squares of which every third is a column above the target.
std::vector<double> some_squares(const VarianceHinge& hinge) {
  std::vector<double> squares(hinge.D);
  for (std::size_t j = 0; j < hinge.D; ++j)
    squares[j] =
        static_cast<double>(hinge.N) * (j % 3 == 1 ? 4 : 0.1 + 0.01 * static_cast<double>(j));
  return squares;
}

double deviation(const VarianceHinge& hinge, double squares) {
  return std::sqrt(squares / static_cast<double>(hinge.N - 1) + hinge.epsilon);
}

}  // namespace

TEST_CASE("the hinge is the mean of what deviations lack, at any number of columns") {
  for (const std::size_t D : {1u, 2u, 3u, 7u, 8u, 9u, 15u, 16u, 17u, 33u}) {
    const VarianceHinge hinge{10, D, 1.5, 0.01};
    const auto squares = some_squares(hinge);
    double expected = 0;
    for (const double s : squares)
      expected += std::max(0.0, 1.5 - deviation(hinge, s)) / static_cast<double>(D);
    INFO("D = " << D);
    CHECK(std::abs(hinge.value(squares.data()) - expected) <= tolerance::rounding(D) * expected);
  }
}

TEST_CASE("the hinge of columns at the target or above is 0, and their factors stay") {
  const VarianceHinge hinge{5, 17, 2, 0};
  for (const double variance : {4.0, 5.0}) {
    const std::vector<double> squares(17, 4 * variance);
    std::vector<double> factor(17, 0.25);
    CHECK(hinge.value(squares.data()) == 0);
    hinge.add_gradient(squares.data(), 3, factor.data());
    CHECK(factor == std::vector<double>(17, 0.25));
  }
}

TEST_CASE("factors below the target have the hinge's slope added, those above nothing") {
  for (const std::size_t D : {1u, 2u, 3u, 7u, 8u, 9u, 15u, 16u, 17u, 33u}) {
    const VarianceHinge hinge{10, D, 1.5, 0.01};
    const auto squares = some_squares(hinge);
    std::vector<double> factor(D, 0.25);
    hinge.add_gradient(squares.data(), 0.7, factor.data());
    for (std::size_t j = 0; j < D; ++j) {
      const double sigma = deviation(hinge, squares[j]);
      const double slope = sigma < 1.5 ? 0.7 / (9 * static_cast<double>(D) * sigma) : 0;
      INFO("D = " << D << ", column " << j);
      CHECK(std::abs(factor[j] - (0.25 - slope)) <= tolerance::operations<double>(4) * 0.25);
    }
  }
}

TEST_CASE("factors times centred columns are the gradient of the hinge") {
  constexpr std::size_t N = 6, D = 9;
  const auto z = tests::random_views(N, D, 1)[0];
  const VarianceHinge hinge{N, D, 1, 1e-4};
  const auto view_of = [](const Matrix<double>& x) {
    return tests::centred_view(tests::cast<double>(tests::centred(x)));
  };
  const auto value = [&](const Matrix<double>& x) {
    return hinge.value(view_of(x).squares.data());
  };
  const auto view = view_of(z);
  std::vector<double> factor(D);
  hinge.add_gradient(view.squares.data(), 1, factor.data());
  Matrix<double> d_z(N, D);
  for (std::size_t n = 0; n < N; ++n)
    for (std::size_t j = 0; j < D; ++j) d_z(n, j) = factor[j] * view.rows.row(n)[j];
  CHECK(std::count(factor.begin(), factor.end(), 0.0) > 0);
  CHECK(std::count(factor.begin(), factor.end(), 0.0) < static_cast<long>(D));
  CHECK(tests::entry_error(d_z, tests::differences(value, z)) <= tolerance::difference);
}

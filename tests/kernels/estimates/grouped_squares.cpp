#include "selfsup/kernels/estimates/grouped_squares.hpp"

#include "catch.hpp"
#include "kernels/columns/padded.hpp"
#include "kernels/rows/differences.hpp"
#include "matrix.hpp"
#include "threads.hpp"
#include "tolerances.hpp"

#include "selfsup/core/check.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <utility>
#include <vector>

namespace {

using selfsup::kernels::ColumnGroups;
using selfsup::kernels::GroupedSquares;
using selfsup::product::PaddedMatrix;
using tests::Matrix;
namespace tolerance = tests::tolerance;

// Of the groups: Σ_{i≠j} S_ij², its gradient 4 Zc offdiag(S), and what sample space, which loses
// five bits at most in float and twenty in double, magnifies its rounding by.
struct Expected {
  double sum = 0, magnified = 1;
  Matrix<double> gradient;

  template <class T>
  Expected(const Matrix<T>& z, const ColumnGroups& groups) : gradient(z.rows(), z.cols()) {
    const auto zc = tests::cast<double>(tests::centred(z));
    for (std::size_t g = 0; g < groups.count(); ++g) {
      const std::size_t first = groups.first(g), end = first + groups.size(g);
      double off_diagonal = 0, diagonal = 0;
      for (std::size_t i = first; i < end; ++i) {
        for (std::size_t j = first; j < end; ++j) {
          double s = 0;
          for (std::size_t n = 0; n < z.rows(); ++n) s += zc(n, i) * zc(n, j);
          (i == j ? diagonal : off_diagonal) += s * s;
          for (std::size_t n = 0; n < z.rows() && i != j; ++n) gradient(n, j) += 4 * s * zc(n, i);
        }
      }
      sum += off_diagonal;
      if (z.rows() < groups.size(g))
        magnified = std::max(magnified, std::min(1 + diagonal / off_diagonal,
                                                 selfsup::kernels::largest_amplification<T>));
    }
  }
};

template <class T>
struct Found {
  typename GroupedSquares<T>::Sums sums;
  Matrix<T> gradient;
};

template <class T>
Found<T> run(const Matrix<T>& z, const ColumnGroups& groups, double weight,
             std::size_t memory_budget = 1 << 20) {
  const auto rows = tests::padded(z);
  GroupedSquares<T> squares;
  const auto sums = squares.forward(rows, groups, memory_budget);
  PaddedMatrix<T> d_z;
  d_z.reshape(z.rows(), z.cols());
  squares.reserve_backward(d_z);
  squares.backward(weight, d_z);
  return {sums, tests::unpadded(d_z)};
}

}  // namespace

TEST_CASE("groups are as few and as even as there can be, and cover the columns in order") {
  for (std::size_t D = 2; D <= 40; ++D) {
    for (std::size_t largest = 1; largest <= 42; ++largest) {
      INFO(D << " columns, groups of " << largest);
      const ColumnGroups groups{D, largest};
      std::size_t next = 0, smallest_size = D, largest_size = 0, pairs = 0;
      for (std::size_t g = 0; g < groups.count(); ++g) {
        CHECK(groups.first(g) == next);
        next += groups.size(g);
        smallest_size = std::min(smallest_size, groups.size(g));
        largest_size = std::max(largest_size, groups.size(g));
        pairs += groups.size(g) * (groups.size(g) - 1);
      }
      CHECK(next == D);
      CHECK(largest_size <= largest);
      CHECK(largest_size - smallest_size <= 1);
      CHECK(groups.count() * largest < D + largest);
      CHECK(groups.share() == static_cast<double>(pairs) / static_cast<double>(D * (D - 1)));
    }
  }
}

TEMPLATE_TEST_CASE("squared covariances inside groups and their gradient are the double sums", "",
                   float, double) {
  using T = TestType;
  for (const auto& [N, D] : {std::pair{2u, 2u}, {5u, 17u}, {17u, 15u}, {33u, 70u}, {130u, 33u}}) {
    const auto z = tests::offset_matrix<T>(N, D, 10);
    for (const std::size_t largest : {2u, 3u, 16u, 17u, 100u}) {
      INFO(N << "x" << D << ", groups of " << largest);
      const ColumnGroups groups{D, largest};
      const Expected right(z, groups);
      const auto found = run(z, groups, 1);
      // The rounding of the mean is beside 2, the spread of the entries.
      const double magnified = 2 * right.magnified;
      CHECK(std::abs(found.sums.off_diagonal / right.sum - 1) <=
            magnified * tests::sum_allowed<T>(N + D));
      CHECK(tests::entry_error(found.gradient, right.gradient) <=
            magnified * tests::entry_allowed<T>(N + D));
      CHECK(selfsup::is_finite(found.sums.check));
    }
  }
}

TEST_CASE("the gradient of squared covariances inside groups is that of differences") {
  for (const auto& [N, D] : {std::pair{4u, 11u}, {9u, 5u}}) {
    const auto z = tests::random_matrix(N, D, 1);
    for (const std::size_t largest : {2u, 6u}) {
      INFO(N << "x" << D << ", groups of " << largest);
      const ColumnGroups groups{D, largest};
      const auto sum = [&](const Matrix<double>& x) {
        return 0.3 * GroupedSquares<double>().forward(tests::padded(x), groups, 0).off_diagonal;
      };
      CHECK(tests::entry_error(run(z, groups, 0.3).gradient, tests::differences(sum, z)) <=
            tolerance::difference);
    }
  }
}

TEST_CASE("groups whose Gram matrix fits no tile are right, within any memory") {
  constexpr std::size_t N = 386, D = 390;
  const ColumnGroups groups{D, D};
  const auto z = tests::cast<float>(tests::random_matrix(N, D, 1));
  const Expected right(z, groups);
  const auto found = run(z, groups, 1), tight = run(z, groups, 1, 0);
  CHECK(std::abs(found.sums.off_diagonal / right.sum - 1) <=
        right.magnified * tests::sum_allowed<float>(N + D));
  CHECK(tests::entry_error(found.gradient, right.gradient) <=
        right.magnified * tests::entry_allowed<float>(N + D));
  CHECK(tight.sums.off_diagonal == found.sums.off_diagonal);
  CHECK(tight.gradient.entries() == found.gradient.entries());
}

TEMPLATE_TEST_CASE("an entry that is not finite leaves no finite check value of any group", "",
                   float, double) {
  using T = TestType;
  for (std::size_t j = 0; j < 17; ++j) {
    auto z = tests::cast<T>(tests::random_matrix(5, 17, 1));
    z(j % 5, j) = std::numeric_limits<T>::infinity();
    GroupedSquares<T> squares;
    CHECK(!selfsup::is_finite(squares.forward(tests::padded(z), {17, 4}, 0).check));
  }
}

TEST_CASE("squared covariances inside groups are the same bits on any number of threads") {
  const auto z = tests::cast<float>(tests::random_matrix(40, 300, 1));
  for (const std::size_t largest : {16u, 300u}) {
    CHECK(tests::same_on_any_threads([&] {
      const auto found = run(z, {300, largest}, 1);
      return std::pair{found.sums.off_diagonal, found.gradient.entries()};
    }));
  }
}

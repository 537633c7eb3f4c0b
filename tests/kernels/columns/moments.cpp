#include "selfsup/kernels/columns/moments.hpp"

#include "catch.hpp"
#include "kernels/columns/padded.hpp"
#include "matrix.hpp"
#include "threads.hpp"
#include "tolerances.hpp"

#include "selfsup/core/check.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

namespace {

using selfsup::Buffer;
using selfsup::kernels::CentredView;
using selfsup::kernels::Moments;
using tests::Matrix;
namespace kernels = selfsup::kernels;
namespace tolerance = tests::tolerance;

// Entries that are added in the type round once a row.
template <class T>
constexpr double of_run = tolerance::operations<T>(kernels::rows_in_type);

}  // namespace

TEST_CASE("the middle entry is the median of the first row, the last and one between") {
  const double rows[6][3] = {{1, 2, 3}, {1, 3, 2}, {2, 1, 3}, {2, 3, 1}, {3, 1, 2}, {3, 2, 1}};
  for (const std::size_t D : {1u, 15u, 16u, 17u, 33u}) {
    Matrix<double> z(5, D + 3, 9);
    for (std::size_t j = 0; j < D; ++j)
      for (std::size_t i = 0; i < 3; ++i) z(2 * i, j + 2) = rows[j % 6][i];
    std::vector<double> middle(D);
    kernels::middle_entries<double>(z, 2, D, middle.data());
    CHECK(middle == std::vector<double>(D, 2));
  }
  Matrix<double> two(2, 1);
  two(1, 0) = 5;
  double middle = 0;
  kernels::middle_entries<double>(two, 0, 1, &middle);
  CHECK(middle == 5);
}

TEMPLATE_TEST_CASE("rows less their middle entries are exact", "", float, double) {
  using T = TestType;
  for (const std::size_t D : {1u, 16u, 17u, 33u}) {
    const auto z = tests::offset_matrix<T>(5, D, 100);
    auto rows = tests::padded(z);
    Buffer<T> middle;
    kernels::subtract_middle(rows, middle);
    for (std::size_t j = 0; j < D; ++j) {
      const T median =
          std::max(std::min(z(0, j), z(2, j)), std::min(std::max(z(0, j), z(2, j)), z(4, j)));
      CHECK(middle.data()[j] == median);
      for (std::size_t n = 0; n < 5; ++n) CHECK(rows.row(n)[j] == z(n, j) - median);
    }
  }
}

TEMPLATE_TEST_CASE("columns are centred whatever their offset", "", float, double) {
  using T = TestType;
  // 64 rows are added in the type; a strip has 1024 columns.
  for (const std::size_t N : {1u, 2u, 15u, 64u, 65u, 130u}) {
    for (const std::size_t D : {1u, 2u, 15u, 16u, 17u, 33u, 1025u}) {
      for (const double offset : {0.0, 1e4}) {
        INFO(N << "x" << D << " about " << offset);
        const auto z = tests::offset_matrix<T>(N, D, offset);
        const auto exact = tests::centred(z);
        CentredView<T> centred;
        Moments<T> moments;
        const double check = moments.centre(z, centred);
        double error = 0, squares_error = 0, total = 0;
        for (std::size_t j = 0; j < D; ++j) {
          double squares = 0;
          for (std::size_t n = 0; n < N; ++n) {
            const auto zc = static_cast<double>(centred.rows.row(n)[j]);
            error = tests::worse(error, std::abs(zc - static_cast<double>(exact(n, j))));
            squares += zc * zc;
          }
          total += squares;
          squares_error = tests::worse(
              squares_error, std::abs(centred.squares.data()[j] - squares) - of_run<T> * squares);
        }
        CHECK(error <= 2 * of_run<T>);  // entries about their middle one are below 2
        CHECK(squares_error <= 0);
        CHECK(std::abs(check - total) <= of_run<T> * total);
      }
    }
  }
}

TEMPLATE_TEST_CASE("means are those of the columns about their middle entries", "", float, double) {
  using T = TestType;
  const auto z = tests::offset_matrix<T>(130, 33, 1e4);
  Moments<T> moments;
  const T* const means = moments.means(z);
  for (std::size_t j = 0; j < 33; ++j) {
    long double mean = 0;
    for (std::size_t n = 0; n < 130; ++n) mean += (z(n, j) - moments.middle()[j]) / 130.0L;
    CHECK(std::abs(static_cast<double>(means[j] - mean)) <= 2 * of_run<T>);
  }
}

TEMPLATE_TEST_CASE("a constant column becomes exactly 0", "", float, double) {
  using T = TestType;
  const Matrix<T> z(130, 17, T(0.1));
  CentredView<T> centred;
  Moments<T> moments;
  CHECK(moments.centre(z, centred) == 0);
  CHECK(tests::unpadded(centred.rows).entries() == std::vector<T>(130 * 17, 0));
}

TEMPLATE_TEST_CASE("the check value of columns that are not finite is not", "", float, double) {
  using T = TestType;
  for (const T broken : {std::numeric_limits<T>::quiet_NaN(), std::numeric_limits<T>::infinity()}) {
    for (std::size_t i = 0; i < 5 * 17; ++i) {
      auto z = tests::offset_matrix<T>(5, 17, 0);
      z.entries()[i] = broken;
      CentredView<T> centred;
      Moments<T> moments;
      CHECK(!selfsup::is_finite(moments.centre(z, centred)));
    }
  }
}

TEMPLATE_TEST_CASE("the difference of two views is exact, its square nearly", "", float, double) {
  using T = TestType;
  for (const std::size_t D : {1u, 16u, 17u, 33u, 300u}) {
    const auto a = tests::offset_matrix<T>(7, D, 0),
               b = tests::cast<T>(tests::random_matrix(7, D, 9));
    selfsup::product::PaddedMatrix<T> difference;
    Moments<T> moments;
    const double found = moments.difference(a, b, difference);
    double squares = 0;
    bool exact = true;
    for (std::size_t n = 0; n < 7; ++n) {
      for (std::size_t j = 0; j < D; ++j) {
        const T x = a(n, j) - b(n, j);
        exact = exact && difference.row(n)[j] == x;
        squares += static_cast<double>(x) * static_cast<double>(x);
      }
    }
    INFO("D = " << D);
    CHECK(exact);
    CHECK(std::abs(found - squares) <= tolerance::operations<T>(16) * squares);
  }
}

TEST_CASE("sums over rows are added to those before, from any row and in runs") {
  constexpr std::size_t width = 19;
  Matrix<float> z(200, width);
  for (std::size_t i = 0; i < z.entries().size(); ++i) z.entries()[i] = static_cast<float>(i % 97);
  std::vector<double> found(width, 0.5), expected(width, 0.5);
  kernels::add_rows<32, float>(
      7, 150, width,
      [&](std::size_t n, std::size_t j, auto part, auto sum) {
        return sum + selfsup::simd::load(&z(n, j), part);
      },
      found.data());
  for (std::size_t n = 7; n < 157; ++n)
    for (std::size_t j = 0; j < width; ++j) expected[j] += static_cast<double>(z(n, j));
  CHECK(found == expected);
}

TEST_CASE("centred columns are the same bits on any number of threads") {
  const auto a = tests::offset_matrix<float>(300, 1100, 1e4);
  const auto b = tests::offset_matrix<float>(300, 1100, 0);
  CHECK(tests::same_on_any_threads([&] {
    CentredView<float> centred;
    selfsup::product::PaddedMatrix<float> difference;
    Moments<float> moments;
    const double check = moments.centre(a, centred);
    return std::vector{std::vector<double>(centred.squares.data(), centred.squares.data() + 1100),
                       {check, moments.difference(a, b, difference)}};
  }));
}

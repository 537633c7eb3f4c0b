#include "selfsup/product/row_sum.hpp"

#include "catch.hpp"
#include "matrix.hpp"
#include "threads.hpp"
#include "tolerances.hpp"

#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

namespace {

// Rows that cancel: sums in the type itself would be off by more than their rounding.
template <class T>
void check_row_sum(std::size_t rows, std::size_t cols) {
  const auto z = tests::cast<T>(tests::random_matrix(rows, cols, 1));
  const auto weight = [](std::size_t i) { return i % 2 == 0 ? 1.0 : -1.0 - 1e-3; };
  selfsup::product::PaddedMatrix<T> padded;
  padded.reshape(rows, cols);
  for (std::size_t r = 0; r < rows; ++r)
    for (std::size_t c = 0; c < cols; ++c) padded.row(r)[c] = z(r, c);

  selfsup::product::RowSum<T> sum;
  const auto on_threads = [&](int count) {
    const tests::Threads threads(count);
    sum.of(padded, rows, weight);
    return std::vector<double>(sum.in_double(), sum.in_double() + cols);
  };
  const auto found = on_threads(1);
  for (std::size_t c = 0; c < cols; ++c) {
    long double exact = 0, magnitude = 0;
    for (std::size_t r = 0; r < rows; ++r) {
      const long double term = static_cast<long double>(weight(r)) * z(r, c);
      exact += term;
      magnitude += std::abs(term);
    }
    const double error = std::abs(static_cast<double>(found[c] - exact));
    CHECK(error <= tests::tolerance::operations<double>(1) * static_cast<double>(magnitude));
    CHECK(sum.row()[c] == static_cast<T>(found[c]));
  }
  for (const int count : {2, 3, 5}) {
    INFO(rows << "x" << cols << ", threads: " << count);
    CHECK(on_threads(count) == found);
  }
}

}  // namespace

TEST_CASE("rows are added up in double, the same on any number of threads") {
  for (const auto& [rows, cols] :
       {std::pair{1u, 1u}, std::pair{5000u, 37u}, {67u, 1500u}, {9000u, 3u}}) {
    check_row_sum<float>(rows, cols);
    check_row_sum<double>(rows, cols);
  }
}

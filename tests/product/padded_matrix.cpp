#include "selfsup/product/padded_matrix.hpp"

#include "catch.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <new>
#include <utility>

namespace {

using selfsup::product::PaddedMatrix;

template <class T>
PaddedMatrix<T> numbered(std::size_t rows, std::size_t cols) {
  PaddedMatrix<T> x;
  x.reshape(rows, cols);
  for (std::size_t r = 0; r < rows; ++r)
    for (std::size_t c = 0; c < cols; ++c) x.row(r)[c] = static_cast<T>(1 + r * cols + c);
  return x;
}

}  // namespace

TEMPLATE_TEST_CASE("rows are whole cache lines apart, but no multiple of eight of them", "", float,
                   double) {
  using T = TestType;
  for (std::size_t cols = 0; cols < 600; ++cols) {
    const std::size_t bytes = PaddedMatrix<T>::stride_for(cols) * sizeof(T), line = 64;
    CHECK(bytes % line == 0);
    CHECK(bytes % (8 * line) != 0);
    CHECK(bytes >= cols * sizeof(T));
    CHECK(bytes < cols * sizeof(T) + 2 * line);
  }
}

TEMPLATE_TEST_CASE("rows are aligned, and the padding is zero in every shape", "", float, double) {
  using T = TestType;
  PaddedMatrix<T> x;
  for (const auto& [rows, cols] :
       {std::pair{9u, 100u}, std::pair{9u, 33u}, {30u, 1u}, {3u, 128u}, {0u, 5u}, {5u, 17u}}) {
    x.reshape(rows, cols);
    REQUIRE(x.rows() == rows);
    REQUIRE(x.cols() == cols);
    CHECK(x.stride() == PaddedMatrix<T>::stride_for(cols));
    for (std::size_t r = 0; r < rows; ++r) {
      const T* const row = x.row(r);
      CHECK(reinterpret_cast<std::uintptr_t>(row) % 64 == 0);
      CHECK(std::all_of(row + cols, row + x.stride(), [](T entry) { return entry == 0; }));
      std::fill_n(x.row(r), cols, T(7));  // becomes padding in the next shape
    }
  }
}

TEMPLATE_TEST_CASE("views of a padded matrix show its entries", "", float, double) {
  auto x = numbered<TestType>(4, 21);
  const PaddedMatrix<TestType>& constant = x;
  for (const auto& view : {constant.view(), selfsup::ConstView<TestType>(x.view()),
                           selfsup::product::as_columns(x).transposed()}) {
    REQUIRE(view.rows() == 4);
    REQUIRE(view.cols() == 21);
    for (std::size_t r = 0; r < 4; ++r)
      for (std::size_t c = 0; c < 21; ++c) CHECK(&view(r, c) == x.row(r) + c);
  }
  for (const auto& view : {constant.columns(3, 5), selfsup::ConstView<TestType>(x.columns(3, 5))}) {
    REQUIRE(view.rows() == 4);
    REQUIRE(view.cols() == 5);
    CHECK(&view(0, 0) == x.row(0) + 3);
    CHECK(&view(3, 4) == x.row(3) + 7);
  }
}

TEST_CASE("a copy of a padded matrix is apart, and one that was moved from is empty") {
  auto x = numbered<float>(5, 20);
  PaddedMatrix<float> copy = x, assigned;
  assigned = x;
  x.row(4)[19] = -1;
  CHECK(copy.row(4)[19] == 100);
  CHECK(assigned.row(4)[19] == 100);
  const float* const entries = x.row(0);
  const PaddedMatrix<float> moved = std::move(x);
  CHECK(moved.row(0) == entries);
  CHECK(moved.rows() == 5);
  CHECK(moved.stride() == copy.stride());
  CHECK(x.rows() == 0);  // NOLINT: what is left
  CHECK(x.cols() == 0);
  CHECK(x.bytes() == 0);
  x.reshape(5, 20);
  CHECK(x.row(0) != entries);
}

TEST_CASE("a shape that memory cannot hold leaves a padded matrix as it was") {
  auto x = numbered<float>(2, 3);
  constexpr std::size_t most = std::numeric_limits<std::size_t>::max();
  CHECK_THROWS_AS(x.reshape(1, most), std::bad_alloc);
  CHECK_THROWS_AS(x.reshape(most, 3), std::bad_alloc);
  CHECK_THROWS_AS(x.reshape(most / 8, most / 8), std::bad_alloc);
  CHECK(x.rows() == 2);
  CHECK(x.cols() == 3);
  CHECK(x.row(1)[2] == 6);
}

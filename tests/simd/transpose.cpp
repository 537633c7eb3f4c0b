#include "selfsup/simd/transpose.hpp"

#include "catch.hpp"
#include "simd/marked.hpp"

#include <algorithm>
#include <cstddef>
#include <vector>

namespace simd = selfsup::simd;
using tests::Marked;

TEMPLATE_TEST_CASE("rows and columns are exchanged at every size, and nothing beside them", "",
                   float, double) {
  using T = TestType;
  std::size_t wrong = 0;
  for (std::size_t rows = 0; rows < 14; ++rows) {
    for (std::size_t cols = 0; cols < 14; ++cols) {
      const std::size_t from_stride = cols + 3, to_stride = rows + 2;
      std::vector<T> from(rows * from_stride + 1);
      for (std::size_t i = 0; i < from.size(); ++i) from[i] = static_cast<T>(i);
      // The rows as they lie, and upside down.
      for (const int direction : {1, -1}) {
        const selfsup::SignedStride stride = direction * static_cast<int>(from_stride);
        const T* const first =
            from.data() + (direction < 0 && rows > 0 ? (rows - 1) * from_stride : 0);
        Marked<T> to(cols * to_stride);
        simd::transpose(first, stride, rows, cols, to.data(), to_stride);
        for (std::size_t c = 0; c < cols; ++c) {
          for (std::size_t r = 0; r < to_stride; ++r) {
            const std::size_t row = direction < 0 ? rows - 1 - r : r;
            const T right = r < rows ? from[row * from_stride + c] : Marked<T>::mark;
            if (to[c * to_stride + r] != right) ++wrong;
          }
        }
        if (!to.marks_untouched()) ++wrong;
      }
    }
  }
  CHECK(wrong == 0);
}

TEMPLATE_TEST_CASE("the largest lane of each of many batches", "", float, double) {
  using T = TestType;
  constexpr std::size_t L = simd::lanes<T>;
  for (std::size_t n = 0; n <= 2 * L + 1; ++n) {
    const std::size_t whole = (n + L - 1) / L * L;
    // The largest is in another lane each time, and below 0.
    std::vector<T> batches(whole * L);
    for (std::size_t i = 0; i < batches.size(); ++i)
      batches[i] = -static_cast<T>(1 + i / L + (i % L != i / L * 5 % L ? 100 + i % L : 0));
    Marked<T> largest(n);
    simd::largest_of_each(batches.data(), n, largest.data());
    for (std::size_t i = 0; i < n; ++i) CHECK(largest[i] == -static_cast<T>(1 + i));
    CHECK(largest.marks_untouched());
  }
}

TEMPLATE_TEST_CASE("a matrix is mirrored below its diagonal, and changed nowhere else", "", float,
                   double) {
  using T = TestType;
  for (const std::size_t n : {0u, 1u, 2u, 5u, 31u, 32u, 33u, 64u, 75u, 101u}) {
    const std::size_t stride = n + 3;
    const auto at = [&](std::size_t r, std::size_t c) { return static_cast<T>(1 + r * n + c); };
    Marked<T> matrix(n * stride);
    for (std::size_t r = 0; r < n; ++r)
      for (std::size_t c = r; c < n; ++c) matrix[r * stride + c] = at(r, c);
    simd::mirror(matrix.data(), stride, n);
    std::size_t wrong = 0;
    for (std::size_t r = 0; r < n; ++r) {
      for (std::size_t c = 0; c < stride; ++c) {
        const T right = c < n ? at(std::min(r, c), std::max(r, c)) : Marked<T>::mark;
        if (matrix[r * stride + c] != right) ++wrong;
      }
    }
    INFO(n);
    CHECK(wrong == 0);
    CHECK(matrix.marks_untouched());
  }
}

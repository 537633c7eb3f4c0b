// Sums over the rows of a matrix, column by column: gradients of biases, statistics of a batch.
#pragma once

#include "selfsup/core/inline.hpp"
#include "selfsup/core/parallel.hpp"
#include "selfsup/simd/batch.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

namespace trainer {

// Columns that one thread takes at a time: whole cache lines.
constexpr std::size_t column_block = 32;

/// Calls f(first, count) for blocks of columns of (rows, cols) entries, in parallel.
template <class F>
void for_column_blocks(std::size_t rows, std::size_t cols, F f) {
  const selfsup::Chunks blocks{cols, column_block};
  selfsup::parallel_for(blocks.count(), column_block * rows,
                        [&](std::size_t block) { f(blocks.first(block), blocks.length(block)); });
}

/// `Count` sums for each column of a block, [sum][column − first].
template <std::size_t Count>
using ColumnSums = std::array<std::array<double, column_block>, Count>;

/// terms(r, c, part, add) calls add(k, x, y) to add x·y to sum k of the batch of columns at c.
/// A run of 16 rows is added in the type itself, runs in double, in one fixed order.
template <class T, std::size_t Count, class Terms>
SELFSUP_FLATTEN ColumnSums<Count> column_sums(std::size_t rows, std::size_t first,
                                              std::size_t count, Terms terms) {
  namespace simd = selfsup::simd;
  constexpr std::size_t run = 16;
  ColumnSums<Count> totals{};
  simd::for_batches<T>(0, count, [&](std::size_t c, auto part) {
    for (std::size_t r = 0; r < rows;) {
      simd::Batch<T> sums[Count];
      for (simd::Batch<T>& sum : sums) sum = simd::Batch<T>(T(0));
      const auto add = [&](std::size_t k, const simd::Batch<T>& x, const simd::Batch<T>& y)
                           SELFSUP_INLINE { sums[k] = simd::fma(x, y, sums[k]); };
      for (const std::size_t end = std::min(rows, r + run); r < end; ++r)
        terms(r, first + c, part, add);
      for (std::size_t k = 0; k < Count; ++k) {
        alignas(64) T entries[simd::lanes<T>];
        simd::store(entries, sums[k]);
        for (std::size_t i = 0; i < simd::lanes<T>; ++i)
          totals[k][c + i] += static_cast<double>(entries[i]);
      }
    }
  });
  return totals;
}

}  // namespace trainer

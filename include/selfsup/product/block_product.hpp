// Products of blocks that lie in cache, cut into micro-kernels: whole ones inside, narrower ones at
// the edges.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/product/blocking.hpp"
#include "selfsup/product/micro_kernel.hpp"

#include <algorithm>
#include <cstddef>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace product {
namespace detail {

// As many micro-kernels of Rows rows as fit, then the next smaller size for what is left.
template <std::size_t Rows, std::size_t Batches, class T, class Left, class Result>
inline void column_of_kernels(std::size_t rows, std::size_t K, Left a, Right<T> b, Result result,
                              AheadOfStrip& ahead) {
  std::size_t r = 0;
  for (; r + Rows <= rows; r += Rows)
    micro_kernel<Rows, Batches>(K, a.at(r, 0), b, result.at(r, 0), ahead);
  if constexpr (Rows > 1) {
    constexpr std::size_t fewer = Rows > 8 ? 8 : Rows > 4 ? 4 : Rows / 2;
    if (r < rows)
      column_of_kernels<fewer, Batches>(rows - r, K, a.at(r, 0), b, result.at(r, 0), ahead);
  }
}

}  // namespace detail

/// Puts A (rows, K) · B (K, cols), for cols up to one micro-kernel's, into the result, an Entries
/// or the like. Rows of B are read, and products put, to whole batches.
template <class T, class Left, class Result>
inline void panel_product(std::size_t rows, std::size_t cols, std::size_t K, Left a, Right<T> b,
                          Result result, AheadOfStrip& ahead) {
  constexpr std::size_t micro_rows = Blocking<T>::micro_rows;
  if (cols > simd::lanes<T>) {
    detail::column_of_kernels<micro_rows, Blocking<T>::micro_batches>(rows, K, a, b, result, ahead);
  } else {
    detail::column_of_kernels<Blocking<T>::narrow_rows, 1>(rows, K, a, b, result, ahead);
  }
}

/// The same for any cols with B read in place, in strips of columns that stay in the first-level
/// cache. `later` is memory that is needed after this product.
template <class T, class Left, class Result>
inline void block_product(std::size_t rows, std::size_t cols, std::size_t K, Left a, Right<T> b,
                          Result result, const Later& later = {}) {
  constexpr std::size_t strip = Blocking<T>::micro_cols;
  const std::size_t asks = asks_ahead<T>(rows, K);
  AheadOfStrip ahead;
  ahead.later_right = Ahead(later.right, asks * Chunks{cols, strip}.count());
  ahead.later_result = Ahead(later.result, asks * Chunks{cols, strip}.count());
  for (std::size_t col = 0; col < cols; col += strip) {
    const std::size_t next = col + strip,
                      next_cols = next < cols ? std::min(strip, cols - next) : 0;
    ahead.right = Ahead(region(b.at(0, next).data, b.stride, K, next_cols), asks);
    ahead.result = Ahead(result.at(0, next).touched(rows, next_cols), asks);
    panel_product(rows, std::min(strip, cols - col), K, a, b.at(0, col), result.at(0, col), ahead);
  }
}

}  // namespace product
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"

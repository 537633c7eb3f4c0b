// Products of blocks that lie in cache, cut into micro-kernels: whole ones inside, narrower ones at
// the edges.
#pragma once

#include "selfsup/product/blocking.hpp"
#include "selfsup/product/micro_kernel.hpp"

#include <algorithm>
#include <cstddef>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace product {
namespace detail {

// As many micro-kernels of Rows rows as fit, then the next smaller size for what is left.
template <std::size_t Rows, std::size_t Batches, class T, class Left>
inline void column_of_kernels(std::size_t rows, std::size_t K, Left a, Right<T> b, T* c,
                              std::size_t c_stride, Output output, AheadOfStrip& ahead) {
  std::size_t r = 0;
  for (; r + Rows <= rows; r += Rows) {
    micro_kernel<Rows, Batches>(K, a.at(r, 0), b, c + r * c_stride, c_stride, output, ahead);
  }
  if constexpr (Rows > 1) {
    constexpr std::size_t fewer = Rows > 8 ? 8 : Rows > 4 ? 4 : Rows / 2;
    if (r < rows)
      column_of_kernels<fewer, Batches>(rows - r, K, a.at(r, 0), b, c + r * c_stride, c_stride,
                                        output, ahead);
  }
}

}  // namespace detail

/// C (rows, cols) = or += A (rows, K) · B (K, cols), for cols up to one micro-kernel's.
/// Rows of B and C are read and written to whole batches: both have room for cols rounded up to the
/// lanes.
template <class T, class Left>
inline void panel_product(std::size_t rows, std::size_t cols, std::size_t K, Left a, Right<T> b,
                          T* c, std::size_t c_stride, Output output, AheadOfStrip& ahead) {
  constexpr std::size_t micro_rows = Blocking<T>::micro_rows;
  if (cols > simd::lanes<T>) {
    detail::column_of_kernels<micro_rows, Blocking<T>::micro_batches>(rows, K, a, b, c, c_stride,
                                                                      output, ahead);
  } else {
    detail::column_of_kernels<micro_rows, 1>(rows, K, a, b, c, c_stride, output, ahead);
  }
}

template <class T, class Left>
inline void panel_product(std::size_t rows, std::size_t cols, std::size_t K, Left a, Right<T> b,
                          T* c, std::size_t c_stride, Output output) {
  AheadOfStrip nothing;
  panel_product(rows, cols, K, a, b, c, c_stride, output, nothing);
}

/// C (rows, cols) = or += A (rows, K) · B (K, cols) with B read in place, in strips of columns that
/// stay in the first-level cache. Rows of B and C have room for cols rounded up to the lanes.
/// `later` is memory that is needed after this product.
template <class T, class Left>
inline void block_product(std::size_t rows, std::size_t cols, std::size_t K, Left a, Right<T> b,
                          T* c, std::size_t c_stride, Output output, const Later& later = {}) {
  constexpr std::size_t strip = Blocking<T>::micro_cols;
  const std::size_t asks = asks_ahead<T>(rows, K);
  AheadOfStrip ahead;
  ahead.later_right = Ahead(later.right, asks * Chunks{cols, strip}.count());
  ahead.later_result = Ahead(later.result, asks * Chunks{cols, strip}.count());
  for (std::size_t col = 0; col < cols; col += strip) {
    const std::size_t next = col + strip,
                      next_cols = next < cols ? std::min(strip, cols - next) : 0;
    ahead.right = Ahead(region(b.at(0, next).data, b.stride, K, next_cols), asks);
    ahead.result = Ahead(region(c + next, c_stride, rows, next_cols), asks);
    panel_product(rows, std::min(strip, cols - col), K, a, b.at(0, col), c + col, c_stride, output,
                  ahead);
  }
}

}  // namespace product
}  // namespace SELFSUP_ABI
}  // namespace selfsup

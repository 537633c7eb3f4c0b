// Rows and columns exchanged, by blocks that lie in registers.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/inline.hpp"
#include "selfsup/core/signed_stride.hpp"
#include "selfsup/simd/batch.hpp"

#include <algorithm>
#include <cstddef>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace simd {

namespace detail {

// Registers of 16 bytes: the one size whose halves interleave alike on every machine.
#if defined(SELFSUP_ISA_NEON64)
using QuadArch = xsimd::neon64;
#else
using QuadArch = xsimd::sse2;
#endif
template <class T>
using Quad = xsimd::batch<T, QuadArch>;
template <class T>
inline constexpr std::size_t quad = Quad<T>::size;

inline void transpose_quad(const float* from, SignedStride from_stride, float* to,
                           std::size_t to_stride) {
  using Q = Quad<float>;
  const Q a = Q::load_unaligned(from), b = Q::load_unaligned(from + 1 * from_stride),
          c = Q::load_unaligned(from + 2 * from_stride),
          d = Q::load_unaligned(from + 3 * from_stride);
  const Q ac_low = xsimd::zip_lo(a, c), ac_high = xsimd::zip_hi(a, c);
  const Q bd_low = xsimd::zip_lo(b, d), bd_high = xsimd::zip_hi(b, d);
  xsimd::zip_lo(ac_low, bd_low).store_unaligned(to);
  xsimd::zip_hi(ac_low, bd_low).store_unaligned(to + to_stride);
  xsimd::zip_lo(ac_high, bd_high).store_unaligned(to + 2 * to_stride);
  xsimd::zip_hi(ac_high, bd_high).store_unaligned(to + 3 * to_stride);
}

inline void transpose_quad(const double* from, SignedStride from_stride, double* to,
                           std::size_t to_stride) {
  using Q = Quad<double>;
  const Q a = Q::load_unaligned(from), b = Q::load_unaligned(from + 1 * from_stride);
  xsimd::zip_lo(a, b).store_unaligned(to);
  xsimd::zip_hi(a, b).store_unaligned(to + to_stride);
}

}  // namespace detail

/// Writes to (cols, rows) = from (rows, cols)ᵀ; rows of both are contiguous, `…_stride` entries
/// apart. Meant for blocks that both lie in a first-level cache.
template <class T>
SELFSUP_FLATTEN inline void transpose(const T* from, SignedStride from_stride, std::size_t rows,
                                      std::size_t cols, T* to, std::size_t to_stride) {
  constexpr std::size_t Q = detail::quad<T>;
  const std::size_t whole_rows = rows - rows % Q, whole_cols = cols - cols % Q;
  for (std::size_t c = 0; c < whole_cols; c += Q) {
    for (std::size_t r = 0; r < whole_rows; r += Q) {
      detail::transpose_quad(from + r * from_stride + c, from_stride, to + c * to_stride + r,
                             to_stride);
    }
  }
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t c = r < whole_rows ? whole_cols : 0; c < cols; ++c)
      to[c * to_stride + r] = (from + r * from_stride)[c];
  }
}

/// The largest lane of each of n batches, which are read, with those after them, up to a multiple
/// of a batch's lanes.
template <class T>
SELFSUP_FLATTEN inline void largest_of_each(const T* batches, std::size_t n, T* largest) {
  constexpr std::size_t L = lanes<T>;
  for_batches<T>(0, n, [&](std::size_t i, auto part) {
    alignas(64) T of_lanes[L * L];
    transpose(batches + i * L, L, L, L, of_lanes, L);
    Batch<T> found = load(of_lanes);
    for (std::size_t lane = 1; lane < L; ++lane) found = max(found, load(of_lanes + lane * L));
    store(largest + i, found, part);
  });
}

/// Copies what lies above the diagonal of an (n, n) matrix to below it.
template <class T>
void mirror(T* matrix, std::size_t stride, std::size_t n) {
  constexpr std::size_t block = 32;  // two of them fit a first-level cache
  for (std::size_t r = 0; r < n; r += block) {
    const std::size_t end = std::min(n, r + block);
    for (std::size_t c = 0; c < r; c += block)
      transpose(matrix + c * stride + r, stride, block, end - r, matrix + r * stride + c, stride);
    for (std::size_t i = r; i < end; ++i) {
      for (std::size_t c = r; c < i; ++c) matrix[i * stride + c] = matrix[c * stride + i];
    }
  }
}

}  // namespace simd
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"

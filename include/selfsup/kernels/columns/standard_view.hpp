// A view whose columns have mean 0 and variance 1.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/buffer.hpp"
#include "selfsup/core/parallel.hpp"
#include "selfsup/kernels/columns/strip_moments.hpp"
#include "selfsup/product/padded_matrix.hpp"

#include <algorithm>
#include <cstddef>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace kernels {

/// One view, standardised. Kept for backward.
template <class T>
struct StandardView {
  product::PaddedMatrix<T> rows;  // ẑ (N, D)
  Buffer<double> squares;         // (D): Σ_n zc_nj²
  Buffer<double> inverse;         // (D): 1/σ_j,  σ_j = sqrt(squares_j/N + ε)

  std::size_t bytes() const { return rows.bytes() + squares.bytes() + inverse.bytes(); }
};

/// Strips of columns, one after the other in a chunk: some for every thread where D is small.
template <class T>
Chunks standard_strips(std::size_t D) {
  constexpr std::size_t narrow = 128 / sizeof(T);
  return {D, std::clamp(D / 4 / narrow * narrow, narrow, strip_length<T>)};
}

}  // namespace kernels
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"

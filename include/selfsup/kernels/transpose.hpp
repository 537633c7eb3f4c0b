// A padded copy with rows and columns exchanged.
#pragma once

#include "selfsup/core/parallel.hpp"
#include "selfsup/product/padded_matrix.hpp"
#include "selfsup/simd/transpose.hpp"

#include <algorithm>
#include <cstddef>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace kernels {

/// Writes to = fromᵀ; to is reshaped.
template <class T>
void transpose(const product::PaddedMatrix<T>& from, product::PaddedMatrix<T>& to) {
  constexpr std::size_t block = 32;  // 32 x 32 entries of both sides lie in a first-level cache
  to.reshape(from.cols(), from.rows());
  const Chunks bands{to.rows(), block};
  parallel_for(bands.count(), block * to.cols(), [&](std::size_t band) {
    const std::size_t first = bands.first(band), last = first + bands.length(band);
    for (std::size_t begin = 0; begin < to.cols(); begin += block) {
      const std::size_t end = std::min(to.cols(), begin + block);
      simd::transpose(from.row(begin) + first, from.stride(), end - begin, last - first,
                      to.row(first) + begin, to.stride());
    }
  });
}

}  // namespace kernels
}  // namespace SELFSUP_ABI
}  // namespace selfsup

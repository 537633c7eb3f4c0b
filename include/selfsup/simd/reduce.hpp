// Long sums: lanes add a short run in the type itself, runs are added in double, in an order that
// depends on the length alone.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/inline.hpp"
#include "selfsup/simd/batch.hpp"
#include "selfsup/simd/lane_sums.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace simd {

/// Sums over [0, n) of `Count` batch-valued terms: terms(i, part, add) calls add(k, x, y) to add
/// x·y to sum k. A run is 16 batches, so a float sum carries the error of a few roundings only.
template <class T, std::size_t Count, class Terms>
SELFSUP_FLATTEN inline std::array<double, Count> sums(std::size_t n, Terms&& terms) {
  constexpr std::size_t L = lanes<T>, run = 16 * L;
  LaneSums<T> totals[Count];
  for (std::size_t first = 0; first < n; first += run) {
    const std::size_t last = std::min(n, first + run);
    // Two accumulators a sum hide the latency of the multiply-add.
    Batch<T> even[Count], odd[Count];
    for (std::size_t k = 0; k < Count; ++k) even[k] = odd[k] = Batch<T>(T(0));
    const auto to_even = [&](std::size_t k, const Batch<T>& x, const Batch<T>& y)
                             SELFSUP_INLINE { even[k] = fma(x, y, even[k]); };
    const auto to_odd = [&](std::size_t k, const Batch<T>& x, const Batch<T>& y)
                            SELFSUP_INLINE { odd[k] = fma(x, y, odd[k]); };
    std::size_t i = first;
    for (; i + 2 * L <= last; i += 2 * L) {
      terms(i, AllLanes{}, to_even);
      terms(i + L, AllLanes{}, to_odd);
    }
    for_batches<T>(i, last, [&](std::size_t rest, auto part) { terms(rest, part, to_even); });
    for (std::size_t k = 0; k < Count; ++k) totals[k].add(even[k] + odd[k]);
  }
  std::array<double, Count> result;
  for (std::size_t k = 0; k < Count; ++k) result[k] = totals[k].total();
  return result;
}

/// Σ x_i·y_i.
template <class T>
inline double dot(const T* x, const T* y, std::size_t n) {
  return sums<T, 1>(n, [x, y](std::size_t i, auto part, auto&& add) {
    add(0, load(x + i, part), load(y + i, part));
  })[0];
}

}  // namespace simd
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"

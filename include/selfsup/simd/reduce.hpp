// Long sums: lanes add a short run in the type itself, runs are added in double, in an order that
// depends on the length alone.
#pragma once

#include "selfsup/simd/batch.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace simd {

/// Sums over [0, n) of `Count` batch-valued terms: terms(i, part, add) calls add(k, x, y) to add
/// x·y to sum k. A run is 16 batches, so a float sum carries the error of a few roundings only.
template <class T, std::size_t Count, class Terms>
inline std::array<double, Count> sums(std::size_t n, Terms&& terms) {
  constexpr std::size_t run = 16 * lanes<T>;
  std::array<double, Count> totals{};
  for (std::size_t first = 0; first < n; first += run) {
    // Two accumulators a sum hide the latency of the multiply-add.
    Batch<T> even[Count], odd[Count];
    for (std::size_t k = 0; k < Count; ++k) even[k] = odd[k] = Batch<T>(T(0));
    bool is_odd = false;
    for_batches<T>(first, std::min(n, first + run), [&](std::size_t i, auto part) {
      Batch<T>* into = is_odd ? odd : even;
      terms(i, part, [into](std::size_t k, const Batch<T>& x, const Batch<T>& y) {
        into[k] = fma(x, y, into[k]);
      });
      is_odd = !is_odd;
    });
    for (std::size_t k = 0; k < Count; ++k) totals[k] += sum<T>(even[k] + odd[k]);
  }
  return totals;
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

// What the tiles of a walk take of their rows and columns, each in a slot of its own, until it is
// added up in walk order.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/buffer.hpp"
#include "selfsup/simd/batch.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace kernels {

template <class S>
class SlotSums {
 public:
  /// Room for tiles of up to `edge` rows and columns.
  void grow(std::size_t tiles, std::size_t edge) {
    edge_ = edge;
    entries_.grow(tiles, 2 * edge);
  }
  /// What a tile took of its rows, and of its columns.
  S* rows(std::size_t slot) { return entries_.data() + 2 * slot * edge_; }
  S* cols(std::size_t slot) { return rows(slot) + edge_; }
  std::size_t bytes() const { return entries_.bytes(); }

 private:
  std::size_t edge_ = 0;
  Buffer<S> entries_;
};

/// Sums of exponentials relative to e^(power·scale·shift), and those that are added to them.
template <class T>
struct RelativeSums {
  double* sums;
  const double* more;
  T power;
};

/// Raises n shifts to others where these are larger, and adds sums that are relative to those.
template <class T, std::size_t Count>
void add_relative(T scale, T* shifts, const T* more_shifts, std::size_t n,
                  const std::array<RelativeSums<T>, Count>& all) {
  constexpr std::size_t L = simd::lanes<T>;
  const simd::Batch<T> one(T(1));
  simd::for_batches<T>(0, n, [&](std::size_t i, auto part) {
    const auto shift = simd::load(shifts + i, part), more = simd::load(more_shifts + i, part);
    const auto apart = (simd::min(shift, more) - simd::max(shift, more)) * simd::Batch<T>(scale);
    const simd::Mask<T> raised = shift < more;
    simd::store(shifts + i, simd::max(shift, more), part);
    for (const RelativeSums<T>& of : all) {
      const auto down = simd::exp(apart * simd::Batch<T>(of.power));
      alignas(64) T own[L], other[L];
      simd::select<T>(raised, down, one).store_aligned(own);
      simd::select<T>(raised, one, down).store_aligned(other);
      for (std::size_t j = 0; j < std::min(L, n - i); ++j) {
        of.sums[i + j] = of.sums[i + j] * static_cast<double>(own[j]) +
                         of.more[i + j] * static_cast<double>(other[j]);
      }
    }
  });
}

/// Adds n sums to others.
inline void add_sums(const double* more, std::size_t n, double* sums) {
  for (std::size_t i = 0; i < n; ++i) sums[i] += more[i];
}

}  // namespace kernels
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"

// A sum over all pairs of a row of X and a row of Y, of which row i of one belongs to row i of the
// other: what a loss needs that is given by the cost of one pair.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/buffer.hpp"
#include "selfsup/core/parallel.hpp"
#include "selfsup/kernels/pairs/entrywise.hpp"
#include "selfsup/kernels/pairs/positives.hpp"
#include "selfsup/kernels/pairs/skip.hpp"
#include "selfsup/product/padded_matrix.hpp"
#include "selfsup/product/tile_walk.hpp"
#include "selfsup/simd/reduce.hpp"

#include <cstddef>
#include <type_traits>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace kernels {

/// Entry as in EntrywiseVisitor, for the pairs that do not belong together; and for those that do,
/// in double, Cost<double> positive(double product) const.
template <class T, class Entry>
class MatchedPairs {
  using Matrix = product::PaddedMatrix<T>;
  static_assert(std::is_same_v<decltype(std::declval<const Entry&>().positive(1.0)), Cost<double>>,
                "the entry of matched pairs returns the Cost<double> of positive(product)");

 public:
  /// Rows x (N, D) against rows y (N, D). Returns the sums over all N² pairs.
  CostSums forward(const Matrix& x, const Matrix& y, const Entry& entry,
                   std::size_t memory_budget) {
    const std::size_t N = x.rows();
    entry_ = entry;
    positives_.grow(N);
    pull_.grow(N);
    parallel_for(N, x.cols(), [&](std::size_t i) {
      const Cost<double> of = entry_.positive(simd::dot(x.row(i), y.row(i), x.cols()));
      positives_[i] = {of.cost, of.slope};
      pull_[i] = static_cast<T>(-of.slope);
    });
    walk_.rectangular(x, y, memory_budget, visitor());
    CostSums total;
    for (std::size_t i = 0; i < N; ++i) total += positives_[i];
    for (std::size_t tile = 0; tile < walk_.tiles(); ++tile) total += sums_.of(tile);
    return total;
  }

  /// After forward: writes d_x = W y and d_y = Wᵀ x with the slopes W; a null pointer skips an
  /// output.
  void backward(const Matrix& x, const Matrix& y, Matrix* d_x, Matrix* d_y) {
    walk_.rectangular_backward(x, y, d_x, d_y, visitor());
    const auto same = [](std::size_t i) { return i; };
    const auto pull = [&](std::size_t i) { return pull_[i]; };
    if (d_x) add_positives(y, same, pull, *d_x);
    if (d_y) add_positives(x, same, pull, *d_y);
  }

  /// That of the last forward.
  const Entry& entry() const { return entry_; }

  std::size_t bytes() const {
    return positives_.bytes() + pull_.bytes() + sums_.bytes() + walk_.bytes();
  }

 private:
  EntrywiseVisitor<T, Entry, AllEntries<T>> visitor() { return {entry_, Skip(0), sums_}; }

  // Kept for backward.
  Entry entry_{};
  Buffer<T> pull_;  // −slope of the pairs that belong together
  product::TileWalk<T> walk_;
  // Scratch.
  Buffer<CostSums> positives_;
  AllEntries<T> sums_;
};

}  // namespace kernels
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"

// The sum of squared off-diagonal covariances inside groups of columns.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/objects.hpp"
#include "selfsup/core/parallel.hpp"
#include "selfsup/core/view.hpp"
#include "selfsup/kernels/columns/centred_gradient.hpp"
#include "selfsup/kernels/columns/covariance.hpp"
#include "selfsup/kernels/columns/moments.hpp"
#include "selfsup/kernels/columns/strip_moments.hpp"
#include "selfsup/product/padded_matrix.hpp"

#include <algorithm>
#include <cstddef>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace kernels {

/// D columns in as few groups of at most `largest` neighbours as there can be, of equal sizes or
/// one more.
struct ColumnGroups {
  std::size_t D;
  std::size_t largest;

  std::size_t count() const { return Chunks{D, largest}.count(); }
  std::size_t size(std::size_t group) const { return D / count() + (group < D % count() ? 1 : 0); }
  std::size_t first(std::size_t group) const {
    return group * (D / count()) + std::min(group, D % count());
  }
  /// The share of pairs of different columns that lie in one group.
  double share() const {
    double pairs = 0;
    for (std::size_t g = 0; g < count(); ++g)
      pairs += static_cast<double>(size(g)) * static_cast<double>(size(g) - 1);
    return pairs / (static_cast<double>(D) * static_cast<double>(D - 1));
  }
};

template <class T>
class GroupedSquares {
 public:
  struct Sums {
    double off_diagonal;  ///< Σ over the groups of Σ_{i≠j} (Zcᵀ Zc)_ij²
    double check;         ///< not finite when an entry is not
  };

  /// Reads z (N, D).
  Sums forward(const product::PaddedMatrix<T>& z, const ColumnGroups& groups,
               std::size_t memory_budget) {
    groups_.grow(groups.count());
    columns_ = groups;
    Sums sums{0, 0};
    for (std::size_t g = 0; g < groups.count(); ++g) {
      const ConstView<T> z_g(z.row(0) + groups.first(g), z.rows(), groups.size(g), z.stride(), 1);
      const Sums own = forward(z_g, groups_[g], memory_budget / groups.count());
      sums.off_diagonal += own.off_diagonal;
      sums.check += own.check;
    }
    return sums;
  }

  /// Takes what backward will need, so that it cannot run out of memory.
  void reserve_backward(const product::PaddedMatrix<T>& d_z) {
    for (std::size_t g = 0; g < columns_.count(); ++g) {
      OffDiagonalSquares<T>& squares = groups_[g].squares;
      gradient_.reserve(d_z.rows(), columns_.size(g), {});
      squares.reserve_backward();
      if (squares.may_need_product(d_z.rows(), columns_.size(g)))
        d_product_.reshape(d_z.rows(), columns_.size(g));
    }
  }

  /// Writes d_z (N, D) = weight·dΣ/dz.
  void backward(double weight, product::PaddedMatrix<T>& d_z) {
    for (std::size_t g = 0; g < columns_.count(); ++g) {
      backward(groups_[g], 4 * weight, d_z.columns(columns_.first(g), columns_.size(g)));
    }
  }

  std::size_t bytes() const {
    std::size_t total = moments_.bytes() + strips_.bytes() + gradient_.bytes() + d_product_.bytes();
    for (const Group& group : groups_) total += group.centred.bytes() + group.squares.bytes();
    return total;
  }

 private:
  struct Group {
    CentredView<T> centred;
    OffDiagonalSquares<T> squares;
  };

  Sums forward(ConstView<T> z, Group& group, std::size_t memory_budget) {
    OffDiagonalSquares<T>& squares = group.squares;
    squares.plan(z.rows(), z.cols(), CovarianceRoute::automatic);
    if (!squares.gram_fits()) {
      const double check = moments_.centre(z, group.centred);
      return {squares.forward(group.centred, memory_budget), check};
    }
    const typename StripMoments<T>::View view{z, group.centred, squares.gram()};
    const double check = (squares.in_samples() ? strips_.in_samples({view}, nullptr)
                                               : strips_.in_features({view}, nullptr))
                             .squares;
    return {squares.forward_from_gram(group.centred, memory_budget), check};
  }

  void backward(Group& group, double product_weight, MutView<T> d_z) {
    OffDiagonalSquares<T>& squares = group.squares;
    const bool from_gram = squares.gram_fits();
    if (!from_gram) squares.backward(group.centred, d_product_);
    gradient_.clear_factors(d_z.cols());
    if (squares.in_samples()) gradient_.subtract_diagonal(group.centred, product_weight);
    const typename CentredGradient<T>::Parts parts{group.centred, nullptr, 0, product_weight};
    if (from_gram) {
      gradient_.write_with_gram(parts, squares.gram().matrix(), squares.in_samples(), d_z);
    } else {
      gradient_.write(parts, &d_product_, d_z);
    }
  }

  // Kept for backward.
  ColumnGroups columns_{0, 1};
  Objects<Group> groups_;
  // Scratch.
  Moments<T> moments_;
  StripMoments<T> strips_;
  CentredGradient<T> gradient_;
  product::PaddedMatrix<T> d_product_;  // (N, D of a group)
};

}  // namespace kernels
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"

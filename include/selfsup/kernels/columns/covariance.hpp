// The sum of squared off-diagonal covariances, by one of two products of the centred batch Zc (N,
// D).
//
// Feature space, S = Zcᵀ Zc (D, D):
//   Σ_{i≠j} S_ij²,  d/dZc = 4 Zc offdiag(S).
// Sample space, K = Zc Zcᵀ (N, N), with s_j = Σ_n zc_nj²:
//   |K|² − Σ_j s_j²,  d/dZc = 4 (K Zc − Zc diag(s)).
//
// Both are exact. Sample space subtracts, so its rounding error grows by a = |K|² / (|K|² − Σ_j
// s_j²).
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/buffer.hpp"
#include "selfsup/core/parallel.hpp"
#include "selfsup/kernels/columns/moments.hpp"
#include "selfsup/kernels/columns/squares_visitor.hpp"
#include "selfsup/product/padded_matrix.hpp"
#include "selfsup/product/small_gram.hpp"
#include "selfsup/product/tile_walk.hpp"
#include "selfsup/product/visitor.hpp"

#include <algorithm>
#include <cstddef>

namespace selfsup {
inline namespace SELFSUP_ABI {

/// How the covariance term is computed; the value is the same.
enum class CovarianceRoute {
  automatic,  ///< sample space when N < D, unless its subtraction would cost more than 5 bits
              ///< (float) or 20 (double)
  sample,     ///< always N x N; error a·epsilon, see docs/losses/vicreg.md
  feature     ///< always D x D
};

namespace kernels {

/// The subtraction in sample space may cost 5 bits in float, 20 in double; past that feature space
/// is chosen.
template <class T>
inline constexpr double largest_amplification = sizeof(T) == 4 ? 32 : 1 << 20;

template <class T>
class OffDiagonalSquares {
 public:
  /// Chooses the route for a batch (N, D). What follows is forward() of the centred batch or, where
  /// gram_fits(), forward_from_gram() once gram() holds the product of the route.
  void plan(std::size_t N, std::size_t D, CovarianceRoute route) {
    automatic_ = route == CovarianceRoute::automatic;
    in_samples_ = route == CovarianceRoute::sample || (automatic_ && N < D);
    from_gram_ = product::SmallGram<T>::fits(in_samples_ ? N : D);
  }
  bool gram_fits() const { return from_gram_; }
  product::SmallGram<T>& gram() { return gram_; }

  /// Returns Σ_{i≠j} (Zcᵀ Zc)_ij².
  double forward(const CentredView<T>& z, std::size_t memory_budget) {
    reserve_features(z.rows);
    if (!in_samples_) return sum_of_squares(z.rows, memory_budget);
    const double off_diagonal = less_diagonal(z, sum_of_squares(z.rows, memory_budget));
    return in_samples_ ? off_diagonal : sum_in_features(z.rows, memory_budget);
  }

  /// The same from gram().
  double forward_from_gram(const CentredView<T>& z, std::size_t memory_budget) {
    reserve_features(z.rows);
    const double all = gram_.finish(in_samples_);
    if (!in_samples_) return all;
    const double off_diagonal = less_diagonal(z, all);
    if (in_samples_) return off_diagonal;
    from_gram_ = false;
    return sum_in_features(z.rows, memory_budget);
  }

  /// Writes d_z (N, D) with ¼·d/dZc = d_z − Zc diag(own_j): own is Σ_n zc_nj² in sample space, 0 in
  /// feature space. Not from_gram(): there the product is gram()·Zc or Zc·gram(), strip by strip.
  void backward(const CentredView<T>& z, product::PaddedMatrix<T>& d_z) {
    if (in_samples_) {
      walk_.symmetric_backward(z.rows, d_z, visitor());
    } else {
      walk_.symmetric_columns_backward(z.rows, d_z, visitor());
    }
  }

  /// Takes what backward will need, so that it cannot run out of memory.
  void reserve_backward() {
    if (!from_gram_) walk_.reserve_backward();
  }

  /// Whether backward(), for a batch (N, D) of some entries if not for this one, is called.
  bool may_need_product(std::size_t N, std::size_t D) const {
    return !from_gram_ || may_leave_samples(N, D);
  }

  /// Whether backward's caller must subtract the diagonal.
  bool in_samples() const { return in_samples_; }

  std::size_t bytes() const { return walk_.bytes() + gram_.bytes() + tile_sums_.bytes(); }

 private:
  static constexpr std::size_t slots_a_tile = product::slots_a_tile<SquaresVisitor<T>>;

  SquaresVisitor<T> visitor() { return {in_samples_, tile_sums_}; }

  bool may_leave_samples(std::size_t N, std::size_t D) const { return automatic_ && N < D; }

  // |K|² − Σ_j s_j². Leaves sample space when that loses too many digits and the choice is free.
  double less_diagonal(const CentredView<T>& z, double all) {
    double diagonal = 0;
    for (std::size_t j = 0; j < z.rows.cols(); ++j) diagonal += z.squares[j] * z.squares[j];
    const double off_diagonal = all - diagonal;
    if (automatic_ && !(off_diagonal * largest_amplification<T> >= all)) in_samples_ = false;
    return std::max<double>(off_diagonal, 0);
  }

  // What feature space takes once sample space was left. It keeps no more tiles than there is room
  // for already: a batch of unusual entries needs no memory that the others of its shape do not.
  void reserve_features(const product::PaddedMatrix<T>& zc) {
    if (!may_leave_samples(zc.rows(), zc.cols())) return;
    tile_sums_.grow(slots_a_tile * walk_.reserve_symmetric_columns(zc.rows(), zc.cols()));
  }
  double sum_in_features(const product::PaddedMatrix<T>& zc, std::size_t memory_budget) {
    return sum_of_squares(zc, std::min(memory_budget, walk_.kept_bytes()));
  }

  double sum_of_squares(const product::PaddedMatrix<T>& zc, std::size_t memory_budget) {
    if (in_samples_) {
      walk_.symmetric(zc, memory_budget, visitor());
    } else {
      walk_.symmetric_columns(zc, memory_budget, visitor());
    }
    return total(tile_sums_.data(), slots_a_tile * walk_.tiles());
  }

  // Kept for backward.
  bool automatic_ = true;
  bool in_samples_ = false;
  bool from_gram_ = false;
  product::SmallGram<T> gram_;
  product::TileWalk<T> walk_;
  // Scratch.
  Buffer<double> tile_sums_;
};

}  // namespace kernels
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"

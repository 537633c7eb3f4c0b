// The softmax of NT-Xent: both views are one batch.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/kernels/softmax/pair_softmax.hpp"
#include "selfsup/product/padded_matrix.hpp"
#include "selfsup/simd/axpy.hpp"

#include <cstddef>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace kernels {

/// Rows z (2N, D), N rows of one view above N of the other: row i's positive is row i ± N, its
/// candidates are the other 2N − 1 rows.
template <class T>
class StackedSoftmax {
  using Matrix = product::PaddedMatrix<T>;

 public:
  explicit StackedSoftmax(PairSoftmax<T>& softmax) : softmax_(softmax) {}

  /// Returns Σ_i ℓ_i.
  double forward(const Matrix& z, const SoftmaxForm& form) const {
    const std::size_t M = z.rows(), N = M / 2;
    softmax_.begin(form, N, M, M - 2);
    AnchorSide<T>& anchors = softmax_.rows();
    softmax_.losses().set_up(anchors.anchors, z, z, N, N);
    softmax_.losses().copy_positives(anchors.anchors, N, anchors.anchors, N);
    softmax_.template forward<AnchorSides::same>(M, [&](auto&& visitor, std::size_t budget) {
      softmax_.walk().symmetric(z, budget, visitor);
    });
    return softmax_.finish(anchors, M);
  }

  /// After forward: writes d_z with d(Σ_i w_i ℓ_i)/dz = d_z·unit/τ, for the 2N weights w and their
  /// unit, once add_positive() of every row has come after it.
  void backward(const Matrix& z, const AnchorWeights<T>& d_anchors, Matrix& d_z) const {
    AnchorSide<T>& anchors = softmax_.rows();
    softmax_.weigh(anchors, z.rows(), d_anchors);
    if (softmax_.selects()) {
      d_z.reshape(z.rows(), z.cols());
      anchors.hardest.to_anchors(z, d_z, product::Output::write);
      anchors.hardest.to_candidates(z, d_z, product::Output::add);
    } else {
      softmax_.template backward<AnchorSides::same>(
          [&](auto&& visitor) { softmax_.walk().symmetric_backward(z, d_z, visitor); });
    }
  }
  /// What is left of row i of d_z: its positive, after the sum over the other candidates.
  void add_positive(const Matrix& z, std::size_t i, Matrix& d_z) const {
    const std::size_t N = z.rows() / 2, other = i < N ? i + N : i - N;
    const T* const pull = softmax_.rows().anchors.pull.data();
    simd::axpy(-(pull[i] + pull[other]), z.row(other), d_z.row(i), z.cols());
  }

 private:
  PairSoftmax<T>& softmax_;
};

}  // namespace kernels
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"

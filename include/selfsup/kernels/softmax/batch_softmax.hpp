// The softmax of InfoNCE with the negatives of the batch.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/kernels/pairs/positives.hpp"
#include "selfsup/kernels/softmax/pair_softmax.hpp"
#include "selfsup/product/padded_matrix.hpp"

#include <cstddef>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace kernels {

/// Rows q (N, D) against rows k (N, D): the candidates of q_i are all N keys, its positive is k_i.
/// In both directions each key is an anchor among the queries, too.
template <class T>
class BatchSoftmax {
  using Matrix = product::PaddedMatrix<T>;

 public:
  BatchSoftmax(PairSoftmax<T>& softmax, bool both_directions)
      : softmax_(softmax), both_(both_directions) {}

  /// Returns Σ_i ℓ_i over all anchors: the queries, then the keys if these are anchors, too.
  double forward(const Matrix& q, const Matrix& k, const SoftmaxForm& form) const {
    const std::size_t N = q.rows();
    softmax_.begin(form, 0, both_ ? 2 * N : N, N - 1);
    AnchorLosses<T>& losses = softmax_.losses();
    losses.set_up(softmax_.rows().anchors, q, k, 0, N);
    if (both_) losses.copy_positives(softmax_.rows().anchors, N, softmax_.cols().anchors, 0);
    const auto walk = [&](auto&& visitor, std::size_t budget) {
      softmax_.walk().rectangular(q, k, budget, visitor);
    };
    if (both_) {
      softmax_.template forward<AnchorSides::both>(N, walk);
    } else {
      softmax_.template forward<AnchorSides::rows>(N, walk);
    }
    double total = softmax_.finish(softmax_.rows(), N);
    if (both_) total += softmax_.finish(softmax_.cols(), N, N);
    if (form.label_smoothing == 0 || N == 1) return total;  // one candidate has all of the label
    LabelSmoothing<T>& smoothing = softmax_.smoothing();
    smoothing.begin(form.label_smoothing, N, true);
    total += smoothing.forward(losses.scale(), q, k, k, N, losses);
    if (both_) total += smoothing.forward(losses.scale(), k, q, q, N, losses, N);
    return total;
  }

  /// After forward: writes d_q, d_k with d(Σ_i w_i ℓ_i)/dq = d_q·unit/τ and /dk = d_k·unit/τ; a
  /// null pointer skips an output.
  void backward(const Matrix& q, const Matrix& k, const AnchorWeights<T>& d_anchors, Matrix* d_q,
                Matrix* d_k) const {
    const std::size_t N = q.rows();
    softmax_.weigh(softmax_.rows(), N, d_anchors);
    if (both_) softmax_.weigh(softmax_.cols(), N, d_anchors, N);
    const auto walk = [&](auto&& visitor) {
      softmax_.walk().rectangular_backward(q, k, d_q, d_k, visitor);
    };
    if (softmax_.selects()) {
      in_lists_backward(q, k, d_q, d_k);
    } else if (both_) {
      softmax_.template backward<AnchorSides::both>(walk);
    } else {
      softmax_.template backward<AnchorSides::rows>(walk);
    }
    const T* const of_rows = softmax_.rows().anchors.pull.data();
    const T* const of_cols = softmax_.cols().anchors.pull.data();
    const auto same = [](std::size_t i) { return i; };
    const auto pull = [&](std::size_t i) { return both_ ? of_rows[i] + of_cols[i] : of_rows[i]; };
    if (d_q) add_positives(k, same, pull, *d_q);
    if (d_k) add_positives(q, same, pull, *d_k);
    LabelSmoothing<T>& smoothing = softmax_.smoothing();
    if (!smoothing.on()) return;
    if (d_q) smoothing.anchors_backward(k, N, d_anchors, 0, *d_q);
    if (d_k) smoothing.candidates_backward(q, d_anchors, 0, *d_k);
    if (!both_) return;
    if (d_q) smoothing.candidates_backward(k, d_anchors, N, *d_q);
    if (d_k) smoothing.anchors_backward(q, N, d_anchors, N, *d_k);
  }

 private:
  void in_lists_backward(const Matrix& q, const Matrix& k, Matrix* d_q, Matrix* d_k) const {
    using product::Output;
    HardestNegatives<T>& of_rows = softmax_.rows().hardest;
    HardestNegatives<T>& of_cols = softmax_.cols().hardest;
    if (d_q) {
      d_q->reshape(q.rows(), q.cols());
      of_rows.to_anchors(k, *d_q, Output::write);
      if (both_) of_cols.to_candidates(k, *d_q, Output::add);
    }
    if (d_k) {
      d_k->reshape(k.rows(), k.cols());
      of_rows.to_candidates(q, *d_k, Output::write);
      if (both_) of_cols.to_anchors(q, *d_k, Output::add);
    }
  }

  PairSoftmax<T>& softmax_;
  bool both_;
};

}  // namespace kernels
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"

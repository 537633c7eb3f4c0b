// The softmax of InfoNCE with negatives that all anchors share.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/labels.hpp"
#include "selfsup/kernels/pairs/positives.hpp"
#include "selfsup/kernels/pairs/skip.hpp"
#include "selfsup/kernels/softmax/bank_rows.hpp"
#include "selfsup/kernels/softmax/pair_softmax.hpp"
#include "selfsup/product/pack.hpp"
#include "selfsup/product/padded_matrix.hpp"

#include <cstddef>
#include <cstdint>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace kernels {

/// The first rows of a matrix as candidates that all anchors share, and the same packed.
template <class T>
struct SharedRows {
  const product::PaddedMatrix<T>& rows;
  const product::PackedRight<T>& packed;
  std::size_t count;
  const std::int64_t* ids;  ///< `count` numbers, or null
};

/// Where they are from one forward to its backward: in a matrix of the caller's, packed here, or in
/// a bank, read in place.
template <class T>
class SharedNegatives {
 public:
  /// None: the negatives are those of the batch.
  void clear() {
    bank_ = nullptr;
    count_ = 0;
  }
  void take(const product::PaddedMatrix<T>& rows) {
    bank_ = nullptr;
    count_ = rows.rows();
    packed_.pack(product::as_columns(rows));
  }
  void take(const BankRows<T>& bank) {
    bank_ = &bank;
    count_ = bank.size();
    changes_ = bank.changes();
  }

  bool any() const { return count_ > 0; }
  /// Whether the bank has changed since it was taken.
  bool changed() const { return bank_ && bank_->changes() != changes_; }
  /// `own`: the matrix that was taken, if it was one.
  SharedRows<T> rows(const product::PaddedMatrix<T>& own) const {
    if (bank_) return {bank_->rows(), bank_->packed(), count_, bank_->ids()};
    return {own, packed_, count_, nullptr};
  }
  std::size_t bytes() const { return packed_.bytes(); }

 private:
  const BankRows<T>* bank_ = nullptr;
  std::uint64_t changes_ = 0;
  std::size_t count_ = 0;
  product::PackedRight<T> packed_;
};

/// Rows q (N, D) against K shared rows: the candidates of q_i are its own key k_i and all K
/// negatives, which are constants, but for those that have its id, if both have ids.
template <class T>
class BankSoftmax {
  using Matrix = product::PaddedMatrix<T>;

 public:
  explicit BankSoftmax(PairSoftmax<T>& softmax) : softmax_(softmax) {}

  /// Returns Σ_i ℓ_i; `ids` of the queries, null for none.
  double forward(const Matrix& q, const Matrix& k, const SharedRows<T>& negatives,
                 const SoftmaxForm& form, const Labels* ids) const {
    const std::size_t N = q.rows(), K = negatives.count;
    softmax_.begin(form, Skip::nowhere, N, K);
    if (ids && negatives.ids) softmax_.leave_out_same(*ids, negatives.ids, K);
    AnchorLosses<T>& losses = softmax_.losses();
    losses.set_up(softmax_.rows().anchors, q, k, 0, N);
    softmax_.write_own(q, k);
    softmax_.template forward<AnchorSides::rows>(N, [&](auto&& visitor, std::size_t budget) {
      softmax_.walk().rectangular(q, negatives.packed, K, budget, visitor);
    });
    double total = softmax_.finish(softmax_.rows(), N);
    if (form.label_smoothing == 0) return total;
    softmax_.smoothing().begin(form.label_smoothing, K + 1, false);
    total += softmax_.smoothing().forward(losses.scale(), q, k, negatives.rows, K, losses);
    return total;
  }

  /// After forward, with the same rows: writes d_q, d_k with d(Σ_i w_i ℓ_i)/dq = d_q·unit/τ and /dk
  /// = d_k·unit/τ; a null pointer skips d_k.
  void backward(const Matrix& q, const Matrix& k, const SharedRows<T>& negatives,
                const AnchorWeights<T>& d_anchors, Matrix& d_q, Matrix* d_k) const {
    softmax_.weigh(softmax_.rows(), q.rows(), d_anchors);
    if (softmax_.selects()) {
      d_q.reshape(q.rows(), q.cols());
      softmax_.rows().hardest.to_anchors(negatives.rows, d_q, product::Output::write);
    } else {
      softmax_.template backward<AnchorSides::rows>([&](auto&& visitor) {
        softmax_.walk().rectangular_backward(q, negatives.rows, negatives.packed, &d_q, nullptr,
                                             visitor);
      });
    }
    const T* const pulls = softmax_.rows().anchors.pull.data();
    const auto same = [](std::size_t i) { return i; };
    const auto pull = [&](std::size_t i) { return pulls[i]; };
    add_positives(k, same, pull, d_q);
    LabelSmoothing<T>& smoothing = softmax_.smoothing();
    if (smoothing.on())
      smoothing.anchors_backward(negatives.rows, negatives.count, d_anchors, 0, d_q);
    if (!d_k) return;
    d_k->reshape(q.rows(), q.cols());
    add_positives(q, same, pull, *d_k, product::Output::write);
  }

 private:
  PairSoftmax<T>& softmax_;
};

}  // namespace kernels
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"

// The cross-entropy of a softmax over similarities, and its gradient: the core of NT-Xent and
// InfoNCE.
//
// An anchor i has one positive p(i) and other candidates k. With logits x_ik = s_ik/τ and a shift
// m_i,
//   r_i = Σ_k e^(x_ik − m_i)   e_i = e^(x_ip − m_i)   ℓ_i = log1p(r_i/e_i)   q_i = r_i/(r_i + e_i).
// The positive and the anchor itself are left out of r_i by index. q_i is never computed as
// 1 − e_i/(r_i + e_i), which in float is wrong by half a percent at q = 1e-5.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/view.hpp"
#include "selfsup/kernels/pairs/positives.hpp"
#include "selfsup/kernels/softmax/anchor_losses.hpp"
#include "selfsup/kernels/softmax/anchors.hpp"
#include "selfsup/kernels/softmax/hard_negative_visitor.hpp"
#include "selfsup/kernels/softmax/hardest_negatives.hpp"
#include "selfsup/kernels/softmax/label_smoothing.hpp"
#include "selfsup/kernels/softmax/masked_rows.hpp"
#include "selfsup/kernels/softmax/pair_softmax_visitor.hpp"
#include "selfsup/kernels/softmax/softmax_form.hpp"
#include "selfsup/product/pack.hpp"
#include "selfsup/product/padded_matrix.hpp"
#include "selfsup/product/paired_products.hpp"
#include "selfsup/product/tile_walk.hpp"
#include "selfsup/simd/axpy.hpp"

#include <cstddef>
#include <cstdint>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace kernels {

template <class T>
class PairSoftmax {
  using Matrix = product::PaddedMatrix<T>;

 public:
  /// Stacked rows z (2N, D), N rows of one view above N of the other: row i's positive is row i ±
  /// N, its candidates are the other 2N − 1 rows. Returns Σ_i ℓ_i.
  double stacked(const Matrix& z, const SoftmaxForm& form) {
    const std::size_t N = z.rows() / 2;
    begin(form, N, 2 * N, 2 * N - 2);
    losses_.set_up(rows_, z, z, N, N);
    losses_.copy_positives(rows_, N, rows_, N);
    if (selects_) {
      row_lists_.begin(2 * N, form.hardest);
      walk_.symmetric(z, 0, hardest_visitor<true>(rows_, row_lists_));
    } else {
      with_stacked([&](auto&& visitor) { walk_.symmetric(z, form.memory_budget, visitor); });
    }
    return finish(rows_, z.rows());
  }

  /// After stacked: writes d_z with d(Σ_i w_i ℓ_i)/dz = d_z·unit/τ, for the 2N weights w and their
  /// unit, once add_positive() of every row has come after it.
  void stacked_backward(const Matrix& z, const AnchorWeights<T>& d_anchors, Matrix& d_z) {
    weigh_anchors(rows_, z.rows(), d_anchors);
    if (selects_) {
      d_z.reshape(z.rows(), z.cols());
      row_lists_.weigh(rows_, losses_.scale());
      row_lists_.to_anchors(z, d_z, product::Output::write);
      row_lists_.to_candidates(z, d_z, product::Output::add);
    } else {
      with_stacked([&](auto&& visitor) { walk_.symmetric_backward(z, d_z, visitor); });
    }
  }
  /// What is left of row i of d_z: its positive, after the sum over the other candidates.
  void add_positive(const Matrix& z, std::size_t i, Matrix& d_z) const {
    const std::size_t N = z.rows() / 2, other = i < N ? i + N : i - N;
    const T* const pull = rows_.pull.data();
    simd::axpy(-(pull[i] + pull[other]), z.row(other), d_z.row(i), z.cols());
  }

  /// Rows q (N, D) against rows k (N, D): the candidates of q_i are all N keys, its positive is
  /// k_i. Returns Σ_i ℓ_i over all anchors: the queries, then the keys if these are anchors, too.
  double in_batch(const Matrix& q, const Matrix& k, const SoftmaxForm& form) {
    const std::size_t N = q.rows();
    begin(form, 0, form.both_directions ? 2 * N : N, N - 1);
    losses_.set_up(rows_, q, k, 0, N);
    if (form.both_directions) losses_.copy_positives(rows_, N, cols_, 0);
    if (!selects_) {
      with_directions(
          [&](auto&& visitor) { walk_.rectangular(q, k, form.memory_budget, visitor); });
    } else {
      row_lists_.begin(N, form.hardest);
      if (form.both_directions) {
        col_lists_.begin(N, form.hardest);
        walk_.rectangular(q, k, 0, hardest_visitor<true>(cols_, col_lists_));
      } else {
        walk_.rectangular(q, k, 0, hardest_visitor<false>(rows_, row_lists_));
      }
    }
    double total = finish(rows_, N);
    if (form.both_directions) total += finish(cols_, N, N);
    if (form.label_smoothing == 0 || N == 1) return total;  // one candidate has all of the label
    smoothing_.begin(form.label_smoothing, N, true);
    total += smoothing_.forward(losses_.scale(), q, k, k, N, losses_);
    if (form.both_directions) total += smoothing_.forward(losses_.scale(), k, q, q, N, losses_, N);
    return total;
  }

  /// After in_batch: writes d_q, d_k with d(Σ_i w_i ℓ_i)/dq = d_q·unit/τ and /dk = d_k·unit/τ; a
  /// null pointer skips an output.
  void in_batch_backward(const Matrix& q, const Matrix& k, const AnchorWeights<T>& d_anchors,
                         Matrix* d_q, Matrix* d_k) {
    const std::size_t N = q.rows();
    const bool both = form_.both_directions;
    weigh_anchors(rows_, N, d_anchors);
    if (both) weigh_anchors(cols_, N, d_anchors, N);
    if (selects_) {
      in_lists_backward(q, k, d_q, d_k);
    } else {
      with_directions([&](auto&& visitor) { walk_.rectangular_backward(q, k, d_q, d_k, visitor); });
    }
    const auto same = [](std::size_t i) { return i; };
    const auto pull = [&](std::size_t i) {
      return both ? rows_.pull.data()[i] + cols_.pull.data()[i] : rows_.pull.data()[i];
    };
    if (d_q) add_positives(k, same, pull, *d_q);
    if (d_k) add_positives(q, same, pull, *d_k);
    if (!smoothing_.on()) return;
    if (d_q) smoothing_.anchors_backward(k, N, d_anchors, 0, *d_q);
    if (d_k) smoothing_.candidates_backward(q, d_anchors, 0, *d_k);
    if (!both) return;
    if (d_q) smoothing_.candidates_backward(k, d_anchors, N, *d_q);
    if (d_k) smoothing_.anchors_backward(q, N, d_anchors, N, *d_k);
  }

  /// Rows q (N, D) against K shared rows, packed: the candidates of q_i are its own key k_i and all
  /// K negatives, which are constants, but for those that have its id, if both have ids. Returns
  /// Σ_i ℓ_i.
  double against(const Matrix& q, const Matrix& k, const Matrix& negatives,
                 const product::PackedRight<T>& packed, std::size_t K, const SoftmaxForm& form,
                 const Labels* ids = nullptr, const std::int64_t* negative_ids = nullptr) {
    const std::size_t N = q.rows();
    begin(form, positive_elsewhere, N, K);
    masks_ = ids != nullptr && negative_ids != nullptr;
    if (masks_) masked_rows_.set(*ids, negative_ids, K);
    losses_.set_up(rows_, q, k, 0, N);
    paired_.write(q, k, rows_.own.data());
    if (selects_) {
      row_lists_.begin(N, form.hardest);
      walk_.rectangular(q, packed, K, 0, hardest_visitor<false>(rows_, row_lists_));
    } else {
      with_visitor<false>(rows_, rows_, [&](auto&& visitor) {
        walk_.rectangular(q, packed, K, form.memory_budget, visitor);
      });
    }
    double total = finish(rows_, N);
    if (form.label_smoothing == 0) return total;
    smoothing_.begin(form.label_smoothing, K + 1, false);
    total += smoothing_.forward(losses_.scale(), q, k, negatives, K, losses_);
    return total;
  }

  /// After against, with the same rows: writes d_q, d_k with d(Σ_i w_i ℓ_i)/dq = d_q·unit/τ and /dk
  /// = d_k·unit/τ; a null pointer skips d_k.
  void against_backward(const Matrix& q, const Matrix& k, const Matrix& negatives,
                        const product::PackedRight<T>& packed, std::size_t K,
                        const AnchorWeights<T>& d_anchors, Matrix& d_q, Matrix* d_k) {
    weigh_anchors(rows_, q.rows(), d_anchors);
    if (selects_) {
      d_q.reshape(q.rows(), q.cols());
      row_lists_.weigh(rows_, losses_.scale());
      row_lists_.to_anchors(negatives, d_q, product::Output::write);
    } else {
      with_visitor<false>(rows_, rows_, [&](auto&& visitor) {
        walk_.rectangular_backward(q, negatives, packed, &d_q, nullptr, visitor);
      });
    }
    const auto same = [](std::size_t i) { return i; };
    const auto pull = [&](std::size_t i) { return rows_.pull.data()[i]; };
    add_positives(k, same, pull, d_q);
    if (smoothing_.on()) smoothing_.anchors_backward(negatives, K, d_anchors, 0, d_q);
    if (!d_k) return;
    d_k->reshape(q.rows(), q.cols());
    add_positives(q, same, pull, *d_k, product::Output::write);
  }

  /// The anchors after a forward, and their weights after a backward.
  const AnchorLosses<T>& losses() const { return losses_; }

  std::size_t bytes() const {
    return rows_.bytes() + cols_.bytes() + row_lists_.bytes() + col_lists_.bytes() +
           masked_rows_.bytes() + losses_.bytes() + smoothing_.bytes() + walk_.bytes() +
           paired_.bytes();
  }

 private:
  void begin(const SoftmaxForm& form, std::size_t positive_offset, std::size_t anchors,
             std::size_t negatives) {
    form_ = form;
    masks_ = false;
    selects_ = form.hardest > 0 && form.hardest < negatives;
    positive_offset_ = positive_offset;
    losses_.begin(form, anchors, selects_);
    smoothing_.begin();
  }

  const MaskedRows* masked() const { return masks_ ? &masked_rows_ : nullptr; }

  template <bool Columns, class F>
  void with_visitor(Anchors<T>& rows, Anchors<T>& cols, F&& f) {
    if (losses_.online()) {
      f(PairSoftmaxVisitor<T, true, Columns>(losses_.scale(), positive_offset_, rows, cols,
                                             masked()));
    } else {
      f(PairSoftmaxVisitor<T, false, Columns>(losses_.scale(), positive_offset_, rows, cols,
                                              masked()));
    }
  }

  template <class F>
  void with_stacked(F&& f) {
    if (!form_.has_hard_negatives()) return with_visitor<true>(rows_, rows_, f);
    const T beta = static_cast<T>(form_.hard_negative_beta);
    if (losses_.online()) {
      f(HardNegativeVisitor<T, true>(losses_.scale(), beta, positive_offset_, rows_));
    } else {
      f(HardNegativeVisitor<T, false>(losses_.scale(), beta, positive_offset_, rows_));
    }
  }

  // Fills the lists of the rows, and those of the columns if these are anchors, too.
  template <bool Columns>
  HardestVisitor<T, Columns> hardest_visitor(Anchors<T>& cols, HardestNegatives<T>& col_lists) {
    return {positive_offset_, rows_, cols, row_lists_, col_lists, masked()};
  }

  void in_lists_backward(const Matrix& q, const Matrix& k, Matrix* d_q, Matrix* d_k) {
    using product::Output;
    const bool both = form_.both_directions;
    row_lists_.weigh(rows_, losses_.scale());
    if (both) col_lists_.weigh(cols_, losses_.scale());
    if (d_q) {
      d_q->reshape(q.rows(), q.cols());
      row_lists_.to_anchors(k, *d_q, Output::write);
      if (both) col_lists_.to_candidates(k, *d_q, Output::add);
    }
    if (d_k) {
      d_k->reshape(k.rows(), k.cols());
      row_lists_.to_candidates(q, *d_k, Output::write);
      if (both) col_lists_.to_anchors(q, *d_k, Output::add);
    }
  }

  template <class F>
  void with_directions(F&& f) {
    if (form_.both_directions) {
      with_visitor<true>(rows_, cols_, f);
    } else {
      with_visitor<false>(rows_, rows_, f);  // the columns of S are no anchors
    }
  }

  double finish(Anchors<T>& anchors, std::size_t count, std::size_t first = 0) {
    HardestNegatives<T>& lists = &anchors == &rows_ ? row_lists_ : col_lists_;
    return losses_.finish(anchors, count, first, [&](std::size_t i) {
      if (!selects_) return;
      lists.sort(i);
      lists.sum(anchors, i, losses_.scale());
    });
  }

  void weigh_anchors(Anchors<T>& anchors, std::size_t count, const AnchorWeights<T>& d_anchors,
                     std::size_t first = 0) {
    losses_.weigh(anchors, count, d_anchors, first, smoothing_.of_positive());
  }

  // Kept for backward.
  SoftmaxForm form_;
  std::size_t positive_offset_ = 0;
  bool selects_ = false;
  bool masks_ = false;
  MaskedRows masked_rows_;
  Anchors<T> rows_;
  Anchors<T> cols_;
  HardestNegatives<T> row_lists_;
  HardestNegatives<T> col_lists_;
  AnchorLosses<T> losses_;
  LabelSmoothing<T> smoothing_;
  product::TileWalk<T> walk_;
  // Scratch.
  product::PairedProducts<T> paired_;
};

}  // namespace kernels
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"

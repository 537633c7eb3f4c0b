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

#include "selfsup/core/labels.hpp"
#include "selfsup/kernels/pairs/masked_rows.hpp"
#include "selfsup/kernels/pairs/skip.hpp"
#include "selfsup/kernels/softmax/anchor_losses.hpp"
#include "selfsup/kernels/softmax/anchors.hpp"
#include "selfsup/kernels/softmax/hard_negative_visitor.hpp"
#include "selfsup/kernels/softmax/hardest_negatives.hpp"
#include "selfsup/kernels/softmax/label_smoothing.hpp"
#include "selfsup/kernels/softmax/pair_softmax_visitor.hpp"
#include "selfsup/kernels/softmax/softmax_form.hpp"
#include "selfsup/product/padded_matrix.hpp"
#include "selfsup/product/paired_products.hpp"
#include "selfsup/product/tile_walk.hpp"

#include <cstddef>
#include <cstdint>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace kernels {

/// The anchors of one side of S, with the lists of their hardest negatives where these alone count.
template <class T>
struct AnchorSide {
  Anchors<T> anchors;
  HardestNegatives<T> hardest;

  std::size_t bytes() const { return anchors.bytes() + hardest.bytes(); }
};

/// Which sides of S are anchors.
enum class AnchorSides {
  same,  ///< rows and columns are the same ones, whose negatives may be hard()
  both,  ///< columns are others than rows
  rows   ///< columns are none
};

/// What StackedSoftmax, BatchSoftmax and BankSoftmax have in common, each of which says what rows
/// and columns of S are: the anchors, the walk over their similarities, and which visitor makes it.
template <class T>
class PairSoftmax {
 public:
  /// Begins a forward of some anchors with so many negatives each, at most.
  void begin(const SoftmaxForm& form, std::size_t positive_offset, std::size_t anchors,
             std::size_t negatives) {
    form_ = form;
    positive_offset_ = positive_offset;
    leaves_out_ = false;
    selects_ = form.negatives.hardest > 0 && form.negatives.hardest < negatives;
    losses_.begin(form, anchors, selects_);
    smoothing_.begin();
  }

  /// Columns with the id of a row are not its negatives.
  void leave_out_same(const Labels& row_ids, const std::int64_t* col_ids, std::size_t cols) {
    same_.set(row_ids, col_ids, cols);
    leaves_out_ = true;
  }

  AnchorSide<T>& rows() { return rows_; }
  AnchorSide<T>& cols() { return cols_; }

  /// Calls walk(visitor, memory_budget) with the visitor of a forward.
  template <AnchorSides sides, class Walk>
  void forward(std::size_t anchors_a_side, Walk&& walk) {
    if (!selects_)
      return backward<sides>([&](auto&& visitor) { walk(visitor, form_.memory_budget); });
    AnchorSide<T>& cols = side_of_cols<sides>();
    rows_.hardest.begin(anchors_a_side, form_.negatives.hardest);
    if (sides == AnchorSides::both) cols.hardest.begin(anchors_a_side, form_.negatives.hardest);
    walk(HardestVisitor<T, sides != AnchorSides::rows>(skip(), rows_.anchors, cols.anchors,
                                                       rows_.hardest, cols.hardest),
         std::size_t{0});
  }
  /// Calls walk(visitor) with that of a backward, where selects() is not.
  template <AnchorSides sides, class Walk>
  void backward(Walk&& walk) {
    if (losses_.online()) {
      with_visitor<sides, true>(walk);
    } else {
      with_visitor<sides, false>(walk);
    }
  }
  /// Whether the gradient comes from the lists of the hardest negatives.
  bool selects() const { return selects_; }

  /// Writes the losses of the first `count` anchors of a side, this object's from `first` on.
  /// Returns their sum.
  double finish(AnchorSide<T>& side, std::size_t count, std::size_t first = 0) {
    return losses_.finish(side.anchors, count, first, [&](std::size_t i) {
      if (!selects_) return;
      side.hardest.sort(i);
      side.hardest.sum(side.anchors, i, losses_.scale());
    });
  }
  /// Sets the weights of one backward, of a side's first `count` anchors, from d_anchors[first] on.
  void weigh(AnchorSide<T>& side, std::size_t count, const AnchorWeights<T>& d_anchors,
             std::size_t first = 0) {
    losses_.weigh(side.anchors, count, d_anchors, first, smoothing_.of_positive());
    if (selects_) side.hardest.weigh(side.anchors, losses_.scale());
  }

  /// The losses after a forward, and the anchors' weights after a backward.
  AnchorLosses<T>& losses() { return losses_; }
  const AnchorLosses<T>& losses() const { return losses_; }
  LabelSmoothing<T>& smoothing() { return smoothing_; }
  product::TileWalk<T>& walk() { return walk_; }
  /// Writes the products of rows and their positives as tiles would have them, where no tile does.
  void write_own(const product::PaddedMatrix<T>& a, const product::PaddedMatrix<T>& positives) {
    paired_.write(a, positives, rows_.anchors.own.data());
  }
  /// That of the last forward.
  double temperature() const { return form_.temperature; }

  std::size_t bytes() const {
    return rows_.bytes() + cols_.bytes() + same_.bytes() + losses_.bytes() + smoothing_.bytes() +
           walk_.bytes() + paired_.bytes();
  }

 private:
  Skip skip() const { return Skip(positive_offset_, leaves_out_ ? &same_ : nullptr); }

  template <AnchorSides sides>
  AnchorSide<T>& side_of_cols() {
    return sides == AnchorSides::both ? cols_ : rows_;
  }

  template <AnchorSides sides, bool Online, class F>
  void with_visitor(F&& f) {
    if constexpr (sides == AnchorSides::same) {
      const T beta = static_cast<T>(form_.negatives.beta);
      if (form_.negatives.hard())
        return f(HardNegativeVisitor<T, Online>(losses_.scale(), beta, skip(), rows_.anchors));
    }
    f(PairSoftmaxVisitor<T, Online, sides != AnchorSides::rows>(
        losses_.scale(), skip(), rows_.anchors, side_of_cols<sides>().anchors));
  }

  // Kept for backward.
  SoftmaxForm form_;
  AnchorSide<T> rows_;
  AnchorSide<T> cols_;
  std::size_t positive_offset_ = Skip::nowhere;
  bool selects_ = false;
  bool leaves_out_ = false;
  MaskedRows same_;
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

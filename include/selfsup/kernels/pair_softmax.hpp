// The cross-entropy of a softmax over similarities, and its gradient: the core of NT-Xent and
// InfoNCE.
//
// An anchor i has one positive p(i) and other candidates k. With logits x_ik = s_ik/τ and a shift
// m_i,
//   r_i = Σ_k e^(x_ik − m_i)   e_i = e^(x_ip − m_i)   ℓ_i = log1p(r_i/e_i)   q_i = r_i/(r_i + e_i).
// The positive and the anchor itself are left out of r_i by index. q_i is never computed as
// 1 − e_i/(r_i + e_i), which in float is wrong by half a percent at q = 1e-5.
#pragma once

#include "selfsup/core/parallel.hpp"
#include "selfsup/core/view.hpp"
#include "selfsup/kernels/anchor_losses.hpp"
#include "selfsup/kernels/anchors.hpp"
#include "selfsup/kernels/hard_negative_visitor.hpp"
#include "selfsup/kernels/label_smoothing.hpp"
#include "selfsup/kernels/pair_softmax_visitor.hpp"
#include "selfsup/kernels/softmax_form.hpp"
#include "selfsup/product/pack.hpp"
#include "selfsup/product/padded_matrix.hpp"
#include "selfsup/product/paired_products.hpp"
#include "selfsup/product/tile_walk.hpp"
#include "selfsup/simd/reduce.hpp"

#include <cstddef>
#include <limits>

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
    begin(form, N, 2 * N);
    if (form.has_hard_negatives()) rows_.grow_hard(2 * N);
    set_up(rows_, z, z, N, N);
    copy_positives(rows_, N, rows_, N);
    with_stacked([&](auto&& visitor) { walk_.symmetric(z, form.memory_budget, visitor); });
    return finish(rows_, z.rows());
  }

  /// After stacked: writes d_z with d(Σ_i w_i ℓ_i)/dz = d_z/τ. The 2N weights w are d_anchors, or
  /// all 1 when it is empty.
  void stacked_backward(const Matrix& z, ConstView<T> d_anchors, Matrix& d_z) {
    weigh_anchors(rows_, z.rows(), d_anchors);
    if (form_.has_hard_negatives()) weigh_hard_negatives(z.rows(), d_anchors);
    with_stacked([&](auto&& visitor) { walk_.symmetric_backward(z, d_z, visitor); });
    const std::size_t N = z.rows() / 2;
    const auto other = [N](std::size_t i) { return i < N ? i + N : i - N; };
    const T* pull = rows_.pull.data();
    add_positives(
        z, other, [&](std::size_t i) { return pull[i] + pull[other(i)]; }, d_z);
  }

  /// After stacked_backward: Σ_i w_i q_i over the anchors whose negatives lie on their floor, whose
  /// place n·e^(−1/τ) depends on the temperature by itself.
  double on_floor() const { return on_floor_; }

  /// Rows q (N, D) against rows k (N, D): the candidates of q_i are all N keys, its positive is
  /// k_i. Returns Σ_i ℓ_i over all anchors: the queries, then the keys if these are anchors, too.
  double in_batch(const Matrix& q, const Matrix& k, const SoftmaxForm& form) {
    const std::size_t N = q.rows();
    begin(form, 0, form.both_directions ? 2 * N : N);
    set_up(rows_, q, k, 0, N);
    if (form.both_directions) copy_positives(rows_, N, cols_, 0);
    with_directions([&](auto&& visitor) { walk_.rectangular(q, k, form.memory_budget, visitor); });
    double total = finish(rows_, N);
    if (form.both_directions) total += finish(cols_, N, N);
    if (form.label_smoothing == 0 || N == 1) return total;  // one candidate has all of the label
    smoothing_.begin(form.label_smoothing, N, true);
    total += smoothing_.forward(rows_, scale_, q, k, N, losses_);
    if (form.both_directions) total += smoothing_.forward(cols_, scale_, k, q, N, losses_, N);
    return total;
  }

  /// After in_batch: writes d_q, d_k with d(Σ_i w_i ℓ_i)/dq = d_q/τ and /dk = d_k/τ; a null pointer
  /// skips an output.
  void in_batch_backward(const Matrix& q, const Matrix& k, ConstView<T> d_anchors, Matrix* d_q,
                         Matrix* d_k) {
    const std::size_t N = q.rows();
    const bool both = form_.both_directions;
    weigh_anchors(rows_, N, d_anchors);
    if (both) weigh_anchors(cols_, N, d_anchors, N);
    with_directions([&](auto&& visitor) { walk_.rectangular_backward(q, k, d_q, d_k, visitor); });
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
  /// K negatives, which are constants. Returns Σ_i ℓ_i.
  double against(const Matrix& q, const Matrix& k, const Matrix& negatives,
                 const product::PackedRight<T>& packed, std::size_t K, const SoftmaxForm& form) {
    const std::size_t N = q.rows();
    begin(form, positive_elsewhere, N);
    set_up(rows_, q, k, 0, N);
    paired_.write(q, k, rows_.own.data());
    with_visitor<false>(rows_, rows_, [&](auto&& visitor) {
      walk_.rectangular(q, packed, K, form.memory_budget, visitor);
    });
    double total = finish(rows_, N);
    if (form.label_smoothing == 0) return total;
    smoothing_.begin(form.label_smoothing, K + 1, false);
    total += smoothing_.forward(rows_, scale_, q, negatives, K, losses_);
    return total;
  }

  /// After against, with the same rows: writes d_q, d_k with d(Σ_i w_i ℓ_i)/dq = d_q/τ and /dk =
  /// d_k/τ; a null pointer skips d_k.
  void against_backward(const Matrix& q, const Matrix& k, const Matrix& negatives,
                        const product::PackedRight<T>& packed, std::size_t K,
                        ConstView<T> d_anchors, Matrix& d_q, Matrix* d_k) {
    weigh_anchors(rows_, q.rows(), d_anchors);
    with_visitor<false>(rows_, rows_, [&](auto&& visitor) {
      walk_.rectangular_backward(q, negatives, packed, &d_q, nullptr, visitor);
    });
    const auto same = [](std::size_t i) { return i; };
    const auto pull = [&](std::size_t i) { return rows_.pull.data()[i]; };
    add_positives(k, same, pull, d_q);
    if (smoothing_.on()) smoothing_.anchors_backward(negatives, K, d_anchors, 0, d_q);
    if (!d_k) return;
    d_k->reshape(q.rows(), q.cols());
    add_positives(q, same, pull, *d_k, product::Output::write);
  }

  /// The anchors after a forward.
  const AnchorLosses<T>& losses() const { return losses_; }

  std::size_t bytes() const {
    return rows_.bytes() + cols_.bytes() + losses_.bytes() + smoothing_.bytes() + walk_.bytes() +
           paired_.bytes();
  }

 private:
  void begin(const SoftmaxForm& form, std::size_t positive_offset, std::size_t anchors) {
    // e^(−2/τ), with hard negatives its power 1 + β, and its inverse must be normal numbers of the
    // type for one constant shift to serve all.
    constexpr double range = sizeof(T) == 4 ? 80 : 680;
    form_ = form;
    on_floor_ = 0;
    scale_ = static_cast<T>(1 / form.temperature);
    online_ = !form.unit_rows || 2 * (1 + form.hard_negative_beta) / form.temperature > range;
    positive_offset_ = positive_offset;
    losses_.begin(anchors);
    smoothing_.begin();
  }

  // Positives x_ip of anchors 0 … count-1 from rows a_i and b_(b_first + i), in double.
  void set_up(Anchors<T>& anchors, const Matrix& a, const Matrix& b, std::size_t b_first,
              std::size_t count) {
    anchors.grow(b_first + count);
    const Chunks chunks = row_chunks(count, a.cols());
    parallel_for(chunks.count(), [&](std::size_t chunk) {
      for (std::size_t j = 0; j < chunks.length(chunk); ++j) {
        const std::size_t i = chunks.first(chunk) + j;
        set_up_anchor(
            anchors, i,
            static_cast<double>(scale_) * simd::dot(a.row(i), b.row(b_first + i), a.cols()));
      }
    });
  }

  // The anchors of the other view, or of the other direction, share the first ones' positives.
  void copy_positives(const Anchors<T>& from, std::size_t count, Anchors<T>& to,
                      std::size_t to_first) const {
    to.grow(to_first + count);
    for (std::size_t i = 0; i < count; ++i)
      set_up_anchor(to, to_first + i, from.positive.data()[i]);
  }

  void set_up_anchor(Anchors<T>& anchors, std::size_t i, double positive) const {
    // A positive that is no candidate may lie so far above them all that none would be left. A
    // quarter of the lowest number: what is excluded stays far below that.
    const bool among_candidates = !form_.decoupled && !form_.has_hard_negatives();
    const T first_shift =
        among_candidates ? static_cast<T>(positive) : std::numeric_limits<T>::lowest() / 4;
    anchors.positive.data()[i] = positive;
    anchors.shift.data()[i] = online_ ? first_shift : scale_;
    anchors.rest.data()[i] = 0;
    if (form_.has_hard_negatives()) anchors.hard.data()[i] = 0;
    anchors.forget_largest(i);
  }

  template <bool Columns, class F>
  void with_visitor(Anchors<T>& rows, Anchors<T>& cols, F&& f) {
    if (online_) {
      f(PairSoftmaxVisitor<T, true, Columns>(scale_, positive_offset_, rows, cols));
    } else {
      f(PairSoftmaxVisitor<T, false, Columns>(scale_, positive_offset_, rows, cols));
    }
  }

  template <class F>
  void with_stacked(F&& f) {
    if (!form_.has_hard_negatives()) return with_visitor<true>(rows_, rows_, f);
    const T beta = static_cast<T>(form_.hard_negative_beta);
    if (online_) {
      f(HardNegativeVisitor<T, true>(scale_, beta, positive_offset_, rows_));
    } else {
      f(HardNegativeVisitor<T, false>(scale_, beta, positive_offset_, rows_));
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

  // Turns the sums of the first `count` anchors into their losses, the object's from `first` on,
  // and into what backward needs. Returns Σ_i ℓ_i.
  double finish(Anchors<T>& anchors, std::size_t count, std::size_t first = 0) {
    return losses_.finish(anchors, count, first, [&](std::size_t i) {
      return form_.has_hard_negatives()
                 ? hard_negative_loss(anchors, i, static_cast<double>(count) - 2, form_)
                 : softmax_loss(anchors, i, form_.decoupled);
    });
  }

  // What one backward multiplies by, for the first `count` anchors.
  void weigh_anchors(Anchors<T>& anchors, std::size_t count, ConstView<T> d_anchors,
                     std::size_t first = 0) const {
    for (std::size_t i = 0; i < count; ++i) {
      const double factor = anchor_factor(d_anchors, first + i);
      anchors.weight.data()[i] = static_cast<T>(factor * anchors.inverse.data()[i]);
      anchors.pull.data()[i] =
          static_cast<T>(factor * (anchors.miss.data()[i] - smoothing_.of_positive()));
    }
  }

  void weigh_hard_negatives(std::size_t count, ConstView<T> d_anchors) {
    on_floor_ = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const double factor = anchor_factor(d_anchors, i);
      rows_.less.data()[i] = static_cast<T>(factor * rows_.lowered.data()[i]);
      if (rows_.inverse.data()[i] == 0) on_floor_ += factor * rows_.miss.data()[i];
    }
  }

  // Adds the positives' part of the gradient, −pull_i·z_p(i): after the sum over the other
  // candidates, which is much smaller and would be rounded at the positive's magnitude.
  template <class Positive, class Pull>
  static void add_positives(const Matrix& z, Positive&& positive, Pull&& pull, Matrix& d_z,
                            product::Output output = product::Output::add) {
    parallel_for(d_z.rows(), d_z.cols(), [&](std::size_t i) {
      const simd::Batch<T> weight(-pull(i));
      const T* from = z.row(positive(i));
      T* to = d_z.row(i);
      simd::for_batches<T>(0, d_z.cols(), [&](std::size_t d, auto part) {
        const simd::Batch<T> x = simd::load(from + d, part);
        simd::store(to + d,
                    output == product::Output::write
                        ? weight * x
                        : simd::fma(weight, x, simd::load(to + d, part)),
                    part);
      });
    });
  }

  // Kept for backward.
  SoftmaxForm form_;
  T scale_ = 0;
  std::size_t positive_offset_ = 0;
  bool online_ = false;
  double on_floor_ = 0;
  Anchors<T> rows_;
  Anchors<T> cols_;
  AnchorLosses<T> losses_;
  LabelSmoothing<T> smoothing_;
  product::TileWalk<T> walk_;
  // Scratch.
  product::PairedProducts<T> paired_;
};

}  // namespace kernels
}  // namespace SELFSUP_ABI
}  // namespace selfsup

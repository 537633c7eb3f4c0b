// What is known of an anchor by itself: before a walk, and from the sums that the walk took.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/buffer.hpp"
#include "selfsup/core/finite.hpp"
#include "selfsup/core/parallel.hpp"
#include "selfsup/core/view.hpp"
#include "selfsup/kernels/pairs/exponent_range.hpp"
#include "selfsup/kernels/softmax/anchors.hpp"
#include "selfsup/kernels/softmax/softmax_form.hpp"
#include "selfsup/product/padded_matrix.hpp"
#include "selfsup/simd/batch.hpp"
#include "selfsup/simd/reduce.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace kernels {

/// ℓ_i of a softmax, and its derivatives. `above`: by how much the positive's logit exceeds the
/// shift. All relative to e^(m_i), or to e_p where that is larger.
template <class T>
double softmax_loss(Anchors<T>& anchors, std::size_t i, double above, bool decoupled) {
  const double larger = decoupled ? 0 : std::max<double>(above, 0), down = std::exp(-larger);
  const double rest = anchors.rest[i] * down;
  const double positive = decoupled ? 0 : std::exp(above - larger);
  const double all = rest + positive;
  anchors.inverse[i] = down / all;
  anchors.miss[i] = rest / all;
  // Online, e_p may lie so far below the shift that r_i/e_p is not finite; the constant shift
  // never gets there, where the logarithm of a small sum would cancel with it.
  return above > -690 && !decoupled ? std::log1p(rest / positive) : std::log(all) - above;
}

/// ℓ_i of hard and debiased negatives, and its derivatives. With n negatives, e_k = e^(x_ik), w_k =
/// e_k^β and the prior τ⁺,
///   N = max((n·Σw_k e_k/Σw_k − τ⁺n·e_p)/(1 − τ⁺), n·e^(−1/τ)),  ℓ_i = log1p(N/e_p).
/// Relative to what softmax_loss has. `shift_above`: by how much the shift exceeds −1/τ.
template <class T>
double hard_negative_loss(Anchors<T>& anchors, std::size_t i, double above, double shift_above,
                          double n, const SoftmaxForm& form) {
  double& weight = anchors.inverse[i];
  double& miss = anchors.miss[i];
  weight = miss = 0;
  anchors.mean[i] = 0;
  if (n == 0) return 0;
  const double beta = form.negatives.beta, prior = form.negatives.prior;
  const double hard = beta == 0 ? n : anchors.hard[i];  // e^0 counts what is excluded, too
  const double mean = anchors.rest[i] / hard;
  const double larger = std::max<double>(above, 0), down = std::exp(-larger);
  const double positive = std::exp(above - larger);
  const double floor = n * std::exp(-shift_above - larger);
  const double open = n * simd::fma(mean, down, -(prior * positive)) / (1 - prior);
  const bool floored = prior > 0 && !(open > floor);
  const double negative = floored ? floor : open, all = positive + negative;
  miss = negative / all;
  if (!floored) {
    weight = n / ((1 - prior) * hard * all) * down;
    anchors.mean[i] = static_cast<T>(mean);
    miss = (negative + prior * n * positive / (1 - prior)) / all;
  }
  return above > -690 ? std::log1p(negative / positive) : std::log(all) - above;
}

/// The anchors' way into a walk and out of it: their positives and shifts before, after it their
/// losses, how many have a positive that is more similar than every negative, and their weights.
template <class T>
class AnchorLosses {
 public:
  /// `selects`: the sums of an anchor are taken over a list, at the shift of its largest product.
  void begin(const SoftmaxForm& form, std::size_t anchors, bool selects) {
    form_ = form;
    scale_ = static_cast<T>(1 / form.temperature);
    online_ = selects || !form.unit_rows ||
              2 * (1 + form.negatives.beta) / form.temperature > exponent_range<T>;
    // Beside such a logit of a unit row it does not matter how its product was summed and rounded.
    one_arithmetic_ =
        online_ &&
        (!form.unit_rows ||
         static_cast<double>(std::numeric_limits<T>::epsilon()) / form.temperature > 1e-3);
    losses_.grow(anchors);
    anchors_ = anchors;
    hits_ = on_floor_ = 0;
  }

  /// 1/τ.
  T scale() const { return scale_; }
  /// Whether shifts are running maxima of similarities; otherwise the shift is 1/τ for all.
  bool online() const { return online_; }

  /// Sets up anchors 0 … count-1, whose positives are rows a_i and b_(b_first + i); room for
  /// b_first anchors more.
  void set_up(Anchors<T>& anchors, const product::PaddedMatrix<T>& a,
              const product::PaddedMatrix<T>& b, std::size_t b_first, std::size_t count) {
    grow(anchors, b_first + count);
    const Chunks chunks = row_chunks(count, a.cols());
    parallel_for(chunks.count(), [&](std::size_t chunk) {
      for (std::size_t j = 0; j < chunks.length(chunk); ++j) {
        const std::size_t i = chunks.first(chunk) + j;
        const double product =
            one_arithmetic_ ? 0 : simd::dot(a.row(i), b.row(b_first + i), a.cols());
        set_up_anchor(anchors, i, static_cast<double>(scale_) * product);
      }
    });
  }

  /// The anchors of the other view, or of the other direction, share the first ones' positives.
  void copy_positives(const Anchors<T>& from, std::size_t count, Anchors<T>& to,
                      std::size_t to_first) const {
    grow(to, to_first + count);
    for (std::size_t i = 0; i < count; ++i) set_up_anchor(to, to_first + i, from.positive[i]);
  }

  /// Writes the losses of the first `count` anchors of one side, this object's from `first` on,
  /// after prepare(i). Returns their sum.
  template <class Prepare>
  double finish(Anchors<T>& anchors, std::size_t count, std::size_t first, Prepare&& prepare) {
    const Chunks chunks{count, 128};
    double* sums = chunk_sums_.grow(2 * chunks.count());
    double* hits = sums + chunks.count();
    parallel_for(chunks.count(), [&](std::size_t chunk) {
      double sum = 0, hit = 0;
      for (std::size_t j = 0; j < chunks.length(chunk); ++j) {
        const std::size_t i = chunks.first(chunk) + j;
        prepare(i);
        const double loss = loss_of(anchors, i, count);
        losses_[first + i] = loss;
        sum += loss;
        hit += anchors.own[i] > anchors.largest[i] ? 1 : 0;
      }
      sums[chunk] = sum;
      hits[chunk] = hit;
    });
    double total = 0;
    for (std::size_t chunk = 0; chunk < chunks.count(); ++chunk) {
      total += sums[chunk];
      hits_ += hits[chunk];
    }
    return total;
  }

  void add(std::size_t i, double more) { losses_[i] += more; }

  /// Sets what one backward multiplies by, for the first `count` anchors, whose weights are
  /// d_anchors from `first` on. `label` is taken off dℓ_i/dx_ip.
  void weigh(Anchors<T>& anchors, std::size_t count, const AnchorWeights<T>& d_anchors,
             std::size_t first, double label) {
    on_floor_ = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const double factor = d_anchors[first + i];
      anchors.weight[i] = static_cast<T>(factor * anchors.inverse[i]);
      anchors.pull[i] = static_cast<T>(factor * (anchors.miss[i] - label));
      if (form_.negatives.hard() && anchors.inverse[i] == 0) on_floor_ += factor * anchors.miss[i];
    }
  }

  /// After weigh: Σ_i w_i q_i, in units of the weights, over the anchors whose negatives lie on
  /// their floor, whose place n·e^(−1/τ) depends on the temperature by itself.
  double on_floor() const { return on_floor_; }

  ConstView<double> view() const { return {losses_.data(), anchors_, 1}; }
  double accuracy() const { return hits_ / static_cast<double>(anchors_); }
  std::size_t bytes() const { return losses_.bytes() + chunk_sums_.bytes(); }

 private:
  void grow(Anchors<T>& anchors, std::size_t count) const {
    anchors.grow(count);
    if (form_.negatives.hard()) anchors.grow_hard(count);
  }

  double loss_of(Anchors<T>& anchors, std::size_t i, std::size_t count) const {
    // Products of rows that are not normalised overflowed. By their bits: a difference of two
    // infinities is no NaN under every compiler's fast-math.
    if (!is_finite(anchors.own[i]) || !is_finite(anchors.largest[i]) || !is_finite(anchors.rest[i]))
      return std::numeric_limits<double>::infinity();
    if (!form_.negatives.hard())
      return softmax_loss(anchors, i, above(anchors, i), form_.decoupled);
    return hard_negative_loss(anchors, i, above(anchors, i), shift_above(anchors, i),
                              static_cast<double>(count) - 2, form_);
  }

  // x_ip − m_i, and m_i + 1/τ, of a shift that is a similarity or 1. Without a negative the shift
  // is so low that the difference has to be kept finite.
  double above(const Anchors<T>& anchors, std::size_t i) const {
    const auto scale = static_cast<double>(scale_);
    if (!online_) return anchors.positive[i] - scale;
    const auto shift = static_cast<double>(anchors.largest[i]);
    const double apart = one_arithmetic_ ? scale * (static_cast<double>(anchors.own[i]) - shift)
                                         : anchors.positive[i] - scale * shift;
    return std::min(apart, std::numeric_limits<double>::max());
  }
  double shift_above(const Anchors<T>& anchors, std::size_t i) const {
    const double shift = online_ ? static_cast<double>(anchors.largest[i]) : 1;
    return static_cast<double>(scale_) * (shift + 1);
  }

  void set_up_anchor(Anchors<T>& anchors, std::size_t i, double positive) const {
    anchors.positive[i] = positive;
    anchors.largest[i] = std::numeric_limits<T>::lowest();
    anchors.rest[i] = 0;
    if (form_.negatives.hard()) anchors.hard[i] = 0;
  }

  // Kept for backward.
  SoftmaxForm form_;
  T scale_ = 0;
  bool online_ = false;
  // A positive is compared by the product that a tile has: logits may be so large that another way
  // to sum it, or to round it, would be off by more than 1. Otherwise by one in double, which is
  // nearer to the truth.
  bool one_arithmetic_ = false;
  Buffer<double> losses_;
  std::size_t anchors_ = 0;
  double hits_ = 0;
  double on_floor_ = 0;
  // Scratch.
  Buffer<double> chunk_sums_;
};

}  // namespace kernels
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"

// What is known of an anchor by itself: before a walk, and from the sums that the walk took.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/buffer.hpp"
#include "selfsup/core/parallel.hpp"
#include "selfsup/core/view.hpp"
#include "selfsup/kernels/anchors.hpp"
#include "selfsup/kernels/softmax_form.hpp"
#include "selfsup/product/padded_matrix.hpp"
#include "selfsup/simd/reduce.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace kernels {

/// ℓ_i of a softmax, and its derivatives.
template <class T>
double softmax_loss(Anchors<T>& anchors, std::size_t i, bool decoupled) {
  const double rest = anchors.rest.data()[i];
  const double above =
      static_cast<double>(anchors.shift.data()[i]) - anchors.positive.data()[i];  // m_i − x_ip
  const double positive = decoupled ? 0 : std::exp(-above);
  const double all = rest + positive;
  anchors.inverse.data()[i] = 1 / all;
  anchors.miss.data()[i] = rest / all;
  // Online, e_i may lie so far below the shift that r_i/e_i is not finite; the constant shift
  // never gets there, where the logarithm of a small sum would cancel with it.
  return above < 690 && !decoupled ? std::log1p(rest / positive) : std::log(all) + above;
}

/// ℓ_i of hard and debiased negatives, and its derivatives. With n negatives, e_k = e^(x_ik), w_k =
/// e_k^β and the prior τ⁺,
///   N = max((n·Σw_k e_k/Σw_k − τ⁺n·e_p)/(1 − τ⁺), n·e^(−1/τ)),  ℓ_i = log1p(N/e_p).
/// All relative to e^(m_i), or to e_p where that is larger.
template <class T>
double hard_negative_loss(Anchors<T>& anchors, std::size_t i, double n, const SoftmaxForm& form) {
  double& weight = anchors.inverse.data()[i];
  double& lowered = anchors.lowered.data()[i];
  double& miss = anchors.miss.data()[i];
  weight = lowered = miss = 0;
  if (n == 0) return 0;
  const double beta = form.hard_negative_beta, prior = form.positive_prior;
  const double shift = static_cast<double>(anchors.shift.data()[i]);
  const double hard = beta == 0 ? n : anchors.hard.data()[i];  // e^0 counts what is excluded, too
  const double mean = anchors.rest.data()[i] / hard;
  const double above = anchors.positive.data()[i] - shift, larger = std::max<double>(above, 0);
  const double down = std::exp(-larger), positive = std::exp(above - larger);
  const double floor = n * std::exp(-1 / form.temperature - shift - larger);
  const double open = n * (mean * down - prior * positive) / (1 - prior);
  const bool floored = prior > 0 && !(open > floor);
  const double negative = floored ? floor : open, all = positive + negative;
  miss = negative / all;
  if (!floored) {
    const double slope = n / ((1 - prior) * hard * all) * down;
    weight = (1 + beta) * slope;
    lowered = beta * slope * mean;
    miss = (negative + prior * n * positive / (1 - prior)) / all;
  }
  return above > -690 ? std::log1p(negative / positive) : std::log(all) - above;
}

/// The anchors' way into a walk and out of it: their positives and shifts before, after it their
/// losses, how many have a positive that is more similar than every negative, and their weights.
template <class T>
class AnchorLosses {
 public:
  void begin(const SoftmaxForm& form, std::size_t anchors) {
    // e^(−2/τ), with hard negatives its power 1 + β, and its inverse must be normal numbers of the
    // type for one constant shift to serve all.
    constexpr double range = sizeof(T) == 4 ? 80 : 680;
    form_ = form;
    scale_ = static_cast<T>(1 / form.temperature);
    online_ = !form.unit_rows || 2 * (1 + form.hard_negative_beta) / form.temperature > range;
    losses_.grow(anchors);
    anchors_ = anchors;
    hits_ = on_floor_ = 0;
  }

  /// 1/τ, and whether shifts are running maxima.
  T scale() const { return scale_; }
  bool online() const { return online_; }

  /// Positives x_ip of anchors 0 … count-1 from rows a_i and b_(b_first + i), in double; room for
  /// b_first anchors more.
  void set_up(Anchors<T>& anchors, const product::PaddedMatrix<T>& a,
              const product::PaddedMatrix<T>& b, std::size_t b_first, std::size_t count) {
    grow(anchors, b_first + count);
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

  /// The anchors of the other view, or of the other direction, share the first ones' positives.
  void copy_positives(const Anchors<T>& from, std::size_t count, Anchors<T>& to,
                      std::size_t to_first) const {
    grow(to, to_first + count);
    for (std::size_t i = 0; i < count; ++i)
      set_up_anchor(to, to_first + i, from.positive.data()[i]);
  }

  /// Writes the losses of the first `count` anchors of one side, this object's from `first` on,
  /// after prepare(i). Returns their sum.
  template <class Prepare>
  double finish(Anchors<T>& anchors, std::size_t count, std::size_t first, Prepare&& prepare) {
    const Chunks chunks{count, 512};
    double* sums = chunk_sums_.grow(2 * chunks.count());
    double* hits = sums + chunks.count();
    parallel_for(chunks.count(), [&](std::size_t chunk) {
      double sum = 0, hit = 0;
      for (std::size_t j = 0; j < chunks.length(chunk); ++j) {
        const std::size_t i = chunks.first(chunk) + j;
        prepare(i);
        const double loss =
            form_.has_hard_negatives()
                ? hard_negative_loss(anchors, i, static_cast<double>(count) - 2, form_)
                : softmax_loss(anchors, i, form_.decoupled);
        losses_.data()[first + i] = loss;
        sum += loss;
        hit += anchors.own.data()[i] > anchors.largest(i) ? 1 : 0;
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

  void add(std::size_t i, double more) { losses_.data()[i] += more; }

  /// Sets what one backward multiplies by, for the first `count` anchors, whose weights are
  /// d_anchors from `first` on. `label` is taken off dℓ_i/dx_ip.
  void weigh(Anchors<T>& anchors, std::size_t count, ConstView<T> d_anchors, std::size_t first,
             double label) {
    on_floor_ = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const double factor = anchor_factor(d_anchors, first + i);
      anchors.weight.data()[i] = static_cast<T>(factor * anchors.inverse.data()[i]);
      anchors.pull.data()[i] = static_cast<T>(factor * (anchors.miss.data()[i] - label));
      if (!form_.has_hard_negatives()) continue;
      anchors.less.data()[i] = static_cast<T>(factor * anchors.lowered.data()[i]);
      if (anchors.inverse.data()[i] == 0) on_floor_ += factor * anchors.miss.data()[i];
    }
  }

  /// After weigh: Σ_i w_i q_i over the anchors whose negatives lie on their floor, whose place
  /// n·e^(−1/τ) depends on the temperature by itself.
  double on_floor() const { return on_floor_; }

  ConstView<double> view() const { return {losses_.data(), anchors_, 1}; }
  double accuracy() const { return hits_ / static_cast<double>(anchors_); }
  std::size_t bytes() const { return losses_.bytes() + chunk_sums_.bytes(); }

 private:
  void grow(Anchors<T>& anchors, std::size_t count) const {
    anchors.grow(count);
    if (form_.has_hard_negatives()) anchors.grow_hard(count);
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

  // Kept for backward.
  SoftmaxForm form_;
  T scale_ = 0;
  bool online_ = false;
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

// The cross-entropy of a softmax over similarities with several positives an anchor, and its
// gradient: the core of SupCon.
//
// The n positives p of anchor a are the other rows with its label, the rest are the rows with
// another one. With logits x_ak = s_ak/τ and shifts m⁺_a, m_a,
//   E_a = Σ_p e^(x_ap − m⁺_a)   R_a = Σ_k e^(x_ak − m_a)   δ_a = log(R_a/E_a) + m_a − m⁺_a
//   q_a = σ(δ_a), the share of the rest,
//   inside   ℓ_a = log n + log(1 + e^δ_a)
//   outside  ℓ_a = the same + log(E_a/n) + m⁺_a − mean_p x_ap, which is not negative.
// dℓ_a/dx_ak is q_a·e_ak/R_a for the rest, and for a positive
//   inside   −q_a·e_ap/E_a
//   outside  (1 − q_a)·(e_ap − E_a/n)/E_a − q_a/n.
// The latter is P_ap − 1/n, written so that a small one keeps its digits: q_a and 1 − q_a are each
// computed as such, and a single positive has e_ap = E_a/n to the last bit, which leaves −q_a. With
// several positives e_ap − E_a/n carries the rounding of the similarities, ε/τ relative to 1/n.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/buffer.hpp"
#include "selfsup/core/finite.hpp"
#include "selfsup/core/labels.hpp"
#include "selfsup/core/parallel.hpp"
#include "selfsup/kernels/pairs/exponent_range.hpp"
#include "selfsup/kernels/softmax/group_softmax_visitor.hpp"
#include "selfsup/kernels/softmax/label_groups.hpp"
#include "selfsup/product/padded_matrix.hpp"
#include "selfsup/product/tile_walk.hpp"
#include "selfsup/simd/reduce.hpp"
#include "selfsup/simd/sigmoid.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

namespace selfsup {
inline namespace SELFSUP_ABI {

/// Where the mean over an anchor's positives is taken.
enum class SupConForm {
  outside,  ///< outside the logarithm, L_out of the paper, which its authors recommend
  inside    ///< inside the logarithm, L_in
};

namespace kernels {

template <class T>
class GroupSoftmax {
 public:
  /// Labels of the rows of the forward that follows. Returns how many rows share theirs: the
  /// anchors.
  std::size_t assign(Labels labels) { return groups_.assign(labels); }

  /// Rows z (M, D). `unit_rows`: no row is longer than one. Returns Σ_a ℓ_a over the anchors.
  double forward(const product::PaddedMatrix<T>& z, double temperature, SupConForm form,
                 bool unit_rows, std::size_t memory_budget) {
    scale_ = static_cast<T>(1 / temperature);
    online_ = !unit_rows || 2 / temperature > exponent_range<T>;
    form_ = form;
    const std::size_t M = z.rows();
    set_up(z);
    with_visitor([&](auto&& visitor) { walk_.symmetric(z, memory_budget, visitor); });
    return finish(M);
  }

  /// After forward: writes d_z with dΣℓ/dz = d_z/τ.
  void backward(const product::PaddedMatrix<T>& z, product::PaddedMatrix<T>& d_z) {
    with_visitor([&](auto&& visitor) { walk_.symmetric_backward(z, d_z, visitor); });
  }

  std::size_t bytes() const {
    return groups_.bytes() + anchors_.bytes() + walk_.bytes() + chunk_sums_.bytes();
  }

 private:
  template <class F>
  void with_visitor(F&& f) {
    const bool outside = form_ == SupConForm::outside;
    if (online_) {
      f(GroupSoftmaxVisitor<T, true>(scale_, groups_.groups(), outside, anchors_));
    } else {
      f(GroupSoftmaxVisitor<T, false>(scale_, groups_.groups(), outside, anchors_));
    }
  }

  void set_up(const product::PaddedMatrix<T>& z) {
    const std::size_t M = z.rows();
    anchors_.grow(M);
    const T shift = online_ ? std::numeric_limits<T>::lowest() : T(1);
    for (Buffer<double>* sums : {&anchors_.positives, &anchors_.rest, &anchors_.similarities})
      std::fill_n(sums->data(), M, 0.0);
    for (Buffer<T>* shifts : {&anchors_.positive_shift, &anchors_.rest_shift})
      std::fill_n(shifts->data(), M, shift);
    if (!online_) return;
    parallel_for(M, z.cols(), [&](std::size_t a) {
      anchors_.reference[a] = static_cast<T>(simd::dot(z.row(a), z.row(a), z.cols()));
    });
  }

  // Turns the sums into what weigh needs. Returns Σ_a ℓ_a.
  double finish(std::size_t M) {
    const Chunks chunks{M, 128};
    double* sums = chunk_sums_.grow(chunks.count());
    parallel_for(chunks.count(), [&](std::size_t chunk) {
      double sum = 0;
      for (std::size_t j = 0; j < chunks.length(chunk); ++j)
        sum += finish_anchor(chunks.first(chunk) + j);
      sums[chunk] = sum;
    });
    double total = 0;
    for (std::size_t chunk = 0; chunk < chunks.count(); ++chunk) total += sums[chunk];
    return total;
  }

  double finish_anchor(std::size_t a) {
    const std::size_t others = groups_.others(a);
    if (others == 0) {  // no anchor, only a candidate of the others
      set_weights(a, 0, 0, 0, 0);
      return 0;
    }
    const double n = static_cast<double>(others);
    const double positives = anchors_.positives[a], rest = anchors_.rest[a];
    const auto shift = static_cast<double>(anchors_.positive_shift[a]);
    const auto rest_shift = static_cast<double>(anchors_.rest_shift[a]);
    // Similarities of rows that are not normalised overflowed: then a shift is infinite, or a sum.
    if (!is_finite(positives) || !is_finite(rest) || !is_finite(shift) || !is_finite(rest_shift))
      return std::numeric_limits<double>::infinity();
    const auto scale = static_cast<double>(scale_);
    double q = 0, one_minus_q = 1, rest_factor = 0, loss = std::log(n);
    if (rest > 0) {
      const double delta = std::log(rest / positives) + scale * (rest_shift - shift);
      q = simd::sigmoid(delta);
      one_minus_q = simd::sigmoid(-delta);
      rest_factor = q / rest;
      loss += simd::softplus(delta);
    }
    if (form_ == SupConForm::inside) {
      set_weights(a, rest_factor, -q / positives, 0, 0);
      return loss;
    }
    set_weights(a, rest_factor, one_minus_q / positives, positives / n, q / n);
    if (others > 1) {
      const double reference = online_ ? static_cast<double>(anchors_.reference[a]) : 0;
      const double above = shift - reference - anchors_.similarities[a] / n;
      loss += std::max<double>(std::log(positives / n) + scale * above, 0);
    }
    return loss;
  }

  void set_weights(std::size_t a, double rest_factor, double positive_factor, double positive_mean,
                   double positive_pull) {
    anchors_.rest_factor[a] = static_cast<T>(rest_factor);
    anchors_.positive_factor[a] = static_cast<T>(positive_factor);
    anchors_.positive_mean[a] = static_cast<T>(positive_mean);
    anchors_.positive_pull[a] = static_cast<T>(positive_pull);
  }

  // Kept for backward.
  T scale_ = 0;
  bool online_ = false;
  SupConForm form_ = SupConForm::outside;
  LabelGroups<T> groups_;
  GroupAnchors<T> anchors_;
  product::TileWalk<T> walk_;
  // Scratch.
  Buffer<double> chunk_sums_;
};

}  // namespace kernels
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"

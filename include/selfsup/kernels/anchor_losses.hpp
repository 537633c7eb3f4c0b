// From the sums over an anchor's negatives to its loss, and to what backward needs of it.
#pragma once

#include "selfsup/core/buffer.hpp"
#include "selfsup/core/parallel.hpp"
#include "selfsup/core/view.hpp"
#include "selfsup/kernels/anchors.hpp"
#include "selfsup/kernels/softmax_form.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>

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
  const double above = anchors.positive.data()[i] - shift, larger = std::max(above, 0.0);
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

/// The losses of all anchors of a forward, and how many of them have a positive that is more
/// similar than every negative.
template <class T>
class AnchorLosses {
 public:
  void begin(std::size_t anchors) {
    losses_.grow(anchors);
    anchors_ = anchors;
    hits_ = 0;
  }

  /// Writes loss_of(i) of the first `count` anchors of one side, this object's from `first` on.
  /// Returns their sum.
  template <class LossOf>
  double finish(const Anchors<T>& anchors, std::size_t count, std::size_t first, LossOf&& loss_of) {
    const Chunks chunks{count, 512};
    double* sums = chunk_sums_.grow(2 * chunks.count());
    double* hits = sums + chunks.count();
    parallel_for(chunks.count(), [&](std::size_t chunk) {
      double sum = 0, hit = 0;
      for (std::size_t j = 0; j < chunks.length(chunk); ++j) {
        const std::size_t i = chunks.first(chunk) + j;
        sum += losses_.data()[first + i] = loss_of(i);
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

  ConstView<double> view() const { return {losses_.data(), anchors_, 1}; }
  double accuracy() const { return hits_ / static_cast<double>(anchors_); }
  std::size_t bytes() const { return losses_.bytes() + chunk_sums_.bytes(); }

 private:
  Buffer<double> losses_;
  std::size_t anchors_ = 0;
  double hits_ = 0;
  // Scratch.
  Buffer<double> chunk_sums_;
};

}  // namespace kernels
}  // namespace SELFSUP_ABI
}  // namespace selfsup

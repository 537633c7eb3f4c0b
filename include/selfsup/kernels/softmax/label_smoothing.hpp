// Label smoothing: an anchor's label Y is (1 − α) on its positive and α shared by all C candidates.
// The loss grows by α(x_ip − mean_k x_ik) = α/C·a_i·Σ_k (z_p − z_k)/τ, one product with the sum of
// their rows; so smoothing costs O(N·D) and no tile knows of it.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/buffer.hpp"
#include "selfsup/core/parallel.hpp"
#include "selfsup/kernels/softmax/anchor_losses.hpp"
#include "selfsup/kernels/softmax/anchors.hpp"
#include "selfsup/product/padded_matrix.hpp"
#include "selfsup/product/row_sum.hpp"
#include "selfsup/simd/axpy.hpp"
#include "selfsup/simd/batch.hpp"
#include "selfsup/simd/in_double.hpp"

#include <cstddef>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace kernels {

/// The part of the losses that α adds. Off until begun with an α.
template <class T>
class LabelSmoothing {
  using Matrix = product::PaddedMatrix<T>;

 public:
  void begin() { share_ = of_positive_ = 0; }

  /// `summed`: the candidates of the calls below include the positive.
  void begin(double alpha, std::size_t candidates, bool summed) {
    share_ = alpha / static_cast<double>(candidates);
    of_positive_ = summed ? alpha : alpha - share_;
  }
  bool on() const { return share_ != 0; }

  /// What the label takes off dℓ_i/dx_ip, beside a sum over candidates.
  double of_positive() const { return of_positive_; }

  /// Adds α(x_ip − mean_k x_ik) to the losses of the anchors a with positives p, from losses[first]
  /// on, with x = scale·s over `count` rows of candidates. Returns what that adds to their sum. In
  /// double, and rows are subtracted before they are multiplied: logits may be far larger than
  /// their differences.
  double forward(T scale, const Matrix& a, const Matrix& p, const Matrix& candidates,
                 std::size_t count, AnchorLosses<T>& losses, std::size_t first = 0) {
    sum_.of(candidates, count, [](std::size_t) { return 1.0; });
    const std::size_t D = a.cols();
    const double factor = share_ * static_cast<double>(scale);
    const Chunks chunks = row_chunks(a.rows(), D);
    double* const sums = chunk_sums_.grow(chunks.count());
    parallel_for(chunks.count(), [&](std::size_t chunk) {
      sums[chunk] = 0;
      for (std::size_t j = 0; j < chunks.length(chunk); ++j) {
        const std::size_t i = chunks.first(chunk) + j;
        const double more = factor * above_mean(a.row(i), p.row(i), static_cast<double>(count), D);
        losses.add(first + i, more);
        sums[chunk] += more;
      }
    });
    double total = 0;
    for (std::size_t chunk = 0; chunk < chunks.count(); ++chunk) total += sums[chunk];
    return total;
  }

  /// Adds −α/C·w_i·Σ_k z_k to the gradients of anchors, from weight `first` on …
  void anchors_backward(const Matrix& z, std::size_t count, const AnchorWeights<T>& d_anchors,
                        std::size_t first, Matrix& d_anchor_rows) {
    sum_.of(z, count, [](std::size_t) { return 1.0; });
    add_multiples([&](std::size_t i) { return -share_ * d_anchors[first + i]; }, d_anchor_rows);
  }

  /// … or −α/C·Σ_i w_i z_i to the gradients of their candidates.
  void candidates_backward(const Matrix& z, const AnchorWeights<T>& d_anchors, std::size_t first,
                           Matrix& d_candidates) {
    sum_.of(z, z.rows(), [&](std::size_t i) { return d_anchors[first + i]; });
    add_multiples([&](std::size_t) { return -share_; }, d_candidates);
  }

  std::size_t bytes() const { return sum_.bytes() + chunk_sums_.bytes(); }

 private:
  // a·(C p − Σ_k z_k) of C candidates.
  double above_mean(const T* a, const T* p, double candidates, std::size_t D) const {
    const simd::Batch<double> rows(candidates);
    const double* const sum = sum_.in_double();
    return simd::dot_in_double(a, p, D, [&](std::size_t d, auto half, const auto& p_d) {
      return simd::fms(rows, p_d, simd::load(sum + d, half));
    });
  }

  // Adds factor(i) times the sum to every row of d_z.
  template <class Factor>
  void add_multiples(Factor&& factor, Matrix& d_z) const {
    parallel_for(d_z.rows(), d_z.cols(), [&](std::size_t i) {
      simd::axpy(static_cast<T>(factor(i)), sum_.row(), d_z.row(i), d_z.cols());
    });
  }

  // Kept for backward.
  double share_ = 0;  // α/C of C candidates
  double of_positive_ = 0;
  // Scratch.
  product::RowSum<T> sum_;
  Buffer<double> chunk_sums_;
};

}  // namespace kernels
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"

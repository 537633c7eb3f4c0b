// Label smoothing: an anchor's label Y is (1 − α) on its positive and α shared by all C candidates.
// The loss grows by α(x_ip − mean_k x_ik) = α/C·a_i·Σ_k (z_p − z_k)/τ, one product with the sum of
// their rows; so smoothing costs O(N·D) and no tile knows of it.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/buffer.hpp"
#include "selfsup/core/parallel.hpp"
#include "selfsup/core/view.hpp"
#include "selfsup/kernels/anchor_losses.hpp"
#include "selfsup/kernels/anchors.hpp"
#include "selfsup/product/padded_matrix.hpp"
#include "selfsup/simd/axpy.hpp"
#include "selfsup/simd/reduce.hpp"

#include <algorithm>
#include <cstddef>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace kernels {

/// Σ_i w_i z_i over rows, in double and by chunks of rows, as one row of the type.
template <class T>
class RowSum {
 public:
  /// Sums the first `count` rows; weight(i) is w_i.
  template <class Weight>
  void of(const product::PaddedMatrix<T>& z, std::size_t count, Weight&& weight) {
    const std::size_t D = z.cols();
    const Chunks chunks{count, std::max<std::size_t>(512, (count + 63) / 64)};
    double* sums = sums_.grow(chunks.count() * D);
    parallel_for(chunks.count(), [&](std::size_t chunk) {
      double* sum = sums + chunk * D;
      std::fill_n(sum, D, 0.0);
      for (std::size_t j = 0; j < chunks.length(chunk); ++j) {
        const std::size_t i = chunks.first(chunk) + j;
        const double w = weight(i);
        const T* row = z.row(i);
        for (std::size_t d = 0; d < D; ++d) sum[d] += w * static_cast<double>(row[d]);
      }
    });
    row_.grow(D);
    for (std::size_t d = 0; d < D; ++d) {
      for (std::size_t chunk = 1; chunk < chunks.count(); ++chunk) sums[d] += sums[chunk * D + d];
      row_.data()[d] = static_cast<T>(sums[d]);
    }
  }

  const T* row() const { return row_.data(); }
  /// Before it was rounded.
  const double* in_double() const { return sums_.data(); }
  std::size_t bytes() const { return row_.bytes() + sums_.bytes(); }

 private:
  Buffer<T> row_;
  Buffer<double> sums_;  // a row a chunk, the first one the sum
};
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
    const double* const sum = sum_.in_double();
    const auto rows = static_cast<double>(count);
    double total = 0;
    for (std::size_t i = 0; i < a.rows(); ++i) {
      double above = 0;
      for (std::size_t d = 0; d < a.cols(); ++d)
        above +=
            static_cast<double>(a.row(i)[d]) * (rows * static_cast<double>(p.row(i)[d]) - sum[d]);
      const double more = share_ * static_cast<double>(scale) * above;
      losses.add(first + i, more);
      total += more;
    }
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

  std::size_t bytes() const { return sum_.bytes(); }

 private:
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
  RowSum<T> sum_;
};

}  // namespace kernels
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"

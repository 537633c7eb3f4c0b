// The uniformity loss. Maths: docs/uniformity.md.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/check.hpp"
#include "selfsup/core/contiguous.hpp"
#include "selfsup/core/pass_state.hpp"
#include "selfsup/core/runs_on.hpp"
#include "selfsup/core/view.hpp"
#include "selfsup/kernels/columns/moments.hpp"
#include "selfsup/kernels/pairs/gaussian.hpp"
#include "selfsup/kernels/rows/l2_normalize.hpp"
#include "selfsup/product/padded_matrix.hpp"

#include <cstddef>
#include <limits>

namespace selfsup {
inline namespace SELFSUP_ABI {

struct UniformityOptions {
  double scale = 2;             ///< t > 0 of the Gaussian e^(−t·d²)
  bool normalize = true;        ///< rows are scaled to length 1 first, as the paper's encoder does
  double norm_epsilon = 1e-12;  ///< ε >= 0 of z/max(|z|, ε); with 0 a row of zeros is an error
  std::size_t memory_budget =
      256u << 20;  ///< bytes of tiles kept from forward for backward; the value never depends on it
};

/// Uniformity (Wang and Isola 2020, arXiv:2005.10242, section 4.1.2): how far the rows of one view
/// are from being spread evenly over the sphere,
///   L = log mean_{i<j} e^(−t |ẑ_i − ẑ_j|²),
/// from −4t (two opposite rows) up to 0 (collapsed). The mean over the N(N − 1)/2 pairs, then the
/// logarithm. Equal to SsnL/align_uniform `uniform_loss` of normalised rows.
template <class T>
class Uniformity : public RunsOn {
 public:
  explicit Uniformity(const UniformityOptions& options = {}) : options_(options) {
    require_positive<T>("Uniformity: scale", options.scale);
    require_norm_epsilon("Uniformity: norm_epsilon", options.norm_epsilon);
  }

  /// Returns the loss of z (N, D), N > 1; keeps what backward needs, so that z may change
  /// afterwards. Throws ShapeError when z is smaller, NonFiniteError when an entry is NaN or
  /// infinite.
  T forward(ConstView<T> z) { return run("Uniformity::forward", z, options_.memory_budget, true); }

  /// The same value; keeps nothing.
  T value(ConstView<T> z) { return run("Uniformity::value", z, 0, false); }

  /// Writes d_loss·dL/dz (N, D); `skip` leaves it out. Throws StateError without a forward that
  /// succeeded, ShapeError for another shape.
  void backward(MutView<T> d_z, T d_loss = 1) {
    const RunOn threads = lent();
    state_.require("Uniformity::backward");
    require_output("Uniformity::backward", "d_z", d_z, z_.rows(), z_.cols());
    // (2') d_z = W ẑ − diag(W 1) ẑ, but for one factor, applied last
    gaussian_.backward(z_, d_z_, normalized_);
    // (1') back through the normalisation
    normalize_.backward(z_, d_z_, static_cast<double>(d_loss) * gaussian_.slope(), normalized_,
                        {d_z});
    state_.gone_back();
  }

  const UniformityOptions& options() const { return options_; }

  /// Memory that this object holds.
  std::size_t bytes() const {
    return z_.bytes() + d_z_.bytes() + normalize_.bytes() + gaussian_.bytes() + copy_.bytes() +
           middle_.bytes();
  }

 private:
  T run(const char* where, ConstView<T> z, std::size_t memory_budget, bool keep) {
    const RunOn threads = lent();
    const std::initializer_list<Named<T>> batches = {{"z", z}};
    state_.begin();
    require_batches(where, batches, 2);
    normalized_ = options_.normalize;
    z_.reshape(z.rows(), z.cols());
    // (1) ẑ = z/|z|
    const double norms =
        normalize_.forward({copy_.of(z)}, {normalized_, options_.norm_epsilon}, z_);
    if (!is_finite(norms))
      kernels::throw_no_norm(where, batches, {normalized_, options_.norm_epsilon});
    // without a length, about the middle rather than the origin: only distances count
    if (!normalized_) kernels::subtract_middle(z_, middle_);
    // (2) the Gaussian of each pair's distance, the logarithm of their mean
    const double lowest = normalized_ ? -4 * options_.scale : -std::numeric_limits<double>::max();
    const double value = gaussian_.forward(z_, options_.scale, normalized_, memory_budget);
    const T loss = static_cast<T>(value < lowest ? lowest : value);
    if (!is_finite(loss)) throw_non_finite(where, batches);
    if (keep) state_.kept();
    return loss;
  }

  UniformityOptions options_;
  // Kept for backward.
  product::PaddedMatrix<T> z_;  // ẑ (N, D)
  kernels::L2Normalize<T> normalize_;
  kernels::PairGaussian<T> gaussian_;
  bool normalized_ = true;
  PassState state_;
  // Scratch.
  product::PaddedMatrix<T> d_z_;
  ContiguousRows<T> copy_;
  Buffer<T> middle_;
};

}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"

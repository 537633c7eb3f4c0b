// The uniformity loss. Maths: docs/losses/uniformity.md.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/buffer.hpp"
#include "selfsup/core/call.hpp"
#include "selfsup/core/check.hpp"
#include "selfsup/core/option_check.hpp"
#include "selfsup/core/pass_state.hpp"
#include "selfsup/core/runs_on.hpp"
#include "selfsup/core/view.hpp"
#include "selfsup/kernels/columns/moments.hpp"
#include "selfsup/kernels/pairs/gaussian.hpp"
#include "selfsup/kernels/rows/unit_rows.hpp"

#include <cstddef>
#include <limits>

namespace selfsup {
inline namespace SELFSUP_ABI {

struct UniformityOptions {
  double scale = 2;             ///< t > 0 of the Gaussian e^(−t·d²)
  bool normalize = true;        ///< rows are scaled to length 1 first, as the paper's encoder does
  double norm_epsilon = 1e-12;  ///< ε >= 0 of z/max(|z|, ε); with 0 a row of zeros is an error
  /// Bytes of tiles kept from forward for backward; the value never depends on it.
  std::size_t memory_budget = default_memory_budget;
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
  T forward(ConstView<T> z) {
    return run({"Uniformity::forward", {{"z", z}}, options_.memory_budget, true});
  }

  /// The same value; keeps nothing.
  T value(ConstView<T> z) { return run({"Uniformity::value", {{"z", z}}}); }

  /// Writes d_loss·dL/dz (N, D); `skip` leaves it out. Throws StateError without a forward that
  /// succeeded, ShapeError for another shape.
  void backward(MutView<T> d_z, T d_loss = 1) {
    go_back("Uniformity::backward", d_z, static_cast<double>(d_loss));
  }

  const UniformityOptions& options() const { return options_; }

  /// Memory that this object holds.
  std::size_t bytes() const { return z_.bytes() + gaussian_.bytes() + middle_.bytes(); }

 private:
  T run(const Call<T>& call) {
    const RunOn threads = lent();
    state_.begin();
    require_batches(call.where, call.arguments, 2);
    // (1) ẑ = z/|z|
    kernels::take_rows(call, {options_.normalize, options_.norm_epsilon}, {&z_});
    // without a length, about the middle rather than the origin: only distances count
    if (!options_.normalize) kernels::subtract_middle(z_.rows(), middle_);
    // (2) the Gaussian of each pair's distance, the logarithm of their mean
    const double value =
        gaussian_.forward(z_.rows(), options_.scale, options_.normalize, call.memory_budget);
    const double lowest =
        options_.normalize ? -4 * options_.scale : -std::numeric_limits<double>::max();
    return end(call, value < lowest ? lowest : value, state_);
  }

  void go_back(const char* where, MutView<T> d_z, double weight) {
    const RunOn threads = lent();
    state_.require(where);
    require_output(where, "d_z", d_z, z_.rows());
    // (2') d_z = W ẑ − diag(W 1) ẑ, but for one factor, applied last
    gaussian_.backward(z_.rows(), z_.d_rows(), z_.normalized());
    // (1') back through the normalisation
    z_.backward(weight * gaussian_.slope(), {d_z});
    state_.gone_back();
  }

  UniformityOptions options_;
  kernels::UnitRows<T> z_;
  kernels::PairGaussian<T> gaussian_;
  PassState state_;
  Buffer<T> middle_;
};

}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"

// The covariance term of VICReg by random probes: an estimate. Maths: docs/covariance.md.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/check.hpp"
#include "selfsup/core/contiguous.hpp"
#include "selfsup/core/pass_state.hpp"
#include "selfsup/core/runs_on.hpp"
#include "selfsup/core/view.hpp"
#include "selfsup/kernels/columns/moments.hpp"
#include "selfsup/kernels/estimates/probed_squares.hpp"
#include "selfsup/random/random.hpp"

#include <cstddef>
#include <cstdint>

namespace selfsup {
inline namespace SELFSUP_ABI {

struct ProbedCovarianceOptions {
  std::size_t probes = 16;  ///< m >= 1; the variance of the estimate falls as 1/m
  std::uint64_t seed = 0;   ///< of the probes, which are a function of (seed, step)
};

/// An unbiased estimate of VICReg's covariance term of one view, c = 1/D Σ_{i≠j} C_ij², C =
/// ZcᵀZc/(N − 1), from products with m vectors ω of random signs (Rademacher):
///   L = 1/(m·D) Σ_ω |y|²,  y = offdiag(C)·ω = Zcᵀ(Zc ω)/(N − 1) − diag(C)∘ω.
/// Costs 5·N·D·m multiply-adds where c costs 1.5·N·D·min(N, D). To be added to VicReg's with a
/// covariance_weight of 0, an object a view.
///
/// Each forward takes the probes of the next step, 0 at first; value those of the last forward.
template <class T>
class ProbedCovariance : public RunsOn {
 public:
  explicit ProbedCovariance(const ProbedCovarianceOptions& options = {}) : options_(options) {
    require_at_least("ProbedCovariance: probes", options.probes, 1);
  }

  /// The next forward, and value until then, is at that step: to go on where a training was.
  void set_step(std::uint64_t step) { steps_.set(step); }

  /// Returns the estimate for z (N, D), N >= 2; keeps what backward needs, so that z may change
  /// afterwards. Throws ShapeError for another shape, NonFiniteError when an entry is NaN or
  /// infinite or the squares overflow.
  T forward(ConstView<T> z) { return run("ProbedCovariance::forward", z, true); }

  /// The same value; keeps nothing.
  T value(ConstView<T> z) { return run("ProbedCovariance::value", z, false); }

  /// Writes d_loss·dL/dz (N, D). Throws StateError without a forward that succeeded, ShapeError for
  /// another shape.
  void backward(MutView<T> d_z, T d_loss = 1) {
    const RunOn threads = lent();
    state_.require("ProbedCovariance::backward");
    require_output("ProbedCovariance::backward", "d_z", d_z, N_, D_);
    if (d_z.empty()) return;
    squares_.reserve_backward(centred_, d_z);
    // (3') (2'); (1') centring asks for nothing more, the columns sum to 0
    squares_.backward(centred_, static_cast<double>(d_loss) * scale(), d_z);
  }

  const ProbedCovarianceOptions& options() const { return options_; }

  /// Memory that this object holds.
  std::size_t bytes() const {
    return centred_.bytes() + squares_.bytes() + moments_.bytes() + copy_.bytes();
  }

 private:
  T run(const char* where, ConstView<T> z, bool keep) {
    const RunOn threads = lent();
    state_.begin();
    require_batches<T>(where, {{"z", z}}, 2);
    N_ = z.rows();
    D_ = z.cols();
    // (1) centred columns
    const double check = moments_.centre(copy_.of(z), centred_);
    if (!is_finite(check)) throw_non_finite<T>(where, {{"z", z}});
    // (2) probes, (3) their squares
    const double squares =
        squares_.forward(centred_, options_.probes, {options_.seed, steps_.of(keep)}, keep);
    const T loss = static_cast<T>(scale() * squares);
    if (!is_finite(loss)) throw_non_finite<T>(where, {{"z", z}});
    if (!keep) return loss;
    steps_.advance();
    state_.kept();
    return loss;
  }

  double scale() const {
    const auto degrees = static_cast<double>(N_ - 1);
    return 1 / (degrees * degrees * static_cast<double>(D_) * static_cast<double>(options_.probes));
  }

  ProbedCovarianceOptions options_;
  rng::StepCount steps_;
  // Kept for backward.
  kernels::CentredView<T> centred_;
  kernels::ProbedSquares<T> squares_;
  std::size_t N_ = 0;
  std::size_t D_ = 0;
  PassState state_;
  // Scratch.
  kernels::Moments<T> moments_;
  ContiguousRows<T> copy_;
};

}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"

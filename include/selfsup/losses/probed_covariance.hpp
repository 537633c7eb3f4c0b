// The covariance term of VICReg by random probes: an estimate. Maths: docs/losses/covariance.md.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/call.hpp"
#include "selfsup/core/check.hpp"
#include "selfsup/core/contiguous.hpp"
#include "selfsup/core/option_check.hpp"
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
  T forward(ConstView<T> z) { return run({"ProbedCovariance::forward", {{"z", z}}, 0, true}); }

  /// The same value; keeps nothing.
  T value(ConstView<T> z) { return run({"ProbedCovariance::value", {{"z", z}}}); }

  /// Writes d_loss·dL/dz (N, D). Throws StateError without a forward that succeeded, ShapeError for
  /// another shape.
  void backward(MutView<T> d_z, T d_loss = 1) {
    go_back("ProbedCovariance::backward", d_z, static_cast<double>(d_loss));
  }

  const ProbedCovarianceOptions& options() const { return options_; }

  /// Memory that this object holds.
  std::size_t bytes() const {
    return centred_.bytes() + squares_.bytes() + moments_.bytes() + copy_.bytes();
  }

 private:
  T run(const Call<T>& call) {
    const RunOn threads = lent();
    state_.begin();
    require_batches(call.where, call.arguments, 2);
    N_ = call[0].rows();
    D_ = call[0].cols();
    // (1) centred columns
    const double check = moments_.centre(copy_.of(call[0]), centred_);
    if (!is_finite(check)) throw_non_finite(call.where, call.arguments);
    // (2) probes, (3) their squares
    const double squares = squares_.forward(centred_, options_.probes,
                                            {options_.seed, steps_.of(call.keeps)}, call.keeps);
    const T loss = end(call, scale() * squares, state_);
    if (call.keeps) steps_.advance();
    return loss;
  }

  void go_back(const char* where, MutView<T> d_z, double d_loss) {
    const RunOn threads = lent();
    state_.require(where);
    require_output(where, "d_z", d_z, N_, D_);
    if (d_z.empty()) return;
    squares_.reserve_backward(centred_, d_z);
    // (3') (2'); (1') centring asks for nothing more, the columns sum to 0
    squares_.backward(centred_, d_loss * scale(), d_z);
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

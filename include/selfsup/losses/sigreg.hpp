// SIGReg: sketched isotropic Gaussian regularization. Maths: docs/losses/sigreg.md.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/call.hpp"
#include "selfsup/core/check.hpp"
#include "selfsup/core/option_check.hpp"
#include "selfsup/core/pass_state.hpp"
#include "selfsup/core/runs_on.hpp"
#include "selfsup/core/view.hpp"
#include "selfsup/kernels/slices/sliced_normality.hpp"
#include "selfsup/kernels/slices/slices.hpp"
#include "selfsup/product/matmul.hpp"
#include "selfsup/product/padded_matrix.hpp"
#include "selfsup/random/random.hpp"

#include <cstddef>
#include <cstdint>

namespace selfsup {
inline namespace SELFSUP_ABI {

struct SigRegOptions {
  std::size_t slices = 1024;  ///< S > 0, random directions a step
  std::uint64_t seed = 0;     ///< of the directions, which are a function of (seed, step)

  /// Equal to rbalestr-lab/lejepa `SlicingUnivariateTest(EppsPulley(), num_slices=1024)`, its
  /// directions given (the default).
  static SigRegOptions lejepa() { return {}; }
  /// Equal to `SIGReg` of rbalestr-lab/lejepa `MINIMAL.md`: 256 directions.
  static SigRegOptions lejepa_minimal() {
    SigRegOptions options;
    options.slices = 256;
    return options;
  }
};

/// SIGReg (Balestriero, LeCun 2025, arXiv:2511.08544): the Epps-Pulley distance of z from the
/// standard normal distribution along S random unit vectors u, x = Zu,
///   L = 1/S Σ_u N·Σ_q ω_q[(mean_n cos t_q x_n − φ_q)² + (mean_n sin t_q x_n)²],
/// t_q = 3q/16, q = 0 … 16, φ_q = e^(−t_q²/2), ω_q = 2Δφ_q with half of it at both ends, Δ = 3/16.
/// z is not centred. A sum over samples (the factor N), a mean over slices.
///
/// Each forward takes the directions of the next step, 0 at first; value those of the last forward.
template <class T>
class SigReg : public RunsOn {
 public:
  explicit SigReg(const SigRegOptions& options = {}) : options_(options) {
    require_at_least("SigReg: slices", options.slices, 1);
  }

  /// The next forward, and value until then, is at that step: to go on where a training was.
  void set_step(std::uint64_t step) {
    slices_.take_back();
    steps_.set(step);
  }

  /// The directions are the columns of u (D, S), as they are, until set_step is called: a copy is
  /// made. Any S > 0. What forward has kept is lost. Throws ShapeError when u is empty,
  /// NonFiniteError when an entry is NaN or infinite.
  void set_slices(ConstView<T> u) {
    require_batches<T>("SigReg::set_slices", {{"u", u}});
    require_finite<T>("SigReg::set_slices", {"u", u});
    state_.begin();
    slices_.give(u);
  }

  /// The directions of the last forward or value, (D, S), one a column.
  ConstView<T> slices() const { return slices_.columns(); }

  /// Returns the loss of z (N, D); keeps its gradient, so that z may change afterwards.
  /// Throws ShapeError for an empty batch or one that given slices do not fit, NonFiniteError when
  /// an entry is NaN or infinite.
  T forward(ConstView<T> z) { return run({"SigReg::forward", {{"z", z}}, 0, true}); }

  /// The same value; keeps nothing.
  T value(ConstView<T> z) { return run({"SigReg::value", {{"z", z}}}); }

  /// Writes d_loss·dL/dz (N, D). Throws StateError without a forward that succeeded, ShapeError for
  /// another shape.
  void backward(MutView<T> d_z, T d_loss = 1) {
    go_back("SigReg::backward", d_z, static_cast<double>(d_loss));
  }

  const SigRegOptions& options() const { return options_; }

  /// Memory that this object holds.
  std::size_t bytes() const {
    return slices_.bytes() + d_z_.bytes() + normality_.bytes() + matmul_.bytes() + rows_.bytes();
  }

 private:
  T run(const Call<T>& call) {
    const RunOn threads = lent();
    state_.begin();
    require_batches(call.where, call.arguments);
    N_ = call[0].rows();
    D_ = call[0].cols();
    slices_.prepare(call.where, options_.slices, D_, {options_.seed, steps_.of(call.keeps)});
    // (1) projections, (2) their distance from the normal distribution; and, while a slice is in
    // the cache, its part of the gradient, steps (2') and (1') of backward
    const auto sums = normality_.forward(call[0], slices_, matmul_, call.keeps ? &d_z_ : nullptr);
    if (!is_finite(sums.check)) throw_non_finite(call.where, call.arguments);
    const T loss = end(call, sums.statistic / static_cast<double>(slices_.count()), state_);
    if (call.keeps) steps_.advance();
    return loss;
  }

  void go_back(const char* where, MutView<T> d_z, double d_loss) {
    const RunOn threads = lent();
    state_.require(where);
    require_output(where, "d_z", d_z, N_, D_);
    if (d_z.empty()) return;
    if (!d_z.contiguous_rows()) rows_.reshape(N_, D_);
    kernels::write_sum<T>({&d_z_, d_loss}, {nullptr, 0}, rows_, d_z);
  }

  SigRegOptions options_;
  rng::StepCount steps_;
  // Kept for backward.
  kernels::Slices<T> slices_;
  product::PaddedMatrix<T> d_z_;  // for d_loss = 1 (N, D)
  std::size_t N_ = 0;
  std::size_t D_ = 0;
  PassState state_;
  // Scratch.
  kernels::SlicedNormality<T> normality_;
  Matmul<T> matmul_;
  product::PaddedMatrix<T> rows_;  // (N, D)
};

}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"

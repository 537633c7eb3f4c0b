// VICReg's covariance term relaxed to sums over circular diagonals, by the Fourier transform. Needs
// Eigen; not in the umbrella header. Maths: docs/losses/covariance.md.
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
#include "selfsup/kernels/estimates/circular_covariance.hpp"
#include "selfsup/kernels/estimates/column_shuffle.hpp"
#include "selfsup/random/random.hpp"

#include <cstddef>
#include <cstdint>

namespace selfsup {
inline namespace SELFSUP_ABI {

struct FftCovarianceOptions {
  std::size_t exponent = 2;     ///< q, 1 or 2
  bool shuffle_columns = true;  ///< a random order of the columns a step, as in the paper
  bool diagonal_means = false;  ///< Σ|r_k/D|^q, of means over the diagonals, instead of Σ|r_k|^q/D
  std::uint64_t seed = 0;       ///< of the orders, which are a function of (seed, step)

  /// Equal to the off-diagonal part of `covariance_loss` of yutaro-s/scalable-decorrelation-ssl,
  /// all columns in one group.
  static FftCovarianceOptions scalable_decorrelation() {
    FftCovarianceOptions options;
    options.diagonal_means = true;
    return options;
  }
};

/// The relaxed covariance term of one view (Shigeto, Shimbo, Yoshikawa, Takeuchi, CVPR 2023,
/// arXiv:2301.01569), another objective than VICReg's: with the columns in a random order,
///   L = 1/D Σ_{k=1}^{D−1} |r_k|^q,  r_k = Σ_j C_{j,(j+k) mod D},  C = ZcᵀZc/(N − 1).
/// Covariances on a diagonal may cancel; another order each step asks for other sums to vanish.
/// Costs two transforms a row, about N·D·log D, where VICReg's costs N·D·min(N, D). To be added to
/// VICReg's with a covariance_weight of 0, an object a view.
///
/// Each forward takes the order of the next step, 0 at first; value that of the last forward.
template <class T>
class FftCovariance : public RunsOn {
 public:
  explicit FftCovariance(const FftCovarianceOptions& options = {}) : options_(options) {
    require_at_least("FftCovariance: exponent", options.exponent, 1);
    require_at_most("FftCovariance: exponent", options.exponent, 2);
  }

  /// The next forward, and value until then, is at that step: to go on where a training was.
  void set_step(std::uint64_t step) { steps_.set(step); }

  /// Returns the loss of z (N, D), N >= 2; keeps what backward needs, so that z may change
  /// afterwards. Throws ShapeError for another shape, NonFiniteError when an entry is NaN or
  /// infinite or the squares overflow.
  T forward(ConstView<T> z) { return run({"FftCovariance::forward", {{"z", z}}, 0, true}); }

  /// The same value; keeps nothing.
  T value(ConstView<T> z) { return run({"FftCovariance::value", {{"z", z}}}); }

  /// Writes d_loss·dL/dz (N, D). Throws StateError without a forward that succeeded, ShapeError for
  /// another shape.
  void backward(MutView<T> d_z, T d_loss = 1) {
    go_back("FftCovariance::backward", d_z, static_cast<double>(d_loss));
  }

  const FftCovarianceOptions& options() const { return options_; }

  /// Memory that this object holds, about: Eigen does not tell of its tables.
  std::size_t bytes() const {
    return order_.bytes() + diagonals_.bytes() + centred_.bytes() + moments_.bytes() +
           copy_.bytes();
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
    // (2) their order
    order_.prepare(D_, {options_.seed, steps_.of(call.keeps)}, options_.shuffle_columns);
    // (3) sums over circular diagonals, (4) their powers
    const double factor = options_.diagonal_means ? 1 / static_cast<double>(D_) : 1;
    const double sum = diagonals_.forward(centred_, order_, factor, options_.exponent, call.keeps);
    const T loss = end(call, sum / divisor(), state_);
    if (call.keeps) steps_.advance();
    return loss;
  }

  void go_back(const char* where, MutView<T> d_z, double d_loss) {
    const RunOn threads = lent();
    state_.require(where);
    require_output(where, "d_z", d_z, N_, D_);
    if (d_z.empty()) return;
    // (4') (3') (2'); (1') centring asks for nothing more, the columns sum to 0
    diagonals_.backward(order_, d_loss / divisor(), d_z);
  }

  double divisor() const { return options_.diagonal_means ? 1 : static_cast<double>(D_); }

  FftCovarianceOptions options_;
  rng::StepCount steps_;
  // Kept for backward.
  kernels::ColumnShuffle order_;
  kernels::CircularCovariance<T> diagonals_;
  std::size_t N_ = 0;
  std::size_t D_ = 0;
  PassState state_;
  // Scratch.
  kernels::CentredView<T> centred_;
  kernels::Moments<T> moments_;
  ContiguousRows<T> copy_;
};

}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"

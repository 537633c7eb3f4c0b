// The covariance term of VICReg over random groups of columns: an estimate. Maths:
// docs/losses/covariance.md.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/call.hpp"
#include "selfsup/core/check.hpp"
#include "selfsup/core/option_check.hpp"
#include "selfsup/core/pass_state.hpp"
#include "selfsup/core/runs_on.hpp"
#include "selfsup/core/view.hpp"
#include "selfsup/kernels/estimates/column_shuffle.hpp"
#include "selfsup/kernels/estimates/grouped_squares.hpp"
#include "selfsup/product/padded_matrix.hpp"
#include "selfsup/random/random.hpp"

#include <cstddef>
#include <cstdint>

namespace selfsup {
inline namespace SELFSUP_ABI {

struct GroupedCovarianceOptions {
  std::size_t group_size = 128;  ///< b >= 2, the most columns of a group; D or more: the exact term
  std::uint64_t seed = 0;        ///< of the groups, which are a function of (seed, step)
  /// Bytes of tiles kept from forward for backward; the value never depends on it.
  std::size_t memory_budget = default_memory_budget;
};

/// An unbiased estimate of VICReg's covariance term of one view, c = 1/D Σ_{i≠j} C_ij², C =
/// ZcᵀZc/(N − 1), from pairs of columns that share a group: the columns are dealt at random into
/// groups of b, and
///   L = 1/(p·D) Σ_g Σ_{i≠j in g} C_ij²,  p the share of pairs that lie in one group.
/// Costs N·D·b multiply-adds where c costs N·D·min(N, D). To be added to VicReg's with a
/// covariance_weight of 0, an object a view.
///
/// Each forward takes the groups of the next step, 0 at first; value those of the last forward.
template <class T>
class GroupedCovariance : public RunsOn {
 public:
  explicit GroupedCovariance(const GroupedCovarianceOptions& options = {}) : options_(options) {
    require_at_least("GroupedCovariance: group_size", options.group_size, 2);
  }

  /// The next forward, and value until then, is at that step: to go on where a training was.
  void set_step(std::uint64_t step) { steps_.set(step); }

  /// Returns the estimate for z (N, D), N >= 2; keeps what backward needs, so that z may change
  /// afterwards. Throws ShapeError for another shape, NonFiniteError when an entry is NaN or
  /// infinite or the squares overflow.
  T forward(ConstView<T> z) {
    return run({"GroupedCovariance::forward", {{"z", z}}, options_.memory_budget, true});
  }

  /// The same value; keeps nothing.
  T value(ConstView<T> z) { return run({"GroupedCovariance::value", {{"z", z}}}); }

  /// Writes d_loss·dL/dz (N, D). Throws StateError without a forward that succeeded, ShapeError for
  /// another shape.
  void backward(MutView<T> d_z, T d_loss = 1) {
    go_back("GroupedCovariance::backward", d_z, static_cast<double>(d_loss));
  }

  const GroupedCovarianceOptions& options() const { return options_; }

  /// Memory that this object holds.
  std::size_t bytes() const { return shuffle_.bytes() + squares_.bytes() + shuffled_.bytes(); }

 private:
  T run(const Call<T>& call) {
    const RunOn threads = lent();
    state_.begin();
    require_batches(call.where, call.arguments, 2);
    N_ = call[0].rows();
    D_ = call[0].cols();
    // (1) columns dealt into groups
    shuffle_.prepare(D_, {options_.seed, steps_.of(call.keeps)});
    shuffle_.gather(call[0], shuffled_);
    // (2) centred, (3) the covariances of each group
    const auto sums = squares_.forward(shuffled_, groups(), call.memory_budget);
    if (!is_finite(sums.check)) throw_non_finite(call.where, call.arguments);
    const T loss = end(call, scale() * sums.off_diagonal, state_);
    if (call.keeps) steps_.advance();
    return loss;
  }

  void go_back(const char* where, MutView<T> d_z, double d_loss) {
    const RunOn threads = lent();
    state_.require(where);
    require_output(where, "d_z", d_z, N_, D_);
    if (d_z.empty()) return;
    squares_.reserve_backward(shuffled_);
    // (3') (2'), in what forward has done with, then (1')
    squares_.backward(d_loss * scale(), shuffled_);
    shuffle_.scatter(shuffled_, d_z);
  }

  kernels::ColumnGroups groups() const { return {D_, options_.group_size}; }
  // 0 for one column, which has no pair.
  double scale() const {
    const auto degrees = static_cast<double>(N_ - 1), width = static_cast<double>(D_);
    return D_ == 1 ? 0 : 1 / (degrees * degrees * width * groups().share());
  }

  GroupedCovarianceOptions options_;
  rng::StepCount steps_;
  // Kept for backward.
  kernels::ColumnShuffle shuffle_;
  kernels::GroupedSquares<T> squares_;
  std::size_t N_ = 0;
  std::size_t D_ = 0;
  PassState state_;
  // Scratch.
  product::PaddedMatrix<T> shuffled_;  // (N, D)
};

}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"

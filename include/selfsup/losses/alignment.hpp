// The alignment loss. Maths: docs/losses/alignment.md.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/buffer.hpp"
#include "selfsup/core/call.hpp"
#include "selfsup/core/check.hpp"
#include "selfsup/core/contiguous.hpp"
#include "selfsup/core/option_check.hpp"
#include "selfsup/core/pass_state.hpp"
#include "selfsup/core/runs_on.hpp"
#include "selfsup/core/view.hpp"
#include "selfsup/kernels/rows/prediction_rows.hpp"

#include <cstddef>

namespace selfsup {
inline namespace SELFSUP_ABI {

struct AlignmentOptions {
  double power = 2;             ///< α > 0 of the distance
  bool normalize = true;        ///< rows are scaled to length 1 first, as the paper's encoder does
  double norm_epsilon = 1e-12;  ///< ε >= 0 of z/max(|z|, ε); with 0 a row of zeros is an error
};

/// Alignment (Wang and Isola 2020, arXiv:2005.10242, section 4.1.1): how close the two views of a
/// sample are on the sphere,
///   L = 1/N Σ_n |â_n − b̂_n|^α.
/// The mean over the batch, 0..2^α. Equal to SsnL/align_uniform `align_loss` of normalised rows;
/// with α = 2 to one direction of Byol.
template <class T>
class Alignment : public RunsOn {
 public:
  explicit Alignment(const AlignmentOptions& options = {}) : options_(options) {
    require_positive<T>("Alignment: power", options.power);
    require_norm_epsilon("Alignment: norm_epsilon", options.norm_epsilon);
  }

  /// Returns the loss of z_a (N, D), z_b (N, D); keeps the gradient, so that both may change
  /// afterwards. Throws ShapeError when either is empty or their shapes differ, NonFiniteError when
  /// an entry is NaN or infinite.
  T forward(ConstView<T> z_a, ConstView<T> z_b) {
    return run({"Alignment::forward", {{"z_a", z_a}, {"z_b", z_b}}, 0, true});
  }

  /// The same value; keeps nothing.
  T value(ConstView<T> z_a, ConstView<T> z_b) {
    return run({"Alignment::value", {{"z_a", z_a}, {"z_b", z_b}}});
  }

  /// Writes d_loss·dL/dz_a and d_loss·dL/dz_b, both (N, D); `skip` leaves one out. The gradient
  /// of rows that meet is 0. Throws StateError without a forward that succeeded, ShapeError for
  /// another shape.
  void backward(MutView<T> d_z_a, MutView<T> d_z_b, T d_loss = 1) {
    go_back("Alignment::backward", d_z_a, d_z_b, static_cast<double>(d_loss));
  }

  const AlignmentOptions& options() const { return options_; }

  /// Memory that this object holds.
  std::size_t bytes() const {
    return d_z_a_.bytes() + d_z_b_.bytes() + kernel_.bytes() + copy_a_.bytes() + copy_b_.bytes();
  }

 private:
  T run(const Call<T>& call) {
    const RunOn threads = lent();
    state_.begin();
    require_batches(call.where, call.arguments);
    rows_ = call[0].rows();
    cols_ = call[0].cols();
    T* const d_z_a = call.keeps ? d_z_a_.grow(rows_, cols_) : nullptr;
    T* const d_z_b = call.keeps ? d_z_b_.grow(rows_, cols_) : nullptr;
    // (1) rows of length one, (2) their distances, (3) the mean; and (3')(2')(1') on the way
    const double weight = 1 / static_cast<double>(rows_);
    kernels::RowForm form{kernels::RowLoss::plain_distance};
    form.power = options_.power;
    if (options_.normalize) {
      form.loss = kernels::RowLoss::unit_distance;
      form.norm_epsilon = options_.norm_epsilon;
    }
    const auto sums =
        kernel_.forward(copy_a_.of(call[0]), copy_b_.of(call[1]), form, weight, d_z_a, d_z_b);
    if (!is_finite(sums.check)) {
      kernels::throw_no_norm(call.where, call.arguments, {options_.normalize, form.norm_epsilon});
    }
    return end(call, weight * sums.loss, state_);
  }

  void go_back(const char* where, MutView<T> d_z_a, MutView<T> d_z_b, double d_loss) {
    const RunOn threads = lent();
    state_.require(where);
    require_output(where, "d_z_a", d_z_a, rows_, cols_);
    require_output(where, "d_z_b", d_z_b, rows_, cols_);
    if (!d_z_a.empty()) kernels::scaled_copy(d_z_a_.data(), d_loss, d_z_a);
    if (!d_z_b.empty()) kernels::scaled_copy(d_z_b_.data(), d_loss, d_z_b);
    state_.gone_back();
  }

  AlignmentOptions options_;
  // Kept for backward: the gradients for d_loss = 1.
  Buffer<T> d_z_a_;
  Buffer<T> d_z_b_;
  std::size_t rows_ = 0;
  std::size_t cols_ = 0;
  PassState state_;
  // Scratch.
  kernels::PredictionRows<T> kernel_;
  ContiguousRows<T> copy_a_;
  ContiguousRows<T> copy_b_;
};

}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"

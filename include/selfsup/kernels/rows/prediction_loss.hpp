// What the losses of a prediction against a target share: one direction or two, which side learns,
// and their calls.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/runs_on.hpp"
#include "selfsup/core/view.hpp"
#include "selfsup/kernels/rows/prediction_pairs.hpp"
#include "selfsup/kernels/rows/prediction_rows.hpp"

#include <cstddef>
#include <initializer_list>
#include <type_traits>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace kernels {

template <class T>
class PredictionLoss : public RunsOn {
 public:
  /// Returns the loss of one direction: prediction p (N, D), target z (N, D). Keeps the gradient;
  /// both may change afterwards. Throws ShapeError when either is empty or their shapes differ,
  /// NonFiniteError when an entry is NaN or infinite.
  T forward(ConstView<T> p, ConstView<T> z) {
    return run({names_.forward, {{"p", p}, {"z", z}}, 0, true}, 1);
  }
  /// Returns the loss of both directions: p_a with z_b and p_b with z_a, all (N, D).
  T forward(ConstView<T> p_a, ConstView<T> p_b, ConstView<T> z_a, ConstView<T> z_b) {
    return run({names_.forward, {{"p_a", p_a}, {"p_b", p_b}, {"z_a", z_a}, {"z_b", z_b}}, 0, true},
               share_of_two_);
  }

  /// The same values; keep nothing.
  T value(ConstView<T> p, ConstView<T> z) { return run({names_.value, {{"p", p}, {"z", z}}}, 1); }
  T value(ConstView<T> p_a, ConstView<T> p_b, ConstView<T> z_a, ConstView<T> z_b) {
    return run({names_.value, {{"p_a", p_a}, {"p_b", p_b}, {"z_a", z_a}, {"z_b", z_b}}},
               share_of_two_);
  }

  /// Writes d_loss times the gradients of the arguments that the last forward can reach, in their
  /// order: with stop_gradient `target` d_p (or d_p_a, d_p_b), with `online` d_z (or d_z_a, d_z_b),
  /// with `none` all. `skip` leaves one out. Throws StateError without a forward that succeeded,
  /// ShapeError for another number or shape.
  void backward(MutView<T> d_1) { go_back({d_1}, 1); }
  template <class Number, std::enable_if_t<std::is_arithmetic_v<Number>, int> = 0>
  void backward(MutView<T> d_1, Number d_loss) {  // a template, so that {} skips
    go_back({d_1}, static_cast<T>(d_loss));
  }
  void backward(MutView<T> d_1, MutView<T> d_2, T d_loss = 1) { go_back({d_1, d_2}, d_loss); }
  void backward(MutView<T> d_p_a, MutView<T> d_p_b, MutView<T> d_z_a, MutView<T> d_z_b,
                T d_loss = 1) {
    go_back({d_p_a, d_p_b, d_z_a, d_z_b}, d_loss);
  }

  /// Memory that this object holds.
  std::size_t bytes() const { return pairs_.bytes(); }

 protected:
  struct Names {
    const char* forward;
    const char* value;
    const char* backward;
  };

  /// `share_of_two`: what each of two directions counts.
  PredictionLoss(const Names& names, const RowForm& form, double share_of_two,
                 StopGradient stop_gradient)
      : names_(names), form_(form), share_of_two_(share_of_two), stop_gradient_(stop_gradient) {}
  PredictionLoss(const PredictionLoss&) = default;
  PredictionLoss(PredictionLoss&&) = default;
  PredictionLoss& operator=(const PredictionLoss&) = default;
  PredictionLoss& operator=(PredictionLoss&&) = default;
  ~PredictionLoss() = default;

 private:
  // (1) rows of length one, (2) what each prediction costs, (3) the mean; (3') (2') (1') on the way
  T run(const Call<T>& call, double share) {
    const RunOn threads = lent();
    return pairs_.forward(call, form_, share / static_cast<double>(call[0].rows()), stop_gradient_);
  }
  void go_back(std::initializer_list<MutView<T>> outputs, T d_loss) {
    const RunOn threads = lent();
    pairs_.backward(names_.backward, outputs, static_cast<double>(d_loss));
  }

  Names names_;
  RowForm form_;
  double share_of_two_;
  StopGradient stop_gradient_;
  PredictionPairs<T> pairs_;
};

}  // namespace kernels
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"

// The loss of SimSiam. Maths: docs/simsiam.md.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/check.hpp"
#include "selfsup/core/runs_on.hpp"
#include "selfsup/core/view.hpp"
#include "selfsup/kernels/rows/prediction_pairs.hpp"

#include <cstddef>
#include <type_traits>

namespace selfsup {
inline namespace SELFSUP_ABI {

struct SimSiamOptions {
  StopGradient stop_gradient = StopGradient::target;  ///< which side is a constant
  double norm_epsilon = 1e-12;  ///< ε >= 0 of z/max(|z|, ε); with 0 a row of zeros is an error
};

/// SimSiam (Chen and He 2020, arXiv:2011.10566, equations 1 and 2): the negative cosine of the
/// prediction p of one view and the projection z of the other, the mean over the batch,
///   D(p, z) = −1/N Σ_n p̂_n·ẑ_n,   L = ½ D(p_a, z_b) + ½ D(p_b, z_a).
/// Equal to facebookresearch/simsiam `main_simsiam.py`; −1..1.
template <class T>
class SimSiam : public RunsOn {
 public:
  explicit SimSiam(const SimSiamOptions& options = {}) : options_(options) {
    require_norm_epsilon("SimSiam: norm_epsilon", options.norm_epsilon);
  }

  /// Returns D of one direction: prediction p (N, D), projection z (N, D). Keeps the gradient; both
  /// may change afterwards. Throws ShapeError when either is empty or their shapes differ,
  /// NonFiniteError when an entry is NaN or infinite.
  T forward(ConstView<T> p, ConstView<T> z) { return one("SimSiam::forward", p, z, true); }

  /// Returns L of both directions: p_a with z_b and p_b with z_a, all (N, D).
  T forward(ConstView<T> p_a, ConstView<T> p_b, ConstView<T> z_a, ConstView<T> z_b) {
    return two("SimSiam::forward", p_a, p_b, z_a, z_b, true);
  }

  /// The same values; keep nothing.
  T value(ConstView<T> p, ConstView<T> z) { return one("SimSiam::value", p, z, false); }
  T value(ConstView<T> p_a, ConstView<T> p_b, ConstView<T> z_a, ConstView<T> z_b) {
    return two("SimSiam::value", p_a, p_b, z_a, z_b, false);
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

  const SimSiamOptions& options() const { return options_; }

  /// Memory that this object holds.
  std::size_t bytes() const { return pairs_.bytes(); }

 private:
  kernels::RowForm row_form() const {
    return {kernels::RowLoss::negative_cosine, options_.norm_epsilon};
  }
  T one(const char* where, ConstView<T> p, ConstView<T> z, bool keep) {
    const RunOn threads = lent();
    const double weight = 1 / static_cast<double>(p.rows());
    return pairs_.forward(where, {{"p", p}, {"z", z}}, row_form(), weight, options_.stop_gradient,
                          keep);
  }
  T two(const char* where, ConstView<T> p_a, ConstView<T> p_b, ConstView<T> z_a, ConstView<T> z_b,
        bool keep) {
    const RunOn threads = lent();
    const double weight = 0.5 / static_cast<double>(p_a.rows());
    return pairs_.forward(where, {{"p_a", p_a}, {"p_b", p_b}, {"z_a", z_a}, {"z_b", z_b}},
                          row_form(), weight, options_.stop_gradient, keep);
  }
  void go_back(std::initializer_list<MutView<T>> outputs, T d_loss) {
    const RunOn threads = lent();
    pairs_.backward("SimSiam::backward", outputs, static_cast<double>(d_loss));
  }

  SimSiamOptions options_;
  kernels::PredictionPairs<T> pairs_;
};

}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"

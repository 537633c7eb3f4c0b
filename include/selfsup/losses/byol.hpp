// The loss of BYOL. Maths: docs/byol.md.
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

/// How two directions of a loss become one number.
enum class Directions { sum, mean };

enum class ByolForm {
  normalised,  ///< |p̂ − ẑ|², 0..4 a direction
  plain        ///< |p − z|²
};

struct ByolOptions {
  Directions directions = Directions::sum;  ///< the paper's sum, 0..8
  ByolForm form = ByolForm::normalised;     ///< the paper's
  double norm_epsilon = 1e-12;  ///< ε >= 0 of z/max(|z|, ε); with 0 a row of zeros is an error
  StopGradient stop_gradient = StopGradient::target;  ///< which side is a constant
};

/// BYOL (Grill et al. 2020, arXiv:2006.07733, equation 2): the squared distance of the normalised
/// prediction p of one view from the normalised target projection z of the other, the mean over the
/// batch,
///   L = 1/N Σ_n |p̂_n − ẑ_n|² = 2 − 2·mean cos.
/// The default equals google-deepmind/deepmind-research `byol_experiment.py`: the two directions
/// are summed.
template <class T>
class Byol : public RunsOn {
 public:
  explicit Byol(const ByolOptions& options = {}) : options_(options) {
    require_norm_epsilon("Byol: norm_epsilon", options.norm_epsilon);
  }

  /// Returns the loss of one direction: prediction p (N, D), target z (N, D). Keeps the gradient;
  /// both may change afterwards. Throws ShapeError when either is empty or their shapes differ,
  /// NonFiniteError when an entry is NaN or infinite.
  T forward(ConstView<T> p, ConstView<T> z) { return one("Byol::forward", p, z, true); }

  /// Returns the loss of both directions: p_a with z_b and p_b with z_a, all (N, D).
  T forward(ConstView<T> p_a, ConstView<T> p_b, ConstView<T> z_a, ConstView<T> z_b) {
    return two("Byol::forward", p_a, p_b, z_a, z_b, true);
  }

  /// The same values; keep nothing.
  T value(ConstView<T> p, ConstView<T> z) { return one("Byol::value", p, z, false); }
  T value(ConstView<T> p_a, ConstView<T> p_b, ConstView<T> z_a, ConstView<T> z_b) {
    return two("Byol::value", p_a, p_b, z_a, z_b, false);
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

  const ByolOptions& options() const { return options_; }

  /// Memory that this object holds.
  std::size_t bytes() const { return pairs_.bytes(); }

 private:
  kernels::RowForm row_form() const {
    if (options_.form == ByolForm::plain) return {kernels::RowLoss::plain_distance};
    return {kernels::RowLoss::unit_distance, options_.norm_epsilon};
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
    const double weight =
        (options_.directions == Directions::mean ? 0.5 : 1) / static_cast<double>(p_a.rows());
    return pairs_.forward(where, {{"p_a", p_a}, {"p_b", p_b}, {"z_a", z_a}, {"z_b", z_b}},
                          row_form(), weight, options_.stop_gradient, keep);
  }
  void go_back(std::initializer_list<MutView<T>> outputs, T d_loss) {
    const RunOn threads = lent();
    pairs_.backward("Byol::backward", outputs, static_cast<double>(d_loss));
  }

  ByolOptions options_;
  kernels::PredictionPairs<T> pairs_;
};

}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"

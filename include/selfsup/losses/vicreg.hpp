// VICReg: invariance, variance, covariance. Maths: docs/losses/vicreg.md.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/call.hpp"
#include "selfsup/core/check.hpp"
#include "selfsup/core/option_check.hpp"
#include "selfsup/core/pass_state.hpp"
#include "selfsup/core/runs_on.hpp"
#include "selfsup/core/view.hpp"
#include "selfsup/kernels/columns/centred_covariance.hpp"
#include "selfsup/kernels/columns/covariance.hpp"
#include "selfsup/kernels/columns/variance_hinge.hpp"

#include <cstddef>
#include <initializer_list>
#include <limits>
#include <string>
#include <type_traits>

namespace selfsup {
inline namespace SELFSUP_ABI {

/// How the terms of the two branches become one.
enum class Branches { sum, mean };

struct VicRegOptions {
  double invariance_weight = 25;  ///< λ >= 0; a term of weight 0 is not computed and shows NaN
  double variance_weight = 25;    ///< μ >= 0
  double covariance_weight = 1;   ///< ν >= 0
  double target_std = 1;  ///< γ > 0, the standard deviation below which a column is pushed apart
  double epsilon = 1e-4;  ///< ε > 0, inside the square root of the standard deviation
  bool invariance_per_entry = true;              ///< squared distance divided by N·D; false: by N
  Branches variance_branches = Branches::mean;   ///< half the sum of the branches' variance terms
  Branches covariance_branches = Branches::sum;  ///< the sum of the branches' covariance terms
  CovarianceRoute covariance_route = CovarianceRoute::automatic;  ///< the value is the same
  /// Bytes of tiles kept from forward for backward; the value never depends on it.
  std::size_t memory_budget = default_memory_budget;

  /// Equal to facebookresearch/vicreg `main_vicreg.py`, lightly and pytorch-metric-learning.
  static VicRegOptions official() { return {}; }
  /// The formulas of the paper: invariance divided by N, both branches summed.
  static VicRegOptions paper() {
    VicRegOptions options;
    options.invariance_per_entry = false;
    options.variance_branches = Branches::sum;
    return options;
  }
  /// Equal to solo-learn `losses/vicreg.py`: invariance divided by N·D, both branches summed.
  static VicRegOptions solo_learn() {
    VicRegOptions options;
    options.variance_branches = Branches::sum;
    return options;
  }
  /// Equal to the global criterion of facebookresearch/VICRegL: half the sum of both branches in
  /// both terms.
  static VicRegOptions vicregl() {
    VicRegOptions options;
    options.covariance_branches = Branches::mean;
    return options;
  }
};

/// The three terms before their weights; NaN where the weight is 0, or for the invariance of one
/// view.
struct VicRegTerms {
  double invariance = std::numeric_limits<double>::quiet_NaN();
  double variance = std::numeric_limits<double>::quiet_NaN();
  double covariance = std::numeric_limits<double>::quiet_NaN();
};

/// VICReg (Bardes, Ponce, LeCun 2021, arXiv:2105.04906):
///   L = λ·Σ(z_a − z_b)²/(N·D) + μ·½(v(z_a) + v(z_b)) + ν·(c(z_a) + c(z_b))
///   v = 1/D Σ_j max(0, γ − sqrt(C_jj + ε)),  c = 1/D Σ_{i≠j} C_ij²,  C = ZcᵀZc/(N − 1).
/// These are the conventions of the authors' code, the default; the presets have the paper's and
/// others'.
template <class T>
class VicReg : public RunsOn {
 public:
  explicit VicReg(const VicRegOptions& options = {}) : options_(options) {
    require_not_negative<T>("VicReg: invariance_weight", options.invariance_weight);
    require_not_negative<T>("VicReg: variance_weight", options.variance_weight);
    require_not_negative<T>("VicReg: covariance_weight", options.covariance_weight);
    require_positive<T>("VicReg: target_std", options.target_std);
    require_positive<T>("VicReg: epsilon", options.epsilon);
  }

  /// Returns the loss of z_a (N, D), z_b (N, D), N >= 2; keeps what backward needs, so that both
  /// may change afterwards. Throws ShapeError for another shape, NonFiniteError when an entry is
  /// NaN or infinite or the squares overflow.
  T forward(ConstView<T> z_a, ConstView<T> z_b) {
    return run({"VicReg::forward", {{"z_a", z_a}, {"z_b", z_b}}, options_.memory_budget, true});
  }

  /// Returns variance and covariance of one view z (N, D), each counted once; there is no
  /// invariance.
  T forward(ConstView<T> z) {
    return run({"VicReg::forward", {{"z", z}}, options_.memory_budget, true});
  }

  /// The same values and terms; keep nothing else.
  T value(ConstView<T> z_a, ConstView<T> z_b) {
    return run({"VicReg::value", {{"z_a", z_a}, {"z_b", z_b}}});
  }
  T value(ConstView<T> z) { return run({"VicReg::value", {{"z", z}}}); }

  /// Writes d_loss·dL/dz_a and d_loss·dL/dz_b, both (N, D); `skip` leaves out one and its
  /// product. Throws StateError without a forward that succeeded, ShapeError for another number or
  /// shape of outputs.
  void backward(MutView<T> d_z_a, MutView<T> d_z_b, T d_loss = 1) {
    go_back({{"d_z_a", d_z_a}, {"d_z_b", d_z_b}}, static_cast<double>(d_loss));
  }

  /// After forward of one view: writes d_loss·dL/dz (N, D).
  void backward(MutView<T> d_z) { backward(d_z, 1); }
  template <class Number, std::enable_if_t<std::is_arithmetic_v<Number>, int> = 0>
  void backward(MutView<T> d_z, Number d_loss) {  // a template, so that {} skips
    go_back({{"d_z", d_z}}, static_cast<double>(d_loss));
  }

  /// The terms of the last forward or value; all NaN after one that threw.
  const VicRegTerms& terms() const { return terms_; }

  const VicRegOptions& options() const { return options_; }

  /// Memory that this object holds.
  std::size_t bytes() const { return columns_.bytes(); }

 private:
  T run(const Call<T>& call) {
    const RunOn threads = lent();
    state_.begin();
    terms_ = {};
    require_batches(call.where, call.arguments, 2);
    const bool two = call.arguments.size() == 2;
    // (1) centred columns and the sums that the terms are made of
    const auto sums = columns_.forward(
        call, {two && options_.invariance_weight > 0, options_.covariance_weight > 0},
        options_.covariance_route);
    if (!is_finite(sums.squares)) throw_non_finite(call.where, call.arguments);
    VicRegTerms terms;
    double loss = 0;
    // (2) invariance
    if (two && options_.invariance_weight > 0) {
      terms.invariance = sums.difference * distance_scale();
      loss += options_.invariance_weight * terms.invariance;
    }
    // (3) variance
    if (options_.variance_weight > 0) {
      const double sum =
          hinge().value(columns_.squares(0)) + (two ? hinge().value(columns_.squares(1)) : 0);
      terms.variance = share(options_.variance_branches) * sum;
      loss += options_.variance_weight * terms.variance;
    }
    // (4) covariance
    if (options_.covariance_weight > 0) {
      terms.covariance =
          share(options_.covariance_branches) * covariance_scale() * sums.off_diagonal;
      loss += options_.covariance_weight * terms.covariance;
    }
    const T value = end(call, loss, state_);
    terms_ = terms;
    return value;
  }

  void go_back(std::initializer_list<NamedOutput<T>> outputs, double d_loss) {
    const RunOn threads = lent();
    state_.require("VicReg::backward");
    require_outputs("VicReg::backward", outputs, columns_.views() == 2 ? "d_z_a, d_z_b" : "d_z",
                    columns_.views(), columns_.rows(), columns_.cols());
    typename kernels::CentredCovariance<T>::Weights weights;
    // (4') covariance
    weights.covariance = d_loss * options_.covariance_weight * share(options_.covariance_branches) *
                         4 * covariance_scale();
    // (3') variance
    weights.hinge = d_loss * options_.variance_weight * share(options_.variance_branches);
    // (2') invariance; (1') the sum of the parts
    weights.difference = d_loss * options_.invariance_weight * 2 * distance_scale();
    columns_.backward(weights, hinge(), outputs);
  }

  double N() const { return static_cast<double>(columns_.rows()); }
  double D() const { return static_cast<double>(columns_.cols()); }
  kernels::VarianceHinge hinge() const {
    return {columns_.rows(), columns_.cols(), options_.target_std, options_.epsilon};
  }
  double share(Branches branches) const {
    return columns_.views() == 2 && branches == Branches::mean ? 0.5 : 1;
  }
  double distance_scale() const { return 1 / (N() * (options_.invariance_per_entry ? D() : 1)); }
  double covariance_scale() const { return 1 / ((N() - 1) * (N() - 1) * D()); }

  VicRegOptions options_;
  kernels::CentredCovariance<T> columns_;
  PassState state_;
  VicRegTerms terms_;
};

}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"

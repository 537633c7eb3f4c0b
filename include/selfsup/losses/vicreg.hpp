// VICReg: invariance, variance, covariance. Maths: docs/vicreg.md.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/check.hpp"
#include "selfsup/core/contiguous.hpp"
#include "selfsup/core/pass_state.hpp"
#include "selfsup/core/runs_on.hpp"
#include "selfsup/core/view.hpp"
#include "selfsup/kernels/columns/centred_gradient.hpp"
#include "selfsup/kernels/columns/covariance.hpp"
#include "selfsup/kernels/columns/moments.hpp"
#include "selfsup/kernels/columns/strip_moments.hpp"
#include "selfsup/kernels/columns/variance_hinge.hpp"
#include "selfsup/product/padded_matrix.hpp"

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
  std::size_t memory_budget =
      256u << 20;  ///< bytes of tiles kept from forward for backward; the value never depends on it

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
    return run("VicReg::forward", {{"z_a", z_a}, {"z_b", z_b}}, options_.memory_budget, true);
  }

  /// Returns variance and covariance of one view z (N, D), each counted once; there is no
  /// invariance.
  T forward(ConstView<T> z) {
    return run("VicReg::forward", {{"z", z}}, options_.memory_budget, true);
  }

  /// The same values and terms; keep nothing else.
  T value(ConstView<T> z_a, ConstView<T> z_b) {
    return run("VicReg::value", {{"z_a", z_a}, {"z_b", z_b}}, 0, false);
  }
  T value(ConstView<T> z) { return run("VicReg::value", {{"z", z}}, 0, false); }

  /// Writes d_loss·dL/dz_a and d_loss·dL/dz_b, both (N, D); `skip` leaves out one and its
  /// product. Throws StateError without a forward that succeeded, ShapeError for another number or
  /// shape of outputs.
  void backward(MutView<T> d_z_a, MutView<T> d_z_b, T d_loss = 1) {
    const RunOn threads = lent();
    require_outputs(2, d_z_a, d_z_b);
    reserve_backward({d_z_a, d_z_b});
    go_back(a_, 1, static_cast<double>(d_loss), d_z_a);
    go_back(b_, -1, static_cast<double>(d_loss), d_z_b);
  }

  /// After forward of one view: writes d_loss·dL/dz (N, D).
  void backward(MutView<T> d_z) { backward(d_z, 1); }
  template <class Number, std::enable_if_t<std::is_arithmetic_v<Number>, int> = 0>
  void backward(MutView<T> d_z, Number d_loss) {  // a template, so that {} skips
    const RunOn threads = lent();
    require_outputs(1, d_z, {});
    reserve_backward({d_z});
    go_back(a_, 0, static_cast<double>(d_loss), d_z);
  }

  /// The terms of the last forward or value; all NaN after one that threw.
  const VicRegTerms& terms() const { return terms_; }

  const VicRegOptions& options() const { return options_; }

  /// Memory that this object holds.
  std::size_t bytes() const {
    return a_.bytes() + b_.bytes() + difference_.bytes() + d_product_.bytes() + moments_.bytes() +
           strips_.bytes() + gradient_.bytes() + copy_a_.bytes() + copy_b_.bytes();
  }

 private:
  struct Branch {
    kernels::CentredView<T> centred;
    kernels::OffDiagonalSquares<T> covariance;
    std::size_t bytes() const { return centred.bytes() + covariance.bytes(); }
  };

  T run(const char* where, std::initializer_list<Named<T>> views, std::size_t memory_budget,
        bool keep) {
    const RunOn threads = lent();
    state_.begin();
    VicRegTerms terms;
    terms_ = terms;
    require_batches(where, views, 2);
    N_ = views.begin()->view.rows();
    D_ = views.begin()->view.cols();
    views_ = views.size();
    used_ = options_;
    const bool two = views_ == 2;
    const ConstView<T> z_a = copy_a_.of(views.begin()->view);
    const ConstView<T> z_b = two ? copy_b_.of(views.begin()[1].view) : ConstView<T>();
    const bool with_covariance = used_.covariance_weight > 0;
    const bool with_difference = two && used_.invariance_weight > 0;
    a_.covariance.plan(N_, D_, used_.covariance_route);
    b_.covariance.plan(N_, D_, used_.covariance_route);
    // (1) centred columns and their squares, the difference of the views, and with them the
    // products of (4) that fit a tile
    const bool from_gram = with_covariance && a_.covariance.gram_fits();
    const Sums sums =
        from_gram ? centre_with_gram(z_a, z_b, with_difference) : centre(z_a, z_b, with_difference);
    if (!is_finite(sums.squares)) throw_non_finite(where, views);
    // (2) invariance
    double loss = 0;
    if (with_difference) {
      terms.invariance = sums.difference * distance_scale();
      loss += used_.invariance_weight * terms.invariance;
    }
    // (3) variance
    if (used_.variance_weight > 0) {
      const double sum = hinge().value(a_.centred.squares.data()) +
                         (two ? hinge().value(b_.centred.squares.data()) : 0);
      terms.variance = share(used_.variance_branches) * sum;
      loss += used_.variance_weight * terms.variance;
    }
    // (4) covariance
    if (with_covariance) {
      const std::size_t budget = memory_budget / views_;
      const double sum = off_diagonal_squares(a_, from_gram, budget) +
                         (two ? off_diagonal_squares(b_, from_gram, budget) : 0);
      terms.covariance = share(used_.covariance_branches) * covariance_scale() * sum;
      loss += used_.covariance_weight * terms.covariance;
    }
    if (!is_finite(static_cast<T>(loss))) throw_non_finite(where, views);
    terms_ = terms;
    if (keep) state_.kept();
    return static_cast<T>(loss);
  }

  using Sums = typename kernels::StripMoments<T>::Sums;

  // An empty z_b stands for one view.
  Sums centre(ConstView<T> z_a, ConstView<T> z_b, bool with_difference) {
    Sums sums{moments_.centre(z_a, a_.centred), 0};
    if (!z_b.empty()) sums.squares += moments_.centre(z_b, b_.centred);
    if (with_difference) sums.difference = moments_.difference(z_a, z_b, difference_);
    return sums;
  }
  Sums centre_with_gram(ConstView<T> z_a, ConstView<T> z_b, bool with_difference) {
    const typename kernels::StripMoments<T>::View a{z_a, a_.centred, a_.covariance.gram()},
        b{z_b, b_.centred, b_.covariance.gram()};
    auto* const difference = with_difference ? &difference_ : nullptr;
    const bool in_samples = a_.covariance.in_samples();
    if (z_b.empty()) {
      return in_samples ? strips_.in_samples({a}, difference)
                        : strips_.in_features({a}, difference);
    }
    return in_samples ? strips_.in_samples({a, b}, difference)
                      : strips_.in_features({a, b}, difference);
  }

  static double off_diagonal_squares(Branch& branch, bool from_gram, std::size_t budget) {
    return from_gram ? branch.covariance.forward_from_gram(branch.centred, budget)
                     : branch.covariance.forward(branch.centred, budget);
  }

  void require_outputs(std::size_t count, MutView<T> first, MutView<T> second) const {
    state_.require("VicReg::backward");
    if (count != views_) {
      throw ShapeError("VicReg::backward: " + std::to_string(count) + " outputs given, " +
                       std::to_string(views_) +
                       " expected: " + (views_ == 2 ? "d_z_a, d_z_b" : "d_z"));
    }
    require_output("VicReg::backward", count == 2 ? "d_z_a" : "d_z", first, N_, D_);
    require_output("VicReg::backward", "d_z_b", second, N_, D_);
  }

  // Takes all memory before the first output is written.
  void reserve_backward(std::initializer_list<MutView<T>> outputs) {
    gradient_.reserve(N_, D_, outputs);
    if (!(used_.covariance_weight > 0)) return;
    reserve_backward(a_);
    if (views_ == 2) reserve_backward(b_);
  }
  void reserve_backward(Branch& branch) {
    branch.covariance.reserve_backward();
    if (branch.covariance.may_need_product(N_, D_)) d_product_.reshape(N_, D_);
  }

  // `side` is the sign of the view in z_a − z_b, 0 for one view.
  void go_back(Branch& own, int side, double d_loss, MutView<T> d_z) {
    if (d_z.empty()) return;
    gradient_.clear_factors(D_);
    // (4') covariance: a product, less its diagonal in sample space
    const bool with_covariance = used_.covariance_weight > 0;
    const double product_weight = d_loss * used_.covariance_weight *
                                  share(used_.covariance_branches) * 4 * covariance_scale();
    const bool from_gram = with_covariance && own.covariance.gram_fits();
    if (with_covariance && !from_gram) own.covariance.backward(own.centred, d_product_);
    if (with_covariance && own.covariance.in_samples())
      gradient_.subtract_diagonal(own.centred, product_weight);
    // (3') variance: a factor for each centred column
    gradient_.add(hinge(), own.centred,
                  d_loss * used_.variance_weight * share(used_.variance_branches));
    // (2') invariance and (1') the sum of the parts; centring needs nothing more, every part sums
    // to 0 over a column
    const bool with_difference = side != 0 && used_.invariance_weight > 0;
    const typename kernels::CentredGradient<T>::Parts parts{
        own.centred, with_difference ? &difference_ : nullptr,
        side * d_loss * used_.invariance_weight * 2 * distance_scale(), product_weight};
    if (from_gram) {
      gradient_.write_with_gram(parts, own.covariance.gram().matrix(), own.covariance.in_samples(),
                                d_z);
    } else {
      gradient_.write(parts, with_covariance ? &d_product_ : nullptr, d_z);
    }
  }

  kernels::VarianceHinge hinge() const { return {N_, D_, used_.target_std, used_.epsilon}; }
  double share(Branches branches) const {
    return views_ == 2 && branches == Branches::mean ? 0.5 : 1;
  }
  double distance_scale() const {
    return 1 /
           (static_cast<double>(N_) * (used_.invariance_per_entry ? static_cast<double>(D_) : 1));
  }
  double covariance_scale() const {
    const double degrees = static_cast<double>(N_ - 1);
    return 1 / (degrees * degrees * static_cast<double>(D_));
  }

  VicRegOptions options_;
  // Kept for backward.
  VicRegOptions used_;
  Branch a_;
  Branch b_;
  product::PaddedMatrix<T> difference_;  // z_a − z_b (N, D)
  std::size_t N_ = 0;
  std::size_t D_ = 0;
  std::size_t views_ = 0;
  PassState state_;
  VicRegTerms terms_;
  // Scratch.
  product::PaddedMatrix<T> d_product_;  // (N, D)
  kernels::Moments<T> moments_;
  kernels::StripMoments<T> strips_;
  kernels::CentredGradient<T> gradient_;
  ContiguousRows<T> copy_a_;
  ContiguousRows<T> copy_b_;
};

}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"

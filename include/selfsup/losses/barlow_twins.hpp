// Barlow Twins: the cross-correlation of two views made the identity. Maths:
// docs/losses/barlow_twins.md.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/call.hpp"
#include "selfsup/core/check.hpp"
#include "selfsup/core/contiguous.hpp"
#include "selfsup/core/option_check.hpp"
#include "selfsup/core/pass_state.hpp"
#include "selfsup/core/runs_on.hpp"
#include "selfsup/core/view.hpp"
#include "selfsup/kernels/columns/cross_correlation.hpp"
#include "selfsup/kernels/columns/standard_gradient.hpp"
#include "selfsup/kernels/columns/standardize.hpp"

#include <cstddef>
#include <initializer_list>
#include <limits>

namespace selfsup {
inline namespace SELFSUP_ABI {

struct BarlowTwinsOptions {
  double off_diagonal_weight = 0.0051;  ///< λ >= 0; a term of weight 0 is not computed, shows NaN
  double scale = 1;                     ///< > 0, a factor on the whole loss
  double epsilon = 1e-5;                ///< ε >= 0, added to each column's variance
  CovarianceRoute covariance_route = CovarianceRoute::automatic;  ///< the value is the same
  /// Bytes of tiles kept from forward for backward; the value never depends on it.
  std::size_t memory_budget = default_memory_budget;

  /// Equal to facebookresearch/barlowtwins `main.py`.
  static BarlowTwinsOptions official() { return {}; }
  /// The formula of the paper: λ = 0.005, correlations without ε.
  static BarlowTwinsOptions paper() {
    BarlowTwinsOptions options;
    options.off_diagonal_weight = 0.005;
    options.epsilon = 0;
    return options;
  }
  /// Equal to solo-learn `losses/barlow.py`: λ = 0.005, the loss times 0.025.
  static BarlowTwinsOptions solo_learn() {
    BarlowTwinsOptions options;
    options.off_diagonal_weight = 0.005;
    options.scale = 0.025;
    return options;
  }
};

/// Both terms before λ and `scale`; NaN where the weight is 0.
struct BarlowTwinsTerms {
  double invariance = std::numeric_limits<double>::quiet_NaN();  ///< Σ_i (1 − C_ii)²
  double redundancy = std::numeric_limits<double>::quiet_NaN();  ///< Σ_{i≠j} C_ij²
};

/// Barlow Twins (Zbontar, Jing, Misra, LeCun, Deny 2021, arXiv:2103.03230, equations 1 and 2):
///   L = scale·(Σ_i (1 − C_ii)² + λ·Σ_{i≠j} C_ij²),  C = ÂᵀB̂/N,
/// Â and B̂ the views with columns of mean 0 and variance 1, ẑ = (z − mean)/sqrt(var + ε), var
/// divided by N. The default equals the authors' code on one machine; the presets have the paper's
/// and others' constants.
template <class T>
class BarlowTwins : public RunsOn {
 public:
  explicit BarlowTwins(const BarlowTwinsOptions& options = {}) : options_(options) {
    require_not_negative<T>("BarlowTwins: off_diagonal_weight", options.off_diagonal_weight);
    require_positive<T>("BarlowTwins: scale", options.scale);
    require_zero_or_normal<T>("BarlowTwins: epsilon", options.epsilon);
  }

  /// Returns the loss of z_a (N, D), z_b (N, D), N >= 2; keeps what backward needs, so that both
  /// may change afterwards. Throws ShapeError for another shape, NonFiniteError when an entry is
  /// NaN or infinite, when the squares overflow, or when ε = 0 and a column is constant.
  T forward(ConstView<T> z_a, ConstView<T> z_b) {
    return run(
        {"BarlowTwins::forward", {{"z_a", z_a}, {"z_b", z_b}}, options_.memory_budget, true});
  }

  /// The same value and terms; keeps nothing else.
  T value(ConstView<T> z_a, ConstView<T> z_b) {
    return run({"BarlowTwins::value", {{"z_a", z_a}, {"z_b", z_b}}});
  }

  /// Writes d_loss·dL/dz_a and d_loss·dL/dz_b, both (N, D); `skip` leaves out one and its
  /// product. Throws StateError without a forward that succeeded, ShapeError for another shape.
  void backward(MutView<T> d_z_a, MutView<T> d_z_b, T d_loss = 1) {
    go_back("BarlowTwins::backward", d_z_a, d_z_b, static_cast<double>(d_loss));
  }

  /// The terms of the last forward or value; all NaN after one that threw.
  const BarlowTwinsTerms& terms() const { return terms_; }

  const BarlowTwinsOptions& options() const { return options_; }

  /// Memory that this object holds.
  std::size_t bytes() const {
    return pair_.bytes() + correlation_.bytes() + gradient_.bytes() + copy_a_.bytes() +
           copy_b_.bytes();
  }

 private:
  T run(const Call<T>& call) {
    const RunOn threads = lent();
    state_.begin();
    terms_ = {};
    require_batches(call.where, call.arguments, 2);
    N_ = call[0].rows();
    D_ = call[0].cols();
    BarlowTwinsTerms terms;
    correlation_.plan(N_, D_, options_.covariance_route);
    // (1) centred columns and (2) their scale, the diagonal of C, and with them the products of (4)
    // that take strips
    const ConstView<T> a = copy_a_.of(call[0]), b = copy_b_.of(call[1]);
    const double squares =
        with_products() && correlation_.takes_strips()
            ? pair_.forward(a, b, options_.epsilon,
                            [&](std::size_t chunk, bool first_of_chunk, std::size_t first,
                                std::size_t width) {
                              correlation_.add_strip(pair_, chunk, first_of_chunk, first, width);
                            })
            : pair_.forward(a, b, options_.epsilon);
    if (!is_finite(squares)) throw_non_finite(call.where, call.arguments);
    if (!(options_.epsilon > 0)) pair_.require_variance(call.where);
    // (3) invariance
    terms.invariance = pair_.squared_gaps();
    double loss = terms.invariance;
    // (4) redundancy
    if (with_products()) {
      const double N = static_cast<double>(N_);
      terms.redundancy = correlation_.forward(pair_, call.memory_budget) / (N * N);
      loss += options_.off_diagonal_weight * terms.redundancy;
    }
    loss *= options_.scale;
    const T value = end(call, loss, state_);
    terms_ = terms;
    return value;
  }

  void go_back(const char* where, MutView<T> d_z_a, MutView<T> d_z_b, double d_loss) {
    const RunOn threads = lent();
    state_.require(where);
    require_output(where, "d_z_a", d_z_a, N_, D_);
    require_output(where, "d_z_b", d_z_b, N_, D_);
    const double N = static_cast<double>(N_);
    gradient_.reserve(N_, D_, product_of_a());
    if (with_products()) {
      gradient_.reserve(N_, D_, correlation_.product_in_features(D_));
      correlation_.reserve_backward(pair_);
    }
    // (4') redundancy: a product for each view, less its diagonal in sample space
    if (with_products()) correlation_.backward(pair_, !d_z_a.empty(), !d_z_b.empty());
    // (3') invariance: a factor for each column of the other view
    const bool less_diagonal = with_products() && correlation_.in_samples();
    const double product_weight = 2 * options_.off_diagonal_weight / (N * N);
    gradient_.set_factors(pair_, -2 / N, less_diagonal ? -product_weight : 0);
    // (2') back through the scale; (1') centring needs nothing more
    gradient_.write({pair_.a(), pair_.b(), pair_.dots(), product_of_a(), product_weight, d_z_a},
                    {pair_.b(), pair_.a(), pair_.dots(), product_of_b(), product_weight, d_z_b},
                    d_loss * options_.scale);
  }

  bool with_products() const { return options_.off_diagonal_weight > 0; }

  kernels::GradientProduct<T> product_of_a() const {
    if (!with_products()) return {};
    return correlation_.product_of_a();
  }
  kernels::GradientProduct<T> product_of_b() const {
    if (!with_products()) return {};
    return correlation_.product_of_b();
  }

  BarlowTwinsOptions options_;
  // Kept for backward.
  kernels::StandardPair<T> pair_;
  kernels::CrossCorrelation<T> correlation_;
  std::size_t N_ = 0;
  std::size_t D_ = 0;
  PassState state_;
  BarlowTwinsTerms terms_;
  // Scratch.
  kernels::StandardGradient<T> gradient_;
  ContiguousRows<T> copy_a_;
  ContiguousRows<T> copy_b_;
};

}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"

// NT-Xent, the loss of SimCLR. Maths: docs/losses/nt_xent.md.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/call.hpp"
#include "selfsup/core/check.hpp"
#include "selfsup/core/option_check.hpp"
#include "selfsup/core/pass_state.hpp"
#include "selfsup/core/reduction.hpp"
#include "selfsup/core/runs_on.hpp"
#include "selfsup/core/view.hpp"
#include "selfsup/kernels/rows/unit_rows.hpp"
#include "selfsup/kernels/softmax/pair_softmax.hpp"
#include "selfsup/kernels/softmax/softmax_form.hpp"
#include "selfsup/kernels/softmax/stacked_softmax.hpp"

#include <cstddef>

namespace selfsup {
inline namespace SELFSUP_ABI {

struct NtXentOptions {
  double temperature = 0.1;     ///< τ > 0, what similarities are divided by
  bool normalize = true;        ///< rows are scaled to length 1, so that similarities are cosines
  double norm_epsilon = 1e-12;  ///< ε >= 0 of z/max(|z|, ε); with 0 a row of zeros is an error
  bool decoupled = false;       ///< the positive is no candidate of the softmax
  double positive_prior = 0;  ///< τ⁺ in [0, 1), the share of negatives that are of the same kind
  double hard_negative_beta = 0;  ///< β >= 0, how much similar negatives count for more
  std::size_t hardest = 0;  ///< k: the most similar negatives of each anchor that count, 0 for all
  /// Bytes of tiles kept from forward for backward; the value never depends on it.
  std::size_t memory_budget = default_memory_budget;
  Reduction reduction =
      Reduction::mean;  ///< mean over the 2N anchors, their sum, or the sum of both views' means

  /// Equal to google-research/simclr `objective.py`: the sum of the two views' means, twice the
  /// paper's mean.
  static NtXentOptions simclr_official() {
    NtXentOptions options;
    options.reduction = Reduction::view_means;
    return options;
  }

  /// Decoupled contrastive learning (Yeh et al. 2021, arXiv:2110.06848, equation 5).
  static NtXentOptions dcl() {
    NtXentOptions options;
    options.decoupled = true;
    return options;
  }

  /// Equal to joshr17/HCL `main.py` with estimator hard (Robinson et al. 2020, arXiv:2010.04592),
  /// which debiases as Chuang et al. 2020, arXiv:2007.00224.
  static NtXentOptions hcl() {
    NtXentOptions options;
    options.temperature = 0.5;
    options.positive_prior = 0.1;
    options.hard_negative_beta = 1;
    return options;
  }
};

/// NT-Xent (Chen et al. 2020, arXiv:2002.05709, equation 1): each of the 2N rows of both views is
/// an anchor that must find its other view among the 2N − 1 other rows,
///   ℓ_i = −s_ip/τ + log Σ_{k≠i} e^(s_ik/τ),  s the cosine.
/// The default is the paper's: the mean over all 2N anchors.
template <class T>
class NtXent : public RunsOn {
 public:
  explicit NtXent(const NtXentOptions& options = {}) : options_(options) {
    require_invertible<T>("NtXent: temperature", options.temperature);
    require_below_one("NtXent: positive_prior", options.positive_prior);
    require_not_negative<T>("NtXent: hard_negative_beta", options.hard_negative_beta);
    require_norm_epsilon("NtXent: norm_epsilon", options.norm_epsilon);
    if (options.positive_prior == 0 && options.hard_negative_beta == 0) return;
    if (!options.normalize)
      throw OptionError("NtXent: positive_prior and hard_negative_beta need normalize");
    if (options.decoupled)
      throw OptionError("NtXent: decoupled has no positive_prior and no hard_negative_beta");
    if (options.hardest > 0)
      throw OptionError("NtXent: hardest has no positive_prior and no hard_negative_beta");
  }

  /// Returns the loss of z_a (N, D), z_b (N, D); keeps what backward needs, so that both may change
  /// afterwards. Throws ShapeError when either is empty, their shapes differ, or a decoupled loss
  /// has a single sample; NonFiniteError when an entry is NaN or infinite.
  T forward(ConstView<T> z_a, ConstView<T> z_b) {
    return run({"NtXent::forward", {{"z_a", z_a}, {"z_b", z_b}}, options_.memory_budget, true});
  }

  /// The same value; keeps nothing.
  T value(ConstView<T> z_a, ConstView<T> z_b) {
    return run({"NtXent::value", {{"z_a", z_a}, {"z_b", z_b}}});
  }

  /// Writes d_loss·dL/dz_a and d_loss·dL/dz_b, both (N, D); `skip` leaves one out. Throws
  /// StateError without a forward that succeeded, ShapeError for another shape.
  void backward(MutView<T> d_z_a, MutView<T> d_z_b, T d_loss = 1) {
    go_back("NtXent::backward", static_cast<double>(d_loss) * weight_, {}, d_z_a, d_z_b);
  }

  /// The same for a loss Σ_i w_i ℓ_i of your own over the anchors: d_anchors (2N, 1) holds the w_i
  /// in the order of per_anchor, and takes the place of the reduction.
  void backward_per_anchor(ConstView<T> d_anchors, MutView<T> d_z_a, MutView<T> d_z_b) {
    state_.require("NtXent::backward_per_anchor");
    require_anchors("NtXent::backward_per_anchor", d_anchors, z_.rows().rows());
    const kernels::AnchorWeights<T> weights(d_anchors);
    go_back("NtXent::backward_per_anchor", weights.unit(), weights, d_z_a, d_z_b);
  }

  /// The losses ℓ_i (2N, 1) of the last forward: the rows of z_a, then those of z_b. Lives in this
  /// object until the next call of forward or value.
  ConstView<double> per_anchor() const {
    state_.require("NtXent::per_anchor");
    return softmax_.losses().view();
  }

  /// The share of the last forward's anchors whose positive is more similar than every negative; a
  /// tie is a miss, an anchor without a negative is a hit. Not to be called in one expression with
  /// forward: C++ leaves open which of the two comes first.
  double accuracy() const {
    state_.require("NtXent::accuracy");
    return softmax_.losses().accuracy();
  }

  /// dL/dτ of the last backward, times its d_loss.
  double d_temperature() const {
    state_.require_backward("NtXent::d_temperature");
    return d_temperature_;
  }

  /// Another τ from the next forward on.
  void set_temperature(double temperature) {
    require_invertible<T>("NtXent: temperature", temperature);
    options_.temperature = temperature;
  }

  const NtXentOptions& options() const { return options_; }

  /// Memory that this object holds.
  std::size_t bytes() const { return z_.bytes() + softmax_.bytes(); }

 private:
  T run(const Call<T>& call) {
    const RunOn threads = lent();
    state_.begin();
    require_batches(call.where, call.arguments);
    const std::size_t N = call[0].rows();
    if (options_.decoupled) require_negatives(call.where, "z_a", call[0], 2);
    weight_ = reduction_weight(options_.reduction, 2 * N, N);
    // (1) ẑ = z/|z|, both views stacked
    kernels::take_stacked(call, {options_.normalize, options_.norm_epsilon}, z_);
    // (2) similarities and the softmax over them, ℓ_i of each anchor; (3) their mean
    kernels::SoftmaxForm form;
    form.temperature = options_.temperature;
    form.unit_rows = options_.normalize;
    form.decoupled = options_.decoupled;
    form.negatives = {options_.hardest, options_.positive_prior,
                      kernels::in_type_or_zero<T>(options_.hard_negative_beta)};
    form.memory_budget = call.memory_budget;
    return end(call, weight_ * stacked().forward(z_.rows(), form), state_);
  }

  // dL/dℓ_i is its weight times `scale`.
  void go_back(const char* where, double scale, const kernels::AnchorWeights<T>& d_anchors,
               MutView<T> d_z_a, MutView<T> d_z_b) {
    const RunOn threads = lent();
    state_.require(where);
    const std::size_t N = z_.rows().rows() / 2, D = z_.rows().cols();
    require_output(where, "d_z_a", d_z_a, N, D);
    require_output(where, "d_z_b", d_z_b, N, D);
    // (3') dL/dℓ_i, with the 1/τ of the logits: one factor, applied last
    const double temperature = softmax_.temperature(), factor = scale / temperature;
    // (2') d_z = W ẑ
    const kernels::StackedSoftmax<T> softmax = stacked();
    softmax.backward(z_.rows(), d_anchors, z_.d_rows());
    // (1') back through the normalisation
    const double along = z_.backward(factor, {d_z_a, d_z_b}, [&](std::size_t i) {
      softmax.add_positive(z_.rows(), i, z_.d_rows());
    });
    d_temperature_ = -along / (2 * temperature) +
                     scale * softmax_.losses().on_floor() / (temperature * temperature);
    state_.gone_back();
  }

  kernels::StackedSoftmax<T> stacked() { return kernels::StackedSoftmax<T>(softmax_); }

  NtXentOptions options_;
  kernels::UnitRows<T> z_;  // ẑ (2N, D)
  kernels::PairSoftmax<T> softmax_;
  double weight_ = 1;
  PassState state_;
  double d_temperature_ = 0;
};

}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"

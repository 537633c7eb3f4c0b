// SupCon, the supervised contrastive loss. Maths: docs/losses/sup_con.md.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/call.hpp"
#include "selfsup/core/check.hpp"
#include "selfsup/core/labels.hpp"
#include "selfsup/core/option_check.hpp"
#include "selfsup/core/pass_state.hpp"
#include "selfsup/core/reduction.hpp"
#include "selfsup/core/runs_on.hpp"
#include "selfsup/core/view.hpp"
#include "selfsup/kernels/rows/unit_rows.hpp"
#include "selfsup/kernels/softmax/group_softmax.hpp"
#include "selfsup/kernels/softmax/pair_softmax.hpp"

#include <cstddef>
#include <string>

namespace selfsup {
inline namespace SELFSUP_ABI {

struct SupConOptions {
  double temperature = 0.1;               ///< τ > 0, what similarities are divided by
  SupConForm form = SupConForm::outside;  ///< where the mean over an anchor's positives is taken
  bool normalize = true;        ///< rows are scaled to length 1, so that similarities are cosines
  double norm_epsilon = 1e-12;  ///< ε >= 0 of z/max(|z|, ε); with 0 a row of zeros is an error
  /// Bytes of tiles kept from forward for backward; the value never depends on it.
  std::size_t memory_budget = default_memory_budget;
  Reduction reduction = Reduction::mean;  ///< mean over the anchors that have a positive; or sum
};

/// SupCon (Khosla et al. 2020, arXiv:2004.11362, equations 2 and 3): each of the M rows is an
/// anchor a that must find all P(a), the other rows with its label, among the M − 1 other rows,
///   outside  ℓ_a = log Σ_{k≠a} e^(s_ak/τ) − mean_{p∈P(a)} s_ap/τ,  s the cosine,
///   inside   ℓ_a = log Σ_{k≠a} e^(s_ak/τ) − log mean_{p∈P(a)} e^(s_ap/τ).
/// Several views of a sample are several rows with its label. The mean is over the anchors with
/// P(a) not empty; rows without a partner are candidates only. With labels 0 … N−1 twice both forms
/// are NtXent's.
/// HobbitLong/SupContrast `SupConLoss` on normalised features gives temperature/base_temperature
/// times the outside form (1 by default, both 0.07); it divides by M, rows without a partner too.
template <class T>
class SupCon : public RunsOn {
 public:
  explicit SupCon(const SupConOptions& options = {}) : options_(options) {
    require_invertible<T>("SupCon: temperature", options.temperature);
    require_mean_or_sum("SupCon: reduction", options.reduction);
    require_norm_epsilon("SupCon: norm_epsilon", options.norm_epsilon);
  }

  /// Returns the loss of z (M, D) with one integer label a row; keeps what backward needs, so that
  /// both may change afterwards. Throws ShapeError when z is empty, when the labels are not M, and
  /// when no two of them are equal; NonFiniteError when an entry is NaN or infinite.
  T forward(ConstView<T> z, Labels labels) {
    return run({"SupCon::forward", {{"z", z}}, options_.memory_budget, true}, labels);
  }

  /// The same value; keeps nothing.
  T value(ConstView<T> z, Labels labels) { return run({"SupCon::value", {{"z", z}}}, labels); }

  /// Writes d_loss·dL/dz (M, D); `skip` leaves it out. Throws StateError without a forward that
  /// succeeded, ShapeError for another shape.
  void backward(MutView<T> d_z, T d_loss = 1) {
    go_back("SupCon::backward", d_z, static_cast<double>(d_loss) * weight_);
  }

  /// dL/dτ of the last backward, times its d_loss.
  double d_temperature() const {
    state_.require_backward("SupCon::d_temperature");
    return d_temperature_;
  }

  /// Another τ from the next forward on.
  void set_temperature(double temperature) {
    require_invertible<T>("SupCon: temperature", temperature);
    options_.temperature = temperature;
  }

  const SupConOptions& options() const { return options_; }

  /// Memory that this object holds.
  std::size_t bytes() const { return z_.bytes() + softmax_.bytes(); }

 private:
  T run(const Call<T>& call, const Labels& labels) {
    const RunOn threads = lent();
    state_.begin();
    require_batches(call.where, call.arguments);
    require_one_a_row<T>(call.where, "labels", labels, {"z", call[0]});
    const std::size_t anchors = softmax_.assign(labels);
    require_pairs(call.where, anchors, labels.size());
    temperature_ = options_.temperature;
    weight_ = reduction_weight(options_.reduction, anchors, anchors);
    // (1) ẑ = z/|z|
    kernels::take_rows(call, {options_.normalize, options_.norm_epsilon}, {&z_});
    // (2) similarities and the softmax over them, ℓ_a of each anchor; (3) their mean
    const double sum = softmax_.forward(z_.rows(), temperature_, options_.form, options_.normalize,
                                        call.memory_budget);
    return end(call, weight_ * sum, state_);
  }

  void go_back(const char* where, MutView<T> d_z, double weight) {
    const RunOn threads = lent();
    state_.require(where);
    require_output(where, "d_z", d_z, z_.rows());
    // (3') dL/dℓ_a, with the 1/τ of the logits: one factor, applied last
    const double factor = weight / temperature_;
    // (2') d_z = W ẑ
    softmax_.backward(z_.rows(), z_.d_rows());
    // (1') back through the normalisation
    const double along = z_.backward(factor, {d_z});
    d_temperature_ = -along / (2 * temperature_);
    state_.gone_back();
  }

  static void require_pairs(const char* where, std::size_t anchors, std::size_t labels) {
    if (anchors > 0) return;
    throw ShapeError(std::string(where) + ": no two of the " + std::to_string(labels) +
                     " labels are equal, at least one pair expected");
  }

  SupConOptions options_;
  kernels::UnitRows<T> z_;
  kernels::GroupSoftmax<T> softmax_;
  double temperature_ = 1;
  double weight_ = 1;
  PassState state_;
  double d_temperature_ = 0;
};

}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"

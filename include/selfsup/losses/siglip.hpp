// The sigmoid loss of SigLIP. Maths: docs/losses/siglip.md.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/call.hpp"
#include "selfsup/core/check.hpp"
#include "selfsup/core/option_check.hpp"
#include "selfsup/core/pass_state.hpp"
#include "selfsup/core/reduction.hpp"
#include "selfsup/core/runs_on.hpp"
#include "selfsup/core/view.hpp"
#include "selfsup/kernels/pairs/entrywise.hpp"
#include "selfsup/kernels/pairs/matched_pairs.hpp"
#include "selfsup/kernels/pairs/sigmoid.hpp"
#include "selfsup/kernels/rows/unit_rows.hpp"

#include <cstddef>

namespace selfsup {
inline namespace SELFSUP_ABI {

struct SigLipOptions {
  double scale = 10;      ///< t > 0, what similarities are multiplied by; a learned e^t' there
  double bias = -10;      ///< b, what is added to them
  bool normalize = true;  ///< rows are scaled to length 1, so that similarities are cosines
  double norm_epsilon = 1e-12;  ///< ε >= 0 of z/max(|z|, ε); with 0 a row of zeros is an error
  /// Bytes of tiles kept from forward for backward; the value never depends on it.
  std::size_t memory_budget = default_memory_budget;
  Reduction reduction = Reduction::mean;  ///< the sum over all N² pairs divided by N; or that sum
};

/// SigLIP (Zhai et al. 2023, arXiv:2303.15343, algorithm 1): each of the N² pairs of an image and a
/// text is classified alone, y_ij = 1 when i = j and −1 otherwise,
///   L = 1/N Σ_ij log(1 + e^(−y_ij (t s_ij + b))),  s the cosine.
/// Divided by N, not by N². Equal to google-research/big_vision
/// `trainers/proj/image_text/siglip.py` and, on one device, to mlfoundations/open_clip
/// `SigLipLoss`, for rows that are normalised.
template <class T>
class SigLip : public RunsOn {
 public:
  explicit SigLip(const SigLipOptions& options = {}) : options_(options) {
    require_scale(options.scale);
    require_bias(options.bias);
    require_mean_or_sum("SigLip: reduction", options.reduction);
    require_norm_epsilon("SigLip: norm_epsilon", options.norm_epsilon);
  }

  /// Returns the loss of image (N, D), text (N, D); keeps what backward needs, so that both may
  /// change afterwards. Throws ShapeError when either is empty or their shapes differ,
  /// NonFiniteError when an entry is NaN or infinite.
  T forward(ConstView<T> image, ConstView<T> text) {
    return run(
        {"SigLip::forward", {{"image", image}, {"text", text}}, options_.memory_budget, true});
  }

  /// The same value; keeps nothing.
  T value(ConstView<T> image, ConstView<T> text) {
    return run({"SigLip::value", {{"image", image}, {"text", text}}});
  }

  /// Writes d_loss·dL/dimage and d_loss·dL/dtext, both (N, D); `skip` leaves out one and its
  /// product. Throws StateError without a forward that succeeded, ShapeError for another shape.
  void backward(MutView<T> d_image, MutView<T> d_text, T d_loss = 1) {
    go_back("SigLip::backward", d_image, d_text, static_cast<double>(d_loss) * weight_);
  }

  /// dL/dt of the last backward, times its d_loss. For a learned t = e^t' the derivative is t·this.
  double d_scale() const {
    state_.require_backward("SigLip::d_scale");
    return d_scale_;
  }

  /// dL/db of the last backward, times its d_loss.
  double d_bias() const {
    state_.require_backward("SigLip::d_bias");
    return d_bias_;
  }

  /// Another t from the next forward on.
  void set_scale(double scale) {
    require_scale(scale);
    options_.scale = scale;
  }

  /// Another b from the next forward on.
  void set_bias(double bias) {
    require_bias(bias);
    options_.bias = bias;
  }

  const SigLipOptions& options() const { return options_; }

  /// Memory that this object holds.
  std::size_t bytes() const { return image_.bytes() + text_.bytes() + pairs_.bytes(); }

 private:
  T run(const Call<T>& call) {
    const RunOn threads = lent();
    state_.begin();
    require_batches(call.where, call.arguments);
    const std::size_t N = call[0].rows();
    weight_ = reduction_weight(options_.reduction, N, N);
    // (1) rows of length one
    kernels::take_rows(call, {options_.normalize, options_.norm_epsilon}, {&image_, &text_});
    // (2) logits and ℓ_ij of each pair; (3) their sum
    scale_ = options_.scale;
    sum_ =
        pairs_.forward(image_.rows(), text_.rows(),
                       {static_cast<T>(scale_), static_cast<T>(options_.bias)}, call.memory_budget);
    return end(call, weight_ * sum_.cost, state_);
  }

  void go_back(const char* where, MutView<T> d_image, MutView<T> d_text, double weight) {
    const RunOn threads = lent();
    state_.require(where);
    require_output(where, "d_image", d_image, image_.rows());
    require_output(where, "d_text", d_text, text_.rows());
    // (3') dL/dℓ_ij, with the t of the logits: one factor, applied last
    const double factor = weight * scale_;
    // (2') d_image = W text, d_text = Wᵀ image
    const bool with_text = !d_text.empty(), with_image = !d_image.empty() || !with_text;
    pairs_.backward(image_.rows(), text_.rows(), with_image ? &image_.d_rows() : nullptr,
                    with_text ? &text_.d_rows() : nullptr);
    // (1') back through the normalisation
    double along = 0;  // t·ΣS∘dL/dS, from either side
    if (with_text) along = text_.backward(factor, {d_text});
    if (with_image) along = image_.backward(factor, {d_image});
    d_scale_ = along / scale_;
    d_bias_ = weight * sum_.slope;
    state_.gone_back();
  }

  static void require_scale(double scale) { require_positive<T>("SigLip: scale", scale); }
  static void require_bias(double bias) { require_in_type<T>("SigLip: bias", bias); }

  SigLipOptions options_;
  kernels::UnitRows<T> image_;
  kernels::UnitRows<T> text_;
  kernels::MatchedPairs<T, kernels::SigmoidEntry<T>> pairs_;
  kernels::CostSums sum_;
  double scale_ = 1;
  double weight_ = 1;
  PassState state_;
  double d_scale_ = 0;
  double d_bias_ = 0;
};

}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"

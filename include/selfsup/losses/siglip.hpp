// The sigmoid loss of SigLIP. Maths: docs/siglip.md.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/check.hpp"
#include "selfsup/core/contiguous.hpp"
#include "selfsup/core/pass_state.hpp"
#include "selfsup/core/reduction.hpp"
#include "selfsup/core/runs_on.hpp"
#include "selfsup/core/view.hpp"
#include "selfsup/kernels/pairs/sigmoid.hpp"
#include "selfsup/kernels/rows/l2_normalize.hpp"
#include "selfsup/product/padded_matrix.hpp"

#include <cstddef>

namespace selfsup {
inline namespace SELFSUP_ABI {

struct SigLipOptions {
  double scale = 10;      ///< t > 0, what similarities are multiplied by; a learned e^t' there
  double bias = -10;      ///< b, what is added to them
  bool normalize = true;  ///< rows are scaled to length 1, so that similarities are cosines
  double norm_epsilon = 1e-12;  ///< ε >= 0 of z/max(|z|, ε); with 0 a row of zeros is an error
  std::size_t memory_budget =
      256u << 20;  ///< bytes of tiles kept from forward for backward; the value never depends on it
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
    return run("SigLip::forward", image, text, options_.memory_budget, true);
  }

  /// The same value; keeps nothing.
  T value(ConstView<T> image, ConstView<T> text) {
    return run("SigLip::value", image, text, 0, false);
  }

  /// Writes d_loss·dL/dimage and d_loss·dL/dtext, both (N, D); `skip` leaves out one and its
  /// product. Throws StateError without a forward that succeeded, ShapeError for another shape.
  void backward(MutView<T> d_image, MutView<T> d_text, T d_loss = 1) {
    const RunOn threads = lent();
    state_.require("SigLip::backward");
    const std::size_t N = image_.rows(), D = image_.cols();
    require_output("SigLip::backward", "d_image", d_image, N, D);
    require_output("SigLip::backward", "d_text", d_text, N, D);
    // (3') dL/dℓ_ij, with the t of the logits: one factor, applied last
    const double weight = static_cast<double>(d_loss) * weight_;
    const double factor = weight * scale_;
    // (2') d_image = W text, d_text = Wᵀ image
    const bool with_text = !d_text.empty(), with_image = !d_image.empty() || !with_text;
    sigmoid_.backward(image_, text_, with_image ? &d_image_ : nullptr,
                      with_text ? &d_text_ : nullptr);
    // (1') back through the normalisation
    double along = 0;  // t·ΣS∘dL/dS, from either side
    if (with_text) along = normalize_text_.backward(text_, d_text_, factor, normalized_, {d_text});
    if (with_image)
      along = normalize_image_.backward(image_, d_image_, factor, normalized_, {d_image});
    d_scale_ = along / scale_;
    d_bias_ = weight * sum_.d_bias;
    state_.gone_back();
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
  std::size_t bytes() const {
    return image_.bytes() + text_.bytes() + d_image_.bytes() + d_text_.bytes() +
           normalize_image_.bytes() + normalize_text_.bytes() + sigmoid_.bytes() +
           image_copy_.bytes() + text_copy_.bytes();
  }

 private:
  static void require_scale(double scale) { require_positive<T>("SigLip: scale", scale); }
  static void require_bias(double bias) { require_in_type<T>("SigLip: bias", bias); }

  T run(const char* where, ConstView<T> image, ConstView<T> text, std::size_t memory_budget,
        bool keep) {
    const RunOn threads = lent();
    const std::initializer_list<Named<T>> batches = {{"image", image}, {"text", text}};
    state_.begin();
    require_batches(where, batches);
    const std::size_t N = image.rows();
    scale_ = options_.scale;
    normalized_ = options_.normalize;
    weight_ = reduction_weight(options_.reduction, N, N);
    image_.reshape(N, image.cols());
    text_.reshape(N, text.cols());
    // (1) rows of length one
    const kernels::RowScaling scaling{normalized_, options_.norm_epsilon};
    const double norms = normalize_image_.forward({image_copy_.of(image)}, scaling, image_) +
                         normalize_text_.forward({text_copy_.of(text)}, scaling, text_);
    if (!is_finite(norms)) kernels::throw_no_norm(where, batches, scaling);
    // (2) logits and ℓ_ij of each pair; (3) their sum
    sum_ = sigmoid_.forward(image_, text_, scale_, options_.bias, memory_budget);
    const T loss = static_cast<T>(weight_ * sum_.loss);
    if (!is_finite(loss)) throw_non_finite(where, batches);
    if (keep) state_.kept();
    return loss;
  }

  SigLipOptions options_;
  // Kept for backward.
  product::PaddedMatrix<T> image_;  // rows of length one (N, D)
  product::PaddedMatrix<T> text_;   // the same (N, D)
  kernels::L2Normalize<T> normalize_image_;
  kernels::L2Normalize<T> normalize_text_;
  kernels::PairSigmoid<T> sigmoid_;
  kernels::SigmoidSums sum_;
  double scale_ = 1;
  double weight_ = 1;
  bool normalized_ = true;
  PassState state_;
  double d_scale_ = 0;
  double d_bias_ = 0;
  // Scratch.
  product::PaddedMatrix<T> d_image_;
  product::PaddedMatrix<T> d_text_;
  ContiguousRows<T> image_copy_;
  ContiguousRows<T> text_copy_;
};

}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"

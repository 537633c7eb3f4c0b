// InfoNCE with the negatives of the batch. Maths: docs/info_nce.md.
#pragma once

#include "selfsup/core/check.hpp"
#include "selfsup/core/contiguous.hpp"
#include "selfsup/core/pass_state.hpp"
#include "selfsup/core/reduction.hpp"
#include "selfsup/core/view.hpp"
#include "selfsup/kernels/l2_normalize.hpp"
#include "selfsup/kernels/pair_softmax.hpp"
#include "selfsup/product/padded_matrix.hpp"

#include <cstddef>

namespace selfsup {
inline namespace SELFSUP_ABI {

struct InfoNceOptions {
  double temperature = 0.1;  ///< τ > 0, what similarities are divided by
  bool symmetric = false;  ///< the mean of both directions: queries among keys, keys among queries
  bool normalize = true;   ///< rows are scaled to length 1, so that similarities are cosines
  std::size_t memory_budget =
      256u << 20;  ///< bytes of tiles kept from forward for backward; the value never depends on it
  Reduction reduction = Reduction::mean;  ///< mean over the N queries (symmetric: 2N anchors); sum;
                                          ///< view_means: the sum of both directions' means

  /// Equal to the loss of CLIP (arXiv:2103.00020, figure 3), its temperature at the start.
  static InfoNceOptions clip() {
    InfoNceOptions options;
    options.temperature = 0.07;
    options.symmetric = true;
    return options;
  }
};

/// InfoNCE (van den Oord et al. 2018, arXiv:1807.03748, equation 4): query i must find key i among
/// all N keys,
///   ℓ_i = −s_ii/τ + log Σ_k e^(s_ik/τ),  s the cosine.
/// The default is the mean over the N queries, one direction.
template <class T>
class InfoNce {
 public:
  explicit InfoNce(const InfoNceOptions& options = {}) : options_(options) {
    kernels::require_temperature<T>("InfoNce: temperature", options.temperature);
  }

  /// Returns the loss of query (N, D), key (N, D); keeps what backward needs, so that both may
  /// change afterwards. Throws ShapeError when either is empty or their shapes differ,
  /// NonFiniteError when an entry is NaN or infinite.
  T forward(ConstView<T> query, ConstView<T> key) {
    return run("InfoNce::forward", query, key, options_.memory_budget, true);
  }

  /// The same value; keeps nothing.
  T value(ConstView<T> query, ConstView<T> key) {
    return run("InfoNce::value", query, key, 0, false);
  }

  /// Writes d_loss·dL/dquery and d_loss·dL/dkey, both (N, D); an empty view skips one, and its
  /// product. Throws StateError without a forward that succeeded, ShapeError for another shape.
  void backward(MutView<T> d_query, MutView<T> d_key, T d_loss = 1) {
    state_.require("InfoNce::backward");
    const std::size_t N = query_.rows(), D = query_.cols();
    require_output("InfoNce::backward", "d_query", d_query, N, D);
    require_output("InfoNce::backward", "d_key", d_key, N, D);
    // (3') dL/dℓ_i, with the 1/τ of the logits: one factor, applied last
    const double factor = static_cast<double>(d_loss) * weight_ / temperature_;
    // (2') d_q = W k̂, d_k = Wᵀ q̂
    const bool with_key = !d_key.empty(), with_query = !d_query.empty() || !with_key;
    softmax_.in_batch_backward(query_, key_, with_query ? &d_query_ : nullptr,
                               with_key ? &d_key_ : nullptr);
    // (1') back through the normalisation
    double along = 0;  // ⟨Q̂, dQ̂⟩ = ⟨K̂, dK̂⟩
    if (with_key) along = normalize_key_.backward(key_, d_key_, factor, normalized_, 0, N, d_key);
    if (with_query)
      along = normalize_query_.backward(query_, d_query_, factor, normalized_, 0, N, d_query);
    d_temperature_ = -along / temperature_;
    state_.gone_back();
  }

  /// dL/dτ of the last backward, times its d_loss.
  double d_temperature() const {
    state_.require_backward("InfoNce::d_temperature");
    return d_temperature_;
  }

  /// Another τ from the next forward on.
  void set_temperature(double temperature) {
    kernels::require_temperature<T>("InfoNce: temperature", temperature);
    options_.temperature = temperature;
  }

  const InfoNceOptions& options() const { return options_; }

  /// Memory that this object holds.
  std::size_t bytes() const {
    return query_.bytes() + key_.bytes() + d_query_.bytes() + d_key_.bytes() +
           normalize_query_.bytes() + normalize_key_.bytes() + softmax_.bytes() +
           query_copy_.bytes() + key_copy_.bytes();
  }

 private:
  T run(const char* where, ConstView<T> query, ConstView<T> key, std::size_t memory_budget,
        bool keep) {
    const std::initializer_list<Named<T>> batches = {{"query", query}, {"key", key}};
    state_.begin();
    require_batches(where, batches);
    const std::size_t N = query.rows();
    temperature_ = options_.temperature;
    normalized_ = options_.normalize;
    weight_ = reduction_weight(options_.reduction, options_.symmetric ? 2 * N : N, N);
    query_.reshape(N, query.cols());
    key_.reshape(N, key.cols());
    // (1) q̂ = q/|q|, k̂ = k/|k|
    const double norms = normalize_query_.forward(query_copy_.of(query), normalized_, query_, 0) +
                         normalize_key_.forward(key_copy_.of(key), normalized_, key_, 0);
    if (!is_finite(norms)) throw_non_finite(where, batches);
    // (2) similarities and the softmax over them, ℓ_i of each anchor; (3) their mean
    const double sum = softmax_.in_batch(query_, key_, temperature_, normalized_,
                                         options_.symmetric, memory_budget);
    const T loss = static_cast<T>(weight_ * sum);
    if (!is_finite(loss)) throw_non_finite(where, batches);
    if (keep) state_.kept();
    return loss;
  }

  InfoNceOptions options_;
  // Kept for backward.
  product::PaddedMatrix<T> query_;  // q̂ (N, D)
  product::PaddedMatrix<T> key_;    // k̂ (N, D)
  kernels::L2Normalize<T> normalize_query_;
  kernels::L2Normalize<T> normalize_key_;
  kernels::PairSoftmax<T> softmax_;
  double temperature_ = 1;
  double weight_ = 1;
  bool normalized_ = true;
  PassState state_;
  double d_temperature_ = 0;
  // Scratch.
  product::PaddedMatrix<T> d_query_;
  product::PaddedMatrix<T> d_key_;
  ContiguousRows<T> query_copy_;
  ContiguousRows<T> key_copy_;
};

}  // namespace SELFSUP_ABI
}  // namespace selfsup

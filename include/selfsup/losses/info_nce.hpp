// InfoNCE with the negatives of the batch, or with shared ones. Maths: docs/losses/info_nce.md.
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
#include "selfsup/kernels/softmax/bank_rows.hpp"
#include "selfsup/kernels/softmax/bank_softmax.hpp"
#include "selfsup/kernels/softmax/batch_softmax.hpp"
#include "selfsup/kernels/softmax/pair_softmax.hpp"
#include "selfsup/kernels/softmax/softmax_form.hpp"
#include "selfsup/product/padded_matrix.hpp"

#include <cstddef>
#include <initializer_list>
#include <string>
#include <type_traits>

namespace selfsup {
inline namespace SELFSUP_ABI {

struct InfoNceOptions {
  double temperature = 0.1;  ///< τ > 0, what similarities are divided by
  bool symmetric = false;  ///< the mean of both directions: queries among keys, keys among queries
  bool normalize = true;   ///< rows are scaled to length 1, so that similarities are cosines
  double norm_epsilon = 1e-12;  ///< ε >= 0 of z/max(|z|, ε); with 0 a row of zeros is an error
  bool negatives_normalized = false;  ///< given negatives have length 1 already
  bool detach_key = false;            ///< keys are constants: backward takes d_query alone
  double label_smoothing = 0;         ///< α in [0, 1), what the label shares among all candidates
  std::size_t hardest = 0;  ///< k: the most similar negatives of each anchor that count, 0 for all
  /// Bytes of tiles kept from forward for backward; the value never depends on it.
  std::size_t memory_budget = default_memory_budget;
  Reduction reduction = Reduction::mean;  ///< mean over the N queries (symmetric: 2N anchors); sum;
                                          ///< view_means: the sum of both directions' means

  /// Equal to the loss of CLIP (arXiv:2103.00020, figure 3), its temperature at the start.
  static InfoNceOptions clip() {
    InfoNceOptions options;
    options.temperature = 0.07;
    options.symmetric = true;
    return options;
  }

  /// Equal to facebookresearch/moco `builder.py` (arXiv:1911.05722) with its queue as negatives:
  /// keys come from the momentum encoder and are constants.
  static InfoNceOptions moco() {
    InfoNceOptions options;
    options.temperature = 0.07;
    options.detach_key = true;
    return options;
  }
};

/// InfoNCE (van den Oord et al. 2018, arXiv:1807.03748, equation 4): query i must find key i among
/// all N keys, or among K negatives that all queries share,
///   ℓ_i = −s_ii/τ + log Σ_k e^(s_ik/τ),  s the cosine.
/// The default is the mean over the N queries, one direction.
template <class T>
class InfoNce : public RunsOn {
 public:
  explicit InfoNce(const InfoNceOptions& options = {}) : options_(options) {
    require_invertible<T>("InfoNce: temperature", options.temperature);
    require_below_one("InfoNce: label_smoothing", options.label_smoothing);
    require_norm_epsilon("InfoNce: norm_epsilon", options.norm_epsilon);
    if (options.label_smoothing > 0 && options.hardest > 0)
      throw OptionError(
          "InfoNce: label_smoothing shares among all candidates, hardest leaves some");
  }

  /// Returns the loss of query (N, D), key (N, D); keeps what backward needs, so that both may
  /// change afterwards. Throws ShapeError when either is empty or their shapes differ,
  /// NonFiniteError when an entry is NaN or infinite.
  T forward(ConstView<T> query, ConstView<T> key) {
    return in_batch(keeping({{"query", query}, {"key", key}}));
  }

  /// Returns the loss of query (N, D), key (N, D) among the negatives (K, D), which are constants:
  /// the candidates of a query are its own key and all K of them. Keeps copies. Throws ShapeError
  /// and NonFiniteError as above, ShapeError for K = 0, OptionError when the loss is symmetric.
  T forward(ConstView<T> query, ConstView<T> key, ConstView<T> negatives) {
    return against(keeping({{"query", query}, {"key", key}, {"negatives", negatives}}));
  }

  /// The same with the rows of a MemoryBank as negatives, read in place: until backward the bank
  /// must live and be left as it is, so push after it. Given an id a query, rows of the bank that
  /// have it are not its negatives. Throws ShapeError for an empty bank or another number of ids,
  /// StateError for ids when the bank has none, OptionError for ids with label_smoothing.
  T forward(ConstView<T> query, ConstView<T> key, const kernels::BankRows<T>& bank) {
    return among(keeping({{"query", query}, {"key", key}}), bank, nullptr);
  }
  T forward(ConstView<T> query, ConstView<T> key, const kernels::BankRows<T>& bank, Labels ids) {
    return among(keeping({{"query", query}, {"key", key}}), bank, &ids);
  }

  /// The same values; keep nothing.
  T value(ConstView<T> query, ConstView<T> key) {
    return in_batch({"InfoNce::value", {{"query", query}, {"key", key}}});
  }
  T value(ConstView<T> query, ConstView<T> key, ConstView<T> negatives) {
    return against({"InfoNce::value", {{"query", query}, {"key", key}, {"negatives", negatives}}});
  }
  T value(ConstView<T> query, ConstView<T> key, const kernels::BankRows<T>& bank) {
    return among({"InfoNce::value", {{"query", query}, {"key", key}}}, bank, nullptr);
  }
  T value(ConstView<T> query, ConstView<T> key, const kernels::BankRows<T>& bank, Labels ids) {
    return among({"InfoNce::value", {{"query", query}, {"key", key}}}, bank, &ids);
  }

  /// Writes d_loss·dL/dquery and d_loss·dL/dkey, both (N, D); with detach_key d_query alone.
  /// `skip` leaves out one, and its product where d_temperature needs none. Throws StateError
  /// without a forward that succeeded, ShapeError for another shape or number of outputs.
  void backward(MutView<T> d_query, MutView<T> d_key, T d_loss = 1) {
    require_outputs("InfoNce::backward", 2);
    go_back("InfoNce::backward", static_cast<double>(d_loss) * weight_, {}, d_query, d_key);
  }
  void backward(MutView<T> d_query) { backward(d_query, 1); }
  template <class Number, std::enable_if_t<std::is_arithmetic_v<Number>, int> = 0>
  void backward(MutView<T> d_query, Number d_loss) {  // a template, so that {} skips
    require_outputs("InfoNce::backward", 1);
    go_back("InfoNce::backward", static_cast<double>(static_cast<T>(d_loss)) * weight_, {}, d_query,
            {});
  }

  /// The same for a loss Σ_i w_i ℓ_i of your own over the anchors: d_anchors (N, 1), symmetric (2N,
  /// 1), holds the w_i in the order of per_anchor, and takes the place of the reduction.
  void backward_per_anchor(ConstView<T> d_anchors, MutView<T> d_query, MutView<T> d_key) {
    require_outputs("InfoNce::backward_per_anchor", 2);
    go_back_per_anchor(d_anchors, d_query, d_key);
  }
  void backward_per_anchor(ConstView<T> d_anchors, MutView<T> d_query) {
    require_outputs("InfoNce::backward_per_anchor", 1);
    go_back_per_anchor(d_anchors, d_query, {});
  }

  /// The losses ℓ_i of the last forward: (N, 1) of the queries; symmetric (2N, 1), those of the
  /// keys below. Lives in this object until the next call of forward or value.
  ConstView<double> per_anchor() const {
    state_.require("InfoNce::per_anchor");
    return softmax_.losses().view();
  }

  /// The share of the last forward's anchors whose positive is more similar than every negative; a
  /// tie is a miss, an anchor without a negative is a hit. Not to be called in one expression with
  /// forward: C++ leaves open which of the two comes first.
  double accuracy() const {
    state_.require("InfoNce::accuracy");
    return softmax_.losses().accuracy();
  }

  /// dL/dτ of the last backward, times its d_loss.
  double d_temperature() const {
    state_.require_backward("InfoNce::d_temperature");
    return d_temperature_;
  }

  /// Another τ from the next forward on.
  void set_temperature(double temperature) {
    require_invertible<T>("InfoNce: temperature", temperature);
    options_.temperature = temperature;
  }

  const InfoNceOptions& options() const { return options_; }

  /// Memory that this object holds.
  std::size_t bytes() const {
    return query_.bytes() + key_.bytes() + negatives_.bytes() + shared_.bytes() + softmax_.bytes();
  }

 private:
  Call<T> keeping(std::initializer_list<Named<T>> arguments) const {
    return {"InfoNce::forward", arguments, options_.memory_budget, true};
  }

  T in_batch(const Call<T>& call) {
    const RunOn threads = lent();
    begin(call);
    return end(call,
               weight_ * batch_softmax().forward(query_.rows(), key_.rows(),
                                                 form(call, options_.normalize)),
               state_);
  }

  T against(const Call<T>& call) {
    const RunOn threads = lent();
    const ConstView<T> negatives = call[2];
    require_shared(call, {"negatives", negatives});
    begin(call);
    const bool said_to_be_unit = options_.negatives_normalized;
    kernels::take_rows(call, 2, {options_.normalize && !said_to_be_unit, options_.norm_epsilon},
                       {&negatives_});
    shared_.take(negatives_.rows());
    // Negatives that are said to have length 1 may be longer than they should be.
    const bool unit_rows =
        options_.normalize && (!said_to_be_unit || negatives_.longest() <= 1.001);
    return end(call,
               weight_ * bank_softmax().forward(query_.rows(), key_.rows(),
                                                shared_.rows(negatives_.rows()),
                                                form(call, unit_rows), nullptr),
               state_);
  }

  T among(const Call<T>& call, const kernels::BankRows<T>& bank, const Labels* ids) {
    const RunOn threads = lent();
    require_shared(call, {"bank", bank.view()});
    if (ids) require_ids(call, bank, *ids);
    begin(call);
    shared_.take(bank);
    return end(call,
               weight_ * bank_softmax().forward(query_.rows(), key_.rows(),
                                                shared_.rows(negatives_.rows()),
                                                form(call, options_.normalize), ids),
               state_);
  }

  void begin(const Call<T>& call) {
    state_.begin();
    require_batches<T>(call.where, {{"query", call[0]}, {"key", call[1]}});
    const std::size_t N = call[0].rows();
    detached_ = options_.detach_key;
    shared_.clear();
    weight_ = reduction_weight(options_.reduction, options_.symmetric ? 2 * N : N, N);
    // (1) q̂ = q/|q|, k̂ = k/|k|
    kernels::take_rows(call, {options_.normalize, options_.norm_epsilon}, {&query_, &key_});
  }

  // (2) similarities and the softmax over them, ℓ_i of each anchor; (3) their mean
  kernels::SoftmaxForm form(const Call<T>& call, bool unit_rows) const {
    kernels::SoftmaxForm form;
    form.temperature = options_.temperature;
    form.unit_rows = unit_rows;
    form.label_smoothing = options_.label_smoothing;
    form.negatives.hardest = options_.hardest;
    form.memory_budget = call.memory_budget;
    return form;
  }

  // dL/dℓ_i is its weight times `scale`.
  void go_back(const char* where, double scale, const kernels::AnchorWeights<T>& d_anchors,
               MutView<T> d_query, MutView<T> d_key) {
    const RunOn threads = lent();
    if (shared_.changed())
      throw StateError(std::string(where) + ": the bank has changed since forward");
    require_output(where, "d_query", d_query, query_.rows());
    require_output(where, "d_key", d_key, key_.rows());
    // (3') dL/dℓ_i, with the 1/τ of the logits: one factor, applied last
    const double factor = scale / softmax_.temperature();
    // (2') d_q = W k̂, d_k = Wᵀ q̂
    const bool with_key = !d_key.empty();
    // ⟨Q̂, dQ̂⟩ = ⟨K̂, dK̂⟩ is needed for τ; with shared negatives the keys have a part of it only.
    const bool with_query = !d_query.empty() || !with_key || shared_.any();
    product::PaddedMatrix<T>* const of_key = with_key ? &key_.d_rows() : nullptr;
    if (shared_.any()) {
      bank_softmax().backward(query_.rows(), key_.rows(), shared_.rows(negatives_.rows()),
                              d_anchors, query_.d_rows(), of_key);
    } else {
      batch_softmax().backward(query_.rows(), key_.rows(), d_anchors,
                               with_query ? &query_.d_rows() : nullptr, of_key);
    }
    // (1') back through the normalisation
    double along = 0;
    if (with_key) along = key_.backward(factor, {d_key});
    if (with_query) along = query_.backward(factor, {d_query});
    d_temperature_ = -along / softmax_.temperature();
    state_.gone_back();
  }

  void go_back_per_anchor(ConstView<T> d_anchors, MutView<T> d_query, MutView<T> d_key) {
    require_anchors("InfoNce::backward_per_anchor", d_anchors, per_anchor().rows());
    const kernels::AnchorWeights<T> weights(d_anchors);
    go_back("InfoNce::backward_per_anchor", weights.unit(), weights, d_query, d_key);
  }

  void require_outputs(const char* where, std::size_t given) const {
    state_.require(where);
    if (given == (detached_ ? 1 : 2)) return;
    throw ShapeError(std::string(where) + ": " +
                     (given == 1 ? "1 output given, 2 expected: d_query, d_key"
                                 : "2 outputs given, 1 expected: d_query"));
  }

  void require_shared(const Call<T>& call, const Named<T>& negatives) {
    state_.begin();
    if (options_.symmetric) {
      throw OptionError(std::string(call.where) +
                        ": a symmetric loss has no negatives but the batch");
    }
    require_batches<T>(call.where, {{"query", call[0]}, {"key", call[1]}});
    require_rows_like<T>(call.where, negatives, {"query", call[0]});
    require_negatives(call.where, negatives.name, negatives.view, 1);
    if (options_.hardest > 0) kernels::require_listable(call.where, negatives);
  }

  void require_ids(const Call<T>& call, const kernels::BankRows<T>& bank, const Labels& ids) const {
    require_one_a_row<T>(call.where, "ids", ids, {"query", call[0]});
    if (bank.ids() == nullptr)
      throw StateError(std::string(call.where) + ": ids given, the bank's rows have none");
    if (options_.label_smoothing > 0) {
      throw OptionError(std::string(call.where) +
                        ": label_smoothing shares among all candidates, ids leave some out");
    }
  }

  kernels::BatchSoftmax<T> batch_softmax() { return {softmax_, options_.symmetric}; }
  kernels::BankSoftmax<T> bank_softmax() { return kernels::BankSoftmax<T>(softmax_); }

  InfoNceOptions options_;
  kernels::UnitRows<T> query_;
  kernels::UnitRows<T> key_;
  kernels::UnitRows<T> negatives_;  // if they are given
  kernels::SharedNegatives<T> shared_;
  kernels::PairSoftmax<T> softmax_;
  double weight_ = 1;
  bool detached_ = false;
  PassState state_;
  double d_temperature_ = 0;
};

}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"

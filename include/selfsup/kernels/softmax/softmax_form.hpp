// Which softmax over which similarities: the options of the InfoNCE family as the kernels see them.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/abi.hpp"

#include <cstddef>
#include <limits>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace kernels {

/// The number as the type has it, 0 where it has lost digits: a β too small to be a normal number
/// changes no exponential.
template <class T>
double in_type_or_zero(double x) {
  return x < static_cast<double>(std::numeric_limits<T>::min())
             ? 0
             : static_cast<double>(static_cast<T>(x));
}

/// Which softmax over which similarities.
struct SoftmaxForm {
  double temperature = 1;
  bool unit_rows = true;          // no row is longer than one
  bool decoupled = false;         // the positive is no candidate
  bool both_directions = false;   // of in_batch: each key is an anchor among the queries, too
  double label_smoothing = 0;     // α
  double positive_prior = 0;      // τ⁺, of stacked
  double hard_negative_beta = 0;  // β, of stacked
  std::size_t hardest = 0;        // k: how many negatives of an anchor count, 0 for all
  std::size_t memory_budget = 0;

  bool has_hard_negatives() const { return positive_prior > 0 || hard_negative_beta > 0; }
};

}  // namespace kernels
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"

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

/// Which negatives of an anchor count, and how much.
struct Negatives {
  std::size_t hardest = 0;  // k: the most similar ones alone, 0 for all
  double prior = 0;         // τ⁺: the share of them that are positives
  double beta = 0;          // β: how much similar ones count for more

  /// Whether they are weighed.
  bool hard() const { return prior > 0 || beta > 0; }
};

struct SoftmaxForm {
  double temperature = 1;
  bool unit_rows = true;       // no row is longer than one
  bool decoupled = false;      // the positive is no candidate
  double label_smoothing = 0;  // α
  Negatives negatives;
  std::size_t memory_budget = 0;
};

}  // namespace kernels
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"

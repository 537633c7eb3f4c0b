// Which softmax over which similarities: the options of the InfoNCE family as the kernels see them.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/check.hpp"

#include <cstddef>
#include <sstream>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace kernels {

/// Throws an OptionError unless τ > 0 is finite and so is 1/τ in the type.
template <class T>
void require_temperature(const char* name, double temperature) {
  require_positive(name, temperature);
  const T scale = static_cast<T>(1 / temperature);
  if (is_finite(scale) && scale > 0) return;
  std::ostringstream text;
  text << name << " is " << temperature << ", its inverse is outside the range of "
       << (sizeof(T) == 4 ? "float" : "double");
  throw OptionError(text.str());
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

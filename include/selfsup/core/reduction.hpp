// How the losses of the anchors become one number.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/abi.hpp"
#include "selfsup/core/errors.hpp"

#include <cstddef>
#include <string>

namespace selfsup {
inline namespace SELFSUP_ABI {

enum class Reduction {
  mean,       ///< over all anchors
  sum,        ///< of all anchors
  view_means  ///< the sum of the means over each view's anchors
};

/// Throws an OptionError for view_means, from a loss whose anchors do not divide into views.
inline void require_mean_or_sum(const char* name, Reduction reduction) {
  if (reduction != Reduction::view_means) return;
  throw OptionError(std::string(name) + " is view_means, mean or sum expected");
}

/// What the sum over all anchors is multiplied by.
inline double reduction_weight(Reduction reduction, std::size_t anchors,
                               std::size_t anchors_of_a_view) {
  switch (reduction) {
    case Reduction::mean:
      return 1 / static_cast<double>(anchors);
    case Reduction::view_means:
      return 1 / static_cast<double>(anchors_of_a_view);
    case Reduction::sum:
      break;
  }
  return 1;
}

}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"

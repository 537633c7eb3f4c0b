// Whether numbers below the least normal one are kept here: programs that are linked with -Ofast
// have them flushed to 0.
#pragma once

#include <limits>

namespace tests {

inline bool keeps_denormals() {
  const volatile double least = std::numeric_limits<double>::min();
  return least / 2 > 0;
}

}  // namespace tests

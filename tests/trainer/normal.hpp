// Normal numbers for test inputs.
#pragma once

#include "random.hpp"

#include <cmath>

namespace tests {

/// Mean 0, variance 1, by Box and Muller's transform.
inline double normal(trainer::Random& random) {
  const double radius = std::sqrt(-2.0 * std::log(1.0 - random.uniform()));
  return radius * std::cos(6.283185307179586 * random.uniform());
}

}  // namespace tests

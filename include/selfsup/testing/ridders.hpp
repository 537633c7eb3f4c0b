// The derivative of a function of one number, by central differences extrapolated to step 0
// (Ridders, Advances in Engineering Software 4, 1982).
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/abi.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace detail {

// The derivative of a function of one number at 0.
struct Derivative {
  double value = 0;
  double rounding = 0;  // what an epsilon of error in each of two values makes of the difference
  bool kink = false;
};

// Ridders' table. Row i holds the central difference at step h = first_step/2^i and its
// extrapolations; the entry that differs least from its neighbours wins. `resolution` is the error
// below which no better answer is sought, `epsilon` the rounding of f's type, which a step divides.
// The central difference of |x| at 0 settles perfectly, on a wrong answer. So the jump of the
// slope, (f(h) − 2f(0) + f(−h))/h, is watched too: it falls with h where f is smooth, and only
// there.
template <class Function>
Derivative differentiate(const Function& f, double first_step, double resolution, double epsilon) {
  constexpr std::size_t levels = 10;
  const double centre = f(0.0);
  double table[levels][levels] = {};
  double uncertainty = std::numeric_limits<double>::infinity();
  double largest_jump = 0;
  double jump = 0;
  double rounding = 0;
  Derivative best;
  double h = first_step;
  for (std::size_t i = 0; i < levels; ++i, h /= 2) {
    const double right = f(h);
    const double left = f(-h);
    table[i][0] = (right - left) / (2 * h);
    largest_jump = std::max(largest_jump, std::abs(jump));
    jump = (right - 2 * centre + left) / h;
    const double noise = epsilon * (std::abs(centre) + std::abs(right) + std::abs(left)) / h;
    rounding = 16 * noise;
    double power = 1;
    for (std::size_t j = 1; j <= i; ++j) {
      power *= 4;
      table[i][j] = (power * table[i][j - 1] - table[i - 1][j - 1]) / (power - 1);
      const double difference = std::max(std::abs(table[i][j] - table[i][j - 1]),
                                         std::abs(table[i][j] - table[i - 1][j - 1]));
      if (difference < uncertainty) {
        uncertainty = difference;
        best.value = table[i][j];
        best.rounding = epsilon * (std::abs(right) + std::abs(left)) / (2 * h);
      }
    }
    if (i >= 3 && uncertainty <= std::max(resolution, noise)) break;
  }
  const bool settles = uncertainty <= 1e4 * resolution + rounding;
  const bool bends =
      std::abs(jump) > 0.5 * largest_jump && std::abs(jump) > 1e4 * resolution + rounding;
  best.kink = !settles || bends;
  return best;
}

}  // namespace detail
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"

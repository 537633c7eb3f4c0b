// Every tolerance of the tests, by name, with its reason. None is fitted to what the code returns.
#pragma once

#include "selfsup/core/enter.hpp"  // precise under fast-math

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

namespace tests {

/// The larger of two errors, where NaN is larger than any number.
inline double worse(double a, double b) { return a >= b || std::isnan(a) ? a : b; }

namespace tolerance {

/// Golden numbers are printed with ten digits.
constexpr double golden_double = 1e-9;
/// The golden inputs are rounded to float on the way in; a temperature of 0.1 multiplies that.
constexpr double golden_float = 2e-5;

/// |analytic − numeric| beside the largest analytic entry: differences of a double value, whose
/// rounding of 2⁻⁵² is divided by steps down to about 1e-4 and by gradients down to about 1e-3.
constexpr double difference = 1e-7;

/// What a temperature below 0.1 costs: similarities are divided by it before the exponential.
constexpr double sharpness(double temperature) { return std::max(1.0, 0.1 / temperature); }

/// Float against a double reference on the same (float) inputs: the promise of the library.
constexpr double float_value = 1e-6;
constexpr double float_gradient = 5e-6;  // ratio of the 2-norms
constexpr double float_entry = 1e-5;     // of the largest entry

/// Double against a reference that adds the same terms in another order: half an epsilon for each
/// addition on either side, times a few operations per term; an exponent of 1/temperature turns
/// an absolute error of a similarity into a relative one.
constexpr double rounding(std::size_t terms, double temperature = 1) {
  return 4 * std::numeric_limits<double>::epsilon() * (16 + static_cast<double>(terms)) *
         std::max(1.0, 1 / temperature);
}

/// The similarity of two unit rows: each entry rounded on the way in, and a running sum of `cols`
/// products, whose roundings grow like a random walk. One anchor's loss carries it, divided by the
/// temperature; in the mean over anchors it averages out.
template <class T>
double similarity(std::size_t cols) {
  return static_cast<double>(std::numeric_limits<T>::epsilon()) *
         (2 + std::sqrt(static_cast<double>(cols)));
}

/// Each of `terms` exponentials may be lost where it is smaller than the smallest normal number.
template <class T>
constexpr double underflow(std::size_t terms) {
  return static_cast<double>(std::numeric_limits<T>::min()) * static_cast<double>(terms);
}

/// One rounding of a type for each of `operations` steps.
template <class T>
constexpr double operations(std::size_t count) {
  return static_cast<double>(std::numeric_limits<T>::epsilon()) * static_cast<double>(count);
}

}  // namespace tolerance
}  // namespace tests

#include "selfsup/core/leave.hpp"

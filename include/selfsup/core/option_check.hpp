// The checks of options, and their messages: what was found, what was expected.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/errors.hpp"
#include "selfsup/core/finite.hpp"

#include <cstddef>
#include <limits>
#include <sstream>
#include <string>

namespace selfsup {
inline namespace SELFSUP_ABI {

namespace detail {

[[noreturn]] inline void throw_unexpected(const char* name, double value, const char* expected) {
  std::ostringstream text;
  text << name << " is " << value << ", " << expected << " expected";
  throw OptionError(text.str());
}

template <class T>
[[noreturn]] void throw_outside_type(const char* name, double value, const char* of_it) {
  std::ostringstream text;
  text << name << " is " << value << ", " << of_it << "outside the range of "
       << (sizeof(T) == 4 ? "float" : "double");
  throw OptionError(text.str());
}

template <class T>
bool is_normal(double value) {
  const T found = static_cast<T>(value);
  return is_finite(found) && (found < 0 ? -found : found) >= std::numeric_limits<T>::min();
}

}  // namespace detail

/// Throws an OptionError unless 0 <= value < 1.
inline void require_below_one(const char* name, double value) {
  if (is_finite(value) && value >= 0 && value < 1) return;
  detail::throw_unexpected(name, value, "a number from 0 to below 1");
}

/// Throws an OptionError unless 0 <= value <= 1.
inline void require_up_to_one(const char* name, double value) {
  if (is_finite(value) && value >= 0 && value <= 1) return;
  detail::throw_unexpected(name, value, "a number from 0 to 1");
}

/// Throws an OptionError unless the value, which losses multiply by, is finite in the type.
template <class T>
void require_in_type(const char* name, double value) {
  if (!is_finite(static_cast<T>(value))) detail::throw_outside_type<T>(name, value, "");
}

/// Throws an OptionError unless 0 <= value, finite in the type.
template <class T>
void require_not_negative(const char* name, double value) {
  if (!(is_finite(value) && value >= 0))
    detail::throw_unexpected(name, value, "a finite number not below 0");
  require_in_type<T>(name, value);
}

/// The same for what losses divide by: 0 or a normal number of the type.
template <class T>
void require_zero_or_normal(const char* name, double value) {
  require_not_negative<T>(name, value);
  if (value != 0 && !detail::is_normal<T>(value)) detail::throw_outside_type<T>(name, value, "");
}

/// Throws an OptionError unless 0 < value, a normal number of the type.
template <class T>
void require_positive(const char* name, double value) {
  if (!(is_finite(value) && value > 0))
    detail::throw_unexpected(name, value, "a finite number above 0");
  if (!detail::is_normal<T>(value)) detail::throw_outside_type<T>(name, value, "");
}

/// The same for what losses multiply by the inverse of.
template <class T>
void require_invertible(const char* name, double value) {
  require_positive<double>(name, value);
  if (!detail::is_normal<T>(1 / value))
    detail::throw_outside_type<T>(name, value, "its inverse is ");
}

/// Throws an OptionError unless ε of z/max(|z|, ε), which is taken in double, is 0 or has an
/// inverse.
inline void require_norm_epsilon(const char* name, double value) {
  require_zero_or_normal<double>(name, value);
}

/// Throws an OptionError unless value >= least.
inline void require_at_least(const char* name, std::size_t value, std::size_t least) {
  if (value >= least) return;
  throw OptionError(std::string(name) + " is " + std::to_string(value) + ", at least " +
                    std::to_string(least) + " expected");
}

/// Throws an OptionError unless value <= most.
inline void require_at_most(const char* name, std::size_t value, std::size_t most) {
  if (value <= most) return;
  throw OptionError(std::string(name) + " is " + std::to_string(value) + ", at most " +
                    std::to_string(most) + " expected");
}

}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"

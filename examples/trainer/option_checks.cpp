#include "option_checks.hpp"

#include "errors.hpp"

#include <array>
#include <cstdio>

namespace trainer {

// Written so that NaN is refused too.
void check(const std::string& option, double value, double low, double high) {
  if (value >= low && value <= high) return;
  std::array<char, 120> text{};
  std::snprintf(text.data(), text.size(), " is %g, a number from %g to %g was expected", value, low,
                high);
  throw InputError(option + text.data());
}

std::size_t checked(const std::string& option, std::int64_t value, std::int64_t low,
                    std::int64_t high) {
  if (value >= low && value <= high) return static_cast<std::size_t>(value);
  throw InputError(option + " is " + std::to_string(value) + ", a whole number from " +
                   std::to_string(low) + " to " + std::to_string(high) + " was expected");
}

}  // namespace trainer

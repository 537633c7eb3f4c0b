// Distances between the rows of a matrix in memory.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/abi.hpp"

#include <cstddef>
#include <type_traits>

namespace selfsup {
inline namespace SELFSUP_ABI {

/// Entries from one row, or column, to the next; negative in a view that is upside down.
class SignedStride {
 public:
  SignedStride() = default;
  template <class Integer, std::enable_if_t<std::is_integral_v<Integer>, int> = 0>
  SignedStride(Integer entries)  // NOLINT: converts on purpose
      : entries_(static_cast<std::ptrdiff_t>(entries)) {}

  bool is_multiple_of(std::size_t n) const {
    return entries_ % static_cast<std::ptrdiff_t>(n) == 0;
  }
  /// Entries from one row to that many rows after it.
  friend std::ptrdiff_t operator*(std::size_t rows, SignedStride stride) {
    return static_cast<std::ptrdiff_t>(rows) * stride.entries_;
  }

 private:
  std::ptrdiff_t entries_ = 0;
};

}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"

// Whether numbers are finite, by their bits.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/abi.hpp"

#include <cstdint>
#include <cstring>
#include <type_traits>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace detail {

template <class T>
using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;

// The bits of +infinity: every finite number's are below them, every NaN's above.
template <class T>
inline constexpr Bits<T> infinity_bits = static_cast<Bits<T>>(sizeof(T) == 4 ? 0x7f800000u
                                                                             : 0x7ff0000000000000u);

// The bits of |x|.
template <class T>
Bits<T> bits_of(const T& x) {
  static_assert(sizeof(T) == sizeof(Bits<T>));
  Bits<T> bits;
  std::memcpy(&bits, &x, sizeof bits);
  return bits & static_cast<Bits<T>>(~Bits<T>{0} >> 1);
}

}  // namespace detail

/// False for NaN and infinities. Reads the exponent's bits, so it holds under -ffast-math too.
template <class T>
bool is_finite(const T& x) {
  return detail::bits_of(x) < detail::infinity_bits<T>;
}

/// True for NaN alone, under -ffast-math too.
template <class T>
bool is_nan(const T& x) {
  return detail::bits_of(x) > detail::infinity_bits<T>;
}

}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"

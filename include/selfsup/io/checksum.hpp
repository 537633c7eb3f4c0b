// CRC-32C (Castagnoli; RFC 3720, appendix B.4): finds every change of up to 32 bits in a row, and
// so every damaged byte.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/abi.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace detail {

constexpr std::array<std::uint32_t, 256> crc32c_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t rest = byte;
    for (int bit = 0; bit < 8; ++bit) rest = rest >> 1 ^ (rest & 1 ? 0x82f63b78u : 0);
    table[byte] = rest;
  }
  return table;
}

}  // namespace detail

inline std::uint32_t crc32c(const unsigned char* bytes, std::size_t count) {
  static constexpr auto table = detail::crc32c_table();
  std::uint32_t crc = 0xffffffffu;
  for (std::size_t i = 0; i < count; ++i) crc = table[(crc ^ bytes[i]) & 0xff] ^ crc >> 8;
  return ~crc;
}

}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"

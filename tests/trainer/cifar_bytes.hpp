// Builds batches of CIFAR-10 in memory.
#pragma once

#include "idx_bytes.hpp"

#include <cstddef>
#include <cstdint>

namespace tests {

constexpr std::size_t cifar_pixels = 3 * 32 * 32;

/// Of image number `image`; 0, 7, 14, … modulo 251 in the first.
inline std::uint8_t cifar_pixel(std::size_t image, std::size_t pixel) {
  return static_cast<std::uint8_t>((pixel * 7 + image * 13) % 251);
}

/// Images first, first + 1, … of these numbers, each labelled by its number.
inline Bytes cifar_bytes(std::size_t count, std::size_t first) {
  Bytes bytes;
  for (std::size_t image = first; image < first + count; ++image) {
    bytes.push_back(static_cast<std::uint8_t>(image));
    for (std::size_t pixel = 0; pixel < cifar_pixels; ++pixel) {
      bytes.push_back(cifar_pixel(image, pixel));
    }
  }
  return bytes;
}

}  // namespace tests

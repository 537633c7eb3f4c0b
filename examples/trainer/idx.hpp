// The IDX format of MNIST: a big-endian header, then one byte a pixel or a label.
//   images: 0x00000803, count, rows, columns, pixels      labels: 0x00000801, count, labels
#pragma once

#include "byte_reader.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace trainer {

/// Grey images of one size, row by row, 0 (background) … 255.
struct ImageSet {
  std::size_t count = 0;
  std::size_t rows = 0;
  std::size_t cols = 0;
  std::vector<std::uint8_t> pixels;
};

/// Parses an IDX file of images, plain or gzip. `name` begins every error message.
ImageSet parse_images(ByteView bytes, const std::string& name);

/// Parses an IDX file of labels, plain or gzip, each below `classes`.
std::vector<std::uint8_t> parse_labels(ByteView bytes, const std::string& name,
                                       std::size_t classes);

}  // namespace trainer

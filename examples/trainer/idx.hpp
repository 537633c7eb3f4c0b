// The IDX format of MNIST: a big-endian header, then one byte a pixel or a label.
//   images: 0x00000803, count, rows, columns, pixels      labels: 0x00000801, count, labels
#pragma once

#include "byte_reader.hpp"
#include "image_set.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace trainer {

/// Parses an IDX file of grey images, plain or gzip. `name` begins every error message.
ImageSet parse_images(ByteView bytes, const std::string& name);

/// Parses an IDX file of labels, plain or gzip, each below `classes`.
std::vector<std::uint8_t> parse_labels(ByteView bytes, const std::string& name,
                                       std::size_t classes);

/// Parses both files of a set, which must have as many labels as images.
RawSet parse_pair(ByteView images, const std::string& images_name, ByteView labels,
                  const std::string& labels_name, std::size_t classes);

}  // namespace trainer

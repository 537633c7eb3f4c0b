// The binary batches of CIFAR-10: records of a label byte and 3072 pixel bytes, the planes red,
// green and blue of 32x32 each.
#pragma once

#include "byte_reader.hpp"
#include "image_set.hpp"

#include <cstddef>
#include <string>

namespace trainer {

/// Parses a batch, plain or gzip, each label below `classes`. `name` begins every error message.
RawSet parse_cifar(ByteView bytes, const std::string& name, std::size_t classes);

}  // namespace trainer

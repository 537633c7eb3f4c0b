// The UCI handwritten digits of examples/data/digits, built into the program as gzip IDX bytes.
#pragma once

#include "byte_reader.hpp"

namespace trainer {

ByteView embedded_images();
ByteView embedded_labels();

}  // namespace trainer

// The file of trained weights, weights.bin. All numbers are little-endian:
//   8 bytes   "selfsup1"
//   u32       number of matrices
//   then for each matrix
//   u32       length of its name, and the name, such as "encoder.0.linear.weight"
//   u32, u32  rows, columns
//   f32 …     entries, row by row
//   u32       CRC-32 (as in gzip) of everything before
// A layer computes x·Wᵀ + b, then scale·(y − running_mean)/√(running_variance + 1e-5) + shift, then
// max(·, 0), each where it has the parameters; docs and plot scripts need nothing else.
#pragma once

#include "model.hpp"

#include <string>

namespace trainer {

/// The content of weights.bin: all parameters and the encoder's running statistics.
std::string weights_file(Model<float>& model);

}  // namespace trainer

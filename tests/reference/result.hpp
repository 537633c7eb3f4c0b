// What every reference returns: the value and the gradient of every argument, nothing stopped.
#pragma once

#include "selfsup/core/enter.hpp"  // precise under fast-math

#include "matrix.hpp"

#include <vector>

namespace tests {
namespace reference {

struct Result {
  double value = 0;
  std::vector<Matrix<double>> gradients = {};
  double d_temperature = 0;         // of the losses that have one
  std::vector<double> losses = {};  // of each anchor
  double accuracy = 0;
  double margin = 1;   // the least over anchors: how far the hardest negatives are from the others
  double cancels = 0;  // the mean over anchors of what a difference magnifies rounding by
  double d_temperature_magnitude =
      0;  // the sum of its terms' magnitudes, which bounds its rounding
};

}  // namespace reference
}  // namespace tests

#include "selfsup/core/leave.hpp"

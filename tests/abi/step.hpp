// One training step, compiled several times with different flags: plain types only cross the
// border.
#pragma once

#include <cstddef>

struct StepResult {
  double nt_xent;
  double vic_reg;
  double gradient_norm;
};

// z_a and z_b are (n, d).
using Step = StepResult(const float* z_a, const float* z_b, std::size_t n, std::size_t d);

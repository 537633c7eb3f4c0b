// One training step, compiled several times with different flags: plain types only cross the
// border.
#pragma once

#include <cstddef>

constexpr std::size_t kLosses = 4;
constexpr const char* kLossNames[kLosses] = {"nt_xent", "vic_reg", "byol", "barlow_twins"};

// Writes the value of each loss, and its gradients by z_a and by z_b. All of them are (n, d).
using Step = void(const float* z_a, const float* z_b, std::size_t n, std::size_t d, float* values,
                  float* gradients);

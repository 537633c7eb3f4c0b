// One training step, compiled several times with different flags: plain types only cross the
// border.
#pragma once

#include <cstddef>

constexpr const char* kLossNames[] = {"nt_xent", "vic_reg",  "byol",    "barlow_twins", "sigreg",
                                      "siglip",  "info_nce", "grouped", "probed"};
constexpr std::size_t kLosses = sizeof kLossNames / sizeof kLossNames[0];

// Writes the value of each loss, and its gradients by z_a and by z_b. All of them are (n, d).
using Step = void(const float* z_a, const float* z_b, std::size_t n, std::size_t d, float* values,
                  float* gradients);

// A linear classifier on fixed features: multinomial logistic regression.
#pragma once

#include "matrix.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace trainer {

struct ProbeOptions {
  std::size_t steps = 200;
  double l2 = 1e-3;  // weight of ½‖W‖² beside the mean cross-entropy, > 0
};

/// Brings every column to mean 0 and variance 1 by the statistics of `reference`; a constant column
/// becomes 0. A last column of ones is added, for the bias.
Matrix<float> standardised(const Matrix<float>& rows, const Matrix<float>& reference);

/// Trains on labelled rows (N, D) and returns the class of each query (M, D). Nothing is random:
/// the weights start at 0, and full-batch gradient descent with Nesterov's acceleration takes steps
/// of 1/L, where L bounds the curvature: half the largest eigenvalue of XᵀX/N, plus l2.
std::vector<std::uint8_t> linear_probe(const Matrix<float>& labelled,
                                       const std::vector<std::uint8_t>& labels,
                                       const Matrix<float>& queries, std::size_t classes,
                                       const ProbeOptions& options = {});

}  // namespace trainer

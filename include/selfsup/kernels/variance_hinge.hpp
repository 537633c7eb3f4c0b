// The hinge on each column's standard deviation, and what a centred column is multiplied by in its
// gradient.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/abi.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace kernels {

/// σ_j = sqrt(squares_j/(N−1) + ε) of the columns of a centred (N, D) batch, against the target γ.
struct VarianceHinge {
  std::size_t N;
  std::size_t D;
  double target;   // γ
  double epsilon;  // ε

  double deviation(double squares) const {
    return std::sqrt(squares / static_cast<double>(N - 1) + epsilon);
  }

  /// Returns the mean over columns of max(0, γ − σ_j).
  double value(const double* squares) const {
    double sum = 0;
    for (std::size_t j = 0; j < D; ++j) sum += std::max<double>(0, target - deviation(squares[j]));
    return sum / static_cast<double>(D);
  }

  /// Adds weight · −1/((N−1)·D·σ_j) to factor_j of each column with σ_j < γ: the gradient is
  /// factor_j·zc_nj.
  void add_gradient(const double* squares, double weight, double* factor) const {
    const double scale = weight / (static_cast<double>(N - 1) * static_cast<double>(D));
    for (std::size_t j = 0; j < D; ++j) {
      const double sigma = deviation(squares[j]);
      if (sigma < target) factor[j] -= scale / sigma;
    }
  }
};

}  // namespace kernels
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"

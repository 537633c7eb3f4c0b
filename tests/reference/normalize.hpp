// Rows of unit length, and the chain rule through them.
#pragma once

#include "selfsup/core/enter.hpp"  // precise under fast-math

#include "matrix.hpp"

#include <cmath>
#include <vector>

namespace tests {
namespace reference {

constexpr double norm_floor = 1e-12;

inline double norm(const Matrix<double>& z, std::size_t row) {
  double square = 0;
  for (std::size_t d = 0; d < z.cols(); ++d) square += z(row, d) * z(row, d);
  return std::sqrt(square);
}

/// ẑ = z / max(‖z‖, 1e-12).
inline Matrix<double> normalize(const Matrix<double>& z) {
  Matrix<double> hat = z;
  for (std::size_t n = 0; n < z.rows(); ++n) {
    const double length = std::max(norm(z, n), norm_floor);
    for (std::size_t d = 0; d < z.cols(); ++d) hat(n, d) /= length;
  }
  return hat;
}

/// ∂ẑ_d/∂z_e = (δ_de − ẑ_d ẑ_e)/‖z‖; 0 by definition below the floor.
inline Matrix<double> normalize_backward(const Matrix<double>& z, const Matrix<double>& d_hat) {
  const Matrix<double> hat = normalize(z);
  Matrix<double> d_z(z.rows(), z.cols());
  for (std::size_t n = 0; n < z.rows(); ++n) {
    const double length = norm(z, n);
    if (length < norm_floor) continue;
    double along = 0;
    for (std::size_t d = 0; d < z.cols(); ++d) along += hat(n, d) * d_hat(n, d);
    for (std::size_t d = 0; d < z.cols(); ++d) {
      d_z(n, d) = (d_hat(n, d) - hat(n, d) * along) / length;
    }
  }
  return d_z;
}

}  // namespace reference
}  // namespace tests

#include "selfsup/core/leave.hpp"

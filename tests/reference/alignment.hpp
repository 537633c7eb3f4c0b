// Alignment by its definition: the mean distance of two views to a power.
#pragma once

#include "selfsup/core/enter.hpp"  // precise under fast-math

#include "reference/normalize.hpp"
#include "reference/result.hpp"

#include <cmath>

namespace tests {
namespace reference {

inline Result alignment(const Matrix<double>& z_a, const Matrix<double>& z_b, double power,
                        bool normalized) {
  const std::size_t N = z_a.rows(), D = z_a.cols();
  const Matrix<double> a = normalized ? normalize(z_a) : z_a;
  const Matrix<double> b = normalized ? normalize(z_b) : z_b;
  const auto divisor = static_cast<double>(N);
  Result result;
  Matrix<double> d_a(N, D), d_b(N, D);
  for (std::size_t n = 0; n < N; ++n) {
    double square = 0;
    for (std::size_t d = 0; d < D; ++d) square += std::pow(a(n, d) - b(n, d), 2);
    const double distance = std::sqrt(square);
    result.value += std::pow(distance, power) / divisor;
    if (distance == 0) continue;
    const double slope = power * std::pow(distance, power - 2) / divisor;  // of the square, doubled
    for (std::size_t d = 0; d < D; ++d) {
      // A normalised row's own share, a in (a − b), is left out: it has no tangential part, and
      // beside it a short b would lose its digits.
      d_a(n, d) = slope * ((normalized ? 0 : a(n, d)) - b(n, d));
      d_b(n, d) = slope * ((normalized ? 0 : b(n, d)) - a(n, d));
    }
  }
  result.gradients = {normalized ? normalize_backward(z_a, d_a) : d_a,
                      normalized ? normalize_backward(z_b, d_b) : d_b};
  return result;
}

}  // namespace reference
}  // namespace tests

#include "selfsup/core/leave.hpp"

// SIGReg and LeJEPA by their definitions, along given directions.
#pragma once

#include "selfsup/core/enter.hpp"  // precise under fast-math

#include "reference/result.hpp"

#include <cmath>

namespace tests {
namespace reference {

/// Directions are the columns of u (D, S).
inline Result sigreg(const Matrix<double>& z, const Matrix<double>& u) {
  const std::size_t N = z.rows(), D = z.cols(), S = u.cols();
  const auto count = static_cast<double>(N), slices = static_cast<double>(S);
  Result result;
  result.gradients.assign(1, Matrix<double>(N, D));
  for (std::size_t s = 0; s < S; ++s) {
    std::vector<double> x(N), d_x(N);
    for (std::size_t n = 0; n < N; ++n) {
      for (std::size_t d = 0; d < D; ++d) x[n] += z(n, d) * u(d, s);
    }
    for (int q = 0; q <= 16; ++q) {
      const double t = 3.0 * q / 16, phi = std::exp(-t * t / 2);
      const double weight = phi * 3 / 16 * (q == 0 || q == 16 ? 1 : 2);
      double cosine = 0, sine = 0;
      for (const double x_n : x) {
        cosine += std::cos(t * x_n) / count;
        sine += std::sin(t * x_n) / count;
      }
      result.value += count * weight * (std::pow(cosine - phi, 2) + sine * sine) / slices;
      const double d_cosine = count * weight * 2 * (cosine - phi) / slices;
      const double d_sine = count * weight * 2 * sine / slices;
      for (std::size_t n = 0; n < N; ++n) {
        d_x[n] += -d_cosine * t * std::sin(t * x[n]) / count;
        d_x[n] += d_sine * t * std::cos(t * x[n]) / count;
      }
    }
    for (std::size_t n = 0; n < N; ++n) {
      for (std::size_t d = 0; d < D; ++d) result.gradients[0](n, d) += d_x[n] * u(d, s);
    }
  }
  return result;
}

inline Result lejepa(const Matrix<double>& z_a, const Matrix<double>& z_b, const Matrix<double>& u,
                     double sigreg_weight) {
  const Matrix<double>* views[] = {&z_a, &z_b};
  Result result;
  for (const Matrix<double>* z : views) {
    const Result own = sigreg(*z, u);
    result.value += sigreg_weight * own.value / 2;
    result.gradients.push_back(own.gradients[0]);
    for (double& entry : result.gradients.back().entries()) entry *= sigreg_weight / 2;
  }
  const double weight = (1 - sigreg_weight) / static_cast<double>(2 * z_a.rows() * z_a.cols());
  for (std::size_t n = 0; n < z_a.rows(); ++n) {
    for (std::size_t d = 0; d < z_a.cols(); ++d) {
      const double mean = (z_a(n, d) + z_b(n, d)) / 2;
      for (std::size_t v = 0; v < 2; ++v) {
        const double distance = (*views[v])(n, d) - mean;
        result.value += weight * distance * distance;
        // The mean moves too, but the distances from it sum to 0.
        result.gradients[v](n, d) += weight * 2 * distance;
      }
    }
  }
  return result;
}

}  // namespace reference
}  // namespace tests

#include "selfsup/core/leave.hpp"

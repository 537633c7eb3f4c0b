// Uniformity by its definition: the logarithm of the mean Gaussian over all pairs.
#pragma once

#include "selfsup/core/enter.hpp"  // precise under fast-math

#include "reference/normalize.hpp"
#include "reference/result.hpp"

#include <algorithm>
#include <cmath>

namespace tests {
namespace reference {

inline Result uniformity(const Matrix<double>& z, double scale, bool normalized) {
  const std::size_t N = z.rows(), D = z.cols();
  const Matrix<double> hat = normalized ? normalize(z) : z;
  const auto exponent = [&](std::size_t i, std::size_t j) {
    double square = 0;
    for (std::size_t d = 0; d < D; ++d) square += std::pow(hat(i, d) - hat(j, d), 2);
    return -scale * square;
  };
  double largest = -HUGE_VAL;
  for (std::size_t i = 0; i < N; ++i) {
    for (std::size_t j = i + 1; j < N; ++j) largest = std::max(largest, exponent(i, j));
  }
  double sum = 0;
  Matrix<double> d_hat(N, D);
  for (std::size_t i = 0; i < N; ++i) {
    for (std::size_t j = i + 1; j < N; ++j) {
      const double e = std::exp(exponent(i, j) - largest);
      sum += e;
      for (std::size_t d = 0; d < D; ++d) {
        const double pull = -2 * scale * e * (hat(i, d) - hat(j, d));
        d_hat(i, d) += pull;
        d_hat(j, d) -= pull;
      }
    }
  }
  for (double& entry : d_hat.entries()) entry /= sum;
  const auto rows = static_cast<double>(N);
  Result result;
  result.value = std::log(sum / (rows * (rows - 1) / 2)) + largest;
  result.gradients = {normalized ? normalize_backward(z, d_hat) : d_hat};
  return result;
}

}  // namespace reference
}  // namespace tests

#include "selfsup/core/leave.hpp"

// Estimates and relaxations of VICReg's covariance term of one view by their definitions, the
// covariance matrix written out, for given random choices.
#pragma once

#include "selfsup/core/enter.hpp"  // precise under fast-math

#include "reference/result.hpp"

#include <cmath>
#include <cstddef>
#include <functional>
#include <vector>

namespace tests {
namespace reference {

inline Matrix<double> centred(const Matrix<double>& z) {
  Matrix<double> zc(z.rows(), z.cols());
  for (std::size_t j = 0; j < z.cols(); ++j) {
    double mean = 0;
    for (std::size_t n = 0; n < z.rows(); ++n)
      mean += (z(n, j) - z(0, j)) / static_cast<double>(z.rows());
    for (std::size_t n = 0; n < z.rows(); ++n) zc(n, j) = (z(n, j) - z(0, j)) - mean;
  }
  return zc;
}

/// C = ZcᵀZc/(N − 1).
inline Matrix<double> covariance_matrix(const Matrix<double>& z) {
  const std::size_t N = z.rows(), D = z.cols();
  const Matrix<double> zc = centred(z);
  Matrix<double> c(D, D);
  for (std::size_t n = 0; n < N; ++n) {
    for (std::size_t i = 0; i < D; ++i) {
      const double entry = zc(n, i) / static_cast<double>(N - 1);
      for (std::size_t j = 0; j < D; ++j) c(i, j) += entry * zc(n, j);
    }
  }
  return c;
}

/// The gradient by z of a function of C whose derivative by C is d_c.
inline Matrix<double> through_covariance(const Matrix<double>& z, const Matrix<double>& d_c) {
  const std::size_t N = z.rows(), D = z.cols();
  const Matrix<double> zc = centred(z);
  Matrix<double> both = d_c, d_z(N, D);
  for (std::size_t i = 0; i < D; ++i) {
    for (std::size_t j = 0; j < D; ++j) both(i, j) += d_c(j, i);
  }
  for (std::size_t n = 0; n < N; ++n) {
    for (std::size_t i = 0; i < D; ++i) {
      const double entry = zc(n, i) / static_cast<double>(N - 1);
      for (std::size_t j = 0; j < D; ++j) d_z(n, j) += both(i, j) * entry;
    }
  }
  for (std::size_t j = 0; j < D; ++j) {
    double mean = 0;
    for (std::size_t n = 0; n < N; ++n) mean += d_z(n, j) / static_cast<double>(N);
    for (std::size_t n = 0; n < N; ++n) d_z(n, j) -= mean;
  }
  return d_z;
}

/// group[j] is the group of column j.
inline Result grouped_covariance(const Matrix<double>& z, const std::vector<std::size_t>& group) {
  const std::size_t D = z.cols();
  const Matrix<double> c = covariance_matrix(z);
  Matrix<double> d_c(D, D);
  double pairs = 0, sum = 0;
  for (std::size_t i = 0; i < D; ++i) {
    for (std::size_t j = 0; j < D; ++j) {
      if (i == j || group[i] != group[j]) continue;
      pairs += 1;
      sum += c(i, j) * c(i, j);
      d_c(i, j) = 2 * c(i, j);
    }
  }
  Result result;
  if (D == 1) {
    result.gradients = {Matrix<double>(z.rows(), 1)};
    return result;
  }
  const double scale = static_cast<double>(D - 1) / pairs;  // 1/(p·D)
  for (double& entry : d_c.entries()) entry *= scale;
  result.value = scale * sum;
  result.gradients = {through_covariance(z, d_c)};
  return result;
}

/// Probes are the columns of omega (D, m).
inline Result probed_covariance(const Matrix<double>& z, const Matrix<double>& omega) {
  const std::size_t D = z.cols(), m = omega.cols();
  const Matrix<double> c = covariance_matrix(z);
  Matrix<double> d_c(D, D);
  const double scale = 1 / static_cast<double>(m * D);
  Result result;
  for (std::size_t p = 0; p < m; ++p) {
    for (std::size_t i = 0; i < D; ++i) {
      double y = 0;
      for (std::size_t j = 0; j < D; ++j) y += i == j ? 0 : c(i, j) * omega(j, p);
      result.value += scale * y * y;
      for (std::size_t j = 0; j < D; ++j) {
        if (i != j) d_c(i, j) += scale * 2 * y * omega(j, p);
      }
    }
  }
  result.gradients = {through_covariance(z, d_c)};
  return result;
}

/// Column j of the order is column order[j] of z. Not divided by D: Σ_{k≠0} |factor·r_k|^q.
inline Result circular_covariance(const Matrix<double>& z, const std::vector<std::size_t>& order,
                                  int q, double factor) {
  const std::size_t D = z.cols();
  const Matrix<double> c = covariance_matrix(z);
  Matrix<double> d_c(D, D);
  Result result;
  for (std::size_t k = 1; k < D; ++k) {
    double r = 0;
    for (std::size_t j = 0; j < D; ++j) r += factor * c(order[j], order[(j + k) % D]);
    result.value += std::pow(std::abs(r), q);
    const double slope = q == 2 ? 2 * r : r > 0 ? 1 : -1;
    for (std::size_t j = 0; j < D; ++j) d_c(order[j], order[(j + k) % D]) = slope * factor;
  }
  result.gradients = {through_covariance(z, d_c)};
  return result;
}

}  // namespace reference
}  // namespace tests

#include "selfsup/core/leave.hpp"

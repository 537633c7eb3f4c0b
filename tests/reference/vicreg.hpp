// VICReg by its definition, the covariance matrix written out.
#pragma once

#include "selfsup/core/enter.hpp"  // precise under fast-math

#include "reference/result.hpp"

#include <cmath>

namespace tests {
namespace reference {

struct VicReg {
  double invariance_weight = 25;
  double variance_weight = 25;
  double covariance_weight = 1;
  double target_std = 1;
  double epsilon = 1e-4;
  bool invariance_per_entry = true;
  double variance_branches = 0.5;  // factor on the sum of the branches: ½ for their mean
  double covariance_branches = 1;
};

struct BranchTerms {
  double variance = 0;
  double covariance = 0;
};

/// Variance and covariance of one view; adds their weighted gradient to d_z.
inline BranchTerms branch(const Matrix<double>& z, const VicReg& options, double variance_weight,
                          double covariance_weight, Matrix<double>& d_z) {
  const std::size_t N = z.rows(), D = z.cols();
  const double degrees = static_cast<double>(N - 1);
  const auto width = static_cast<double>(D);
  Matrix<double> centred(N, D);
  for (std::size_t j = 0; j < D; ++j) {
    double mean = 0;
    for (std::size_t n = 0; n < N; ++n) mean += (z(n, j) - z(0, j)) / static_cast<double>(N);
    for (std::size_t n = 0; n < N; ++n) centred(n, j) = (z(n, j) - z(0, j)) - mean;
  }

  BranchTerms terms;
  Matrix<double> d_centred(N, D);
  for (std::size_t j = 0; j < D; ++j) {
    double var = 0;
    for (std::size_t n = 0; n < N; ++n) var += centred(n, j) * centred(n, j) / degrees;
    const double sigma = std::sqrt(var + options.epsilon);
    if (sigma >= options.target_std) continue;
    terms.variance += (options.target_std - sigma) / width;
    const double d_var = -variance_weight / width / (2 * sigma);
    for (std::size_t n = 0; n < N; ++n) d_centred(n, j) += d_var * 2 * centred(n, j) / degrees;
  }
  Matrix<double> d_covariance(D, D);
  for (std::size_t i = 0; i < D; ++i) {
    for (std::size_t j = 0; j < D; ++j) {
      if (i == j) continue;
      double c = 0;
      for (std::size_t n = 0; n < N; ++n) c += centred(n, i) * centred(n, j) / degrees;
      terms.covariance += c * c / width;
      d_covariance(i, j) = covariance_weight * 2 * c / width;
    }
  }
  for (std::size_t n = 0; n < N; ++n) {
    for (std::size_t i = 0; i < D; ++i) {
      for (std::size_t j = 0; j < D; ++j) {
        const double both = d_covariance(i, j) + d_covariance(j, i);
        d_centred(n, i) += both * centred(n, j) / degrees;
      }
    }
  }
  for (std::size_t j = 0; j < D; ++j) {
    double mean = 0;
    for (std::size_t n = 0; n < N; ++n) mean += d_centred(n, j) / static_cast<double>(N);
    for (std::size_t n = 0; n < N; ++n) d_z(n, j) += d_centred(n, j) - mean;
  }
  return terms;
}

inline Result vicreg(const Matrix<double>& z_a, const Matrix<double>& z_b, const VicReg& options) {
  const std::size_t N = z_a.rows(), D = z_a.cols();
  Result result;
  result.gradients.assign(2, Matrix<double>(N, D));
  const double divisor = static_cast<double>(options.invariance_per_entry ? N * D : N);
  double invariance = 0;
  for (std::size_t n = 0; n < N; ++n) {
    for (std::size_t d = 0; d < D; ++d) {
      const double difference = z_a(n, d) - z_b(n, d);
      invariance += difference * difference / divisor;
      const double slope = options.invariance_weight * 2 * difference / divisor;
      result.gradients[0](n, d) += slope;
      result.gradients[1](n, d) -= slope;
    }
  }
  const double variance_weight = options.variance_weight * options.variance_branches;
  const double covariance_weight = options.covariance_weight * options.covariance_branches;
  const BranchTerms a =
      branch(z_a, options, variance_weight, covariance_weight, result.gradients[0]);
  const BranchTerms b =
      branch(z_b, options, variance_weight, covariance_weight, result.gradients[1]);
  result.value = options.invariance_weight * invariance +
                 variance_weight * (a.variance + b.variance) +
                 covariance_weight * (a.covariance + b.covariance);
  return result;
}

/// One view: variance and covariance, counted once.
inline Result vicreg(const Matrix<double>& z, const VicReg& options) {
  Result result;
  result.gradients.assign(1, Matrix<double>(z.rows(), z.cols()));
  const BranchTerms terms =
      branch(z, options, options.variance_weight, options.covariance_weight, result.gradients[0]);
  result.value =
      options.variance_weight * terms.variance + options.covariance_weight * terms.covariance;
  return result;
}

}  // namespace reference
}  // namespace tests

#include "selfsup/core/leave.hpp"

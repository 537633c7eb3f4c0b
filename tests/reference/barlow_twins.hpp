// Barlow Twins by its definition, the cross-correlation written out.
#pragma once

#include "selfsup/core/enter.hpp"  // precise under fast-math

#include "reference/result.hpp"

#include <cmath>
#include <vector>

namespace tests {
namespace reference {

struct BarlowTwins {
  double off_diagonal_weight = 0.0051;
  double scale = 1;
  double epsilon = 1e-5;
};

/// Columns of mean 0 and variance 1, and the way back.
struct StandardColumns {
  Matrix<double> rows;
  std::vector<double> deviation;

  StandardColumns(const Matrix<double>& z, double epsilon)
      : rows(z.rows(), z.cols()), deviation(z.cols()) {
    const auto N = static_cast<double>(z.rows());
    for (std::size_t j = 0; j < z.cols(); ++j) {
      double mean = 0, variance = 0;
      for (std::size_t n = 0; n < z.rows(); ++n) mean += (z(n, j) - z(0, j)) / N;
      for (std::size_t n = 0; n < z.rows(); ++n) rows(n, j) = (z(n, j) - z(0, j)) - mean;
      for (std::size_t n = 0; n < z.rows(); ++n) variance += rows(n, j) * rows(n, j) / N;
      deviation[j] = std::sqrt(variance + epsilon);
      for (std::size_t n = 0; n < z.rows(); ++n) rows(n, j) /= deviation[j];
    }
  }

  Matrix<double> backward(const Matrix<double>& d) const {
    const auto N = static_cast<double>(rows.rows());
    Matrix<double> d_z(rows.rows(), rows.cols());
    for (std::size_t j = 0; j < rows.cols(); ++j) {
      double mean = 0, along = 0;
      for (std::size_t n = 0; n < rows.rows(); ++n) {
        mean += d(n, j) / N;
        along += d(n, j) * rows(n, j) / N;
      }
      for (std::size_t n = 0; n < rows.rows(); ++n)
        d_z(n, j) = (d(n, j) - mean - rows(n, j) * along) / deviation[j];
    }
    return d_z;
  }
};

/// Returns the loss of standardised views and adds its gradients by them.
inline double cross_correlation_loss(const Matrix<double>& a, const Matrix<double>& b,
                                     const BarlowTwins& options, Matrix<double>& d_a,
                                     Matrix<double>& d_b) {
  const std::size_t N = a.rows(), D = a.cols();
  double loss = 0;
  for (std::size_t i = 0; i < D; ++i) {
    for (std::size_t j = 0; j < D; ++j) {
      double c = 0;
      for (std::size_t n = 0; n < N; ++n) c += a(n, i) * b(n, j) / static_cast<double>(N);
      const double away = i == j ? c - 1 : c;
      const double weight = options.scale * (i == j ? 1 : options.off_diagonal_weight);
      loss += weight * away * away;
      for (std::size_t n = 0; n < N; ++n) {
        d_a(n, i) += weight * 2 * away * b(n, j) / static_cast<double>(N);
        d_b(n, j) += weight * 2 * away * a(n, i) / static_cast<double>(N);
      }
    }
  }
  return loss;
}

inline Result barlow_twins(const Matrix<double>& z_a, const Matrix<double>& z_b,
                           const BarlowTwins& options) {
  const StandardColumns a(z_a, options.epsilon), b(z_b, options.epsilon);
  Matrix<double> d_a(z_a.rows(), z_a.cols()), d_b(z_a.rows(), z_a.cols());
  Result result;
  result.value = cross_correlation_loss(a.rows, b.rows, options, d_a, d_b);
  result.gradients = {a.backward(d_a), b.backward(d_b)};
  return result;
}

}  // namespace reference
}  // namespace tests

#include "selfsup/core/leave.hpp"

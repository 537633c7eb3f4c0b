// NT-Xent by its definition: each of the 2N rows of both views against the other 2N − 1.
#pragma once

#include "selfsup/core/enter.hpp"  // precise under fast-math

#include "reference/normalize.hpp"
#include "reference/result.hpp"
#include "reference/softmax.hpp"

namespace tests {
namespace reference {

/// The divisor is 2N for the mean over anchors, N for the sum of the two views' means, 1 for the
/// sum.
inline Result nt_xent(const Matrix<double>& z_a, const Matrix<double>& z_b, const Softmax& form) {
  const std::size_t N = z_a.rows(), D = z_a.cols(), M = 2 * N;
  Matrix<double> z(M, D);
  for (std::size_t n = 0; n < N; ++n) {
    for (std::size_t d = 0; d < D; ++d) {
      z(n, d) = z_a(n, d);
      z(N + n, d) = z_b(n, d);
    }
  }
  const Matrix<double> hat = form.normalized ? normalize(z) : z;

  Result result;
  Matrix<double> d_hat(M, D);
  for (std::size_t i = 0; i < M; ++i) {
    std::vector<double> similarities;
    std::vector<std::size_t> rows;
    std::size_t positive = 0;
    for (std::size_t k = 0; k < M; ++k) {
      if (k == i) continue;
      if (k == (i + N) % M) positive = rows.size();
      double dot = 0;
      for (std::size_t d = 0; d < D; ++d) dot += hat(i, d) * hat(k, d);
      similarities.push_back(dot);
      rows.push_back(k);
    }
    const CrossEntropy anchor = cross_entropy(similarities, positive, form);
    result.losses.push_back(anchor.value);
    result.margin = std::min(result.margin, anchor.margin);
    result.cancels += anchor.cancels / static_cast<double>(M);
    result.accuracy += anchor.hit ? 1 : 0;
    result.value += anchor.value * form.weight(i);
    result.d_temperature += anchor.d_temperature * form.weight(i);
    result.d_temperature_magnitude += std::abs(anchor.d_temperature * form.weight(i));
    for (std::size_t k = 0; k < rows.size(); ++k) {
      const double slope = anchor.d_similarities[k] * form.weight(i);
      const double by_temperature = -slope * similarities[k] / form.temperature;
      result.d_temperature += by_temperature;
      result.d_temperature_magnitude += std::abs(by_temperature);
      for (std::size_t d = 0; d < D; ++d) {
        d_hat(i, d) += slope * hat(rows[k], d);
        d_hat(rows[k], d) += slope * hat(i, d);
      }
    }
  }

  result.accuracy /= static_cast<double>(M);
  const Matrix<double> d_z = form.normalized ? normalize_backward(z, d_hat) : d_hat;
  result.gradients.assign(2, Matrix<double>(N, D));
  for (std::size_t n = 0; n < N; ++n) {
    for (std::size_t d = 0; d < D; ++d) {
      result.gradients[0](n, d) = d_z(n, d);
      result.gradients[1](n, d) = d_z(N + n, d);
    }
  }
  return result;
}

}  // namespace reference
}  // namespace tests

#include "selfsup/core/leave.hpp"

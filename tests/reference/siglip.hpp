// SigLIP by its definition: each of the N² pairs is classified alone.
#pragma once

#include "selfsup/core/enter.hpp"  // precise under fast-math

#include "reference/normalize.hpp"
#include "reference/result.hpp"

#include <cmath>

namespace tests {
namespace reference {

struct SigLip : Result {
  double d_scale = 0;
  double d_bias = 0;
};

/// Σ_ij log(1 + e^(−y_ij (scale·s_ij + bias)))/divisor.
inline SigLip siglip(const Matrix<double>& image, const Matrix<double>& text, double scale,
                     double bias, bool normalized, double divisor) {
  const std::size_t N = image.rows(), D = image.cols();
  const Matrix<double> a = normalized ? normalize(image) : image;
  const Matrix<double> b = normalized ? normalize(text) : text;
  SigLip result;
  Matrix<double> d_a(N, D), d_b(N, D);
  for (std::size_t i = 0; i < N; ++i) {
    for (std::size_t j = 0; j < N; ++j) {
      double s = 0;
      for (std::size_t d = 0; d < D; ++d) s += a(i, d) * b(j, d);
      const double y = i == j ? 1 : -1;
      const double logit = y * (scale * s + bias);
      const double e = std::exp(-std::abs(logit));
      result.value += (std::max(-logit, 0.0) + std::log1p(e)) / divisor;
      const double slope = -y * (logit > 0 ? e : 1) / (1 + e) / divisor;  // by the inner bracket
      result.d_scale += slope * s;
      result.d_bias += slope;
      for (std::size_t d = 0; d < D; ++d) {
        d_a(i, d) += slope * scale * b(j, d);
        d_b(j, d) += slope * scale * a(i, d);
      }
    }
  }
  result.gradients = {normalized ? normalize_backward(image, d_a) : d_a,
                      normalized ? normalize_backward(text, d_b) : d_b};
  return result;
}

}  // namespace reference
}  // namespace tests

#include "selfsup/core/leave.hpp"

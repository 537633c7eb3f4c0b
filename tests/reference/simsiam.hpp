// SimSiam by its definition: the negative mean cosine of a prediction and a target.
#pragma once

#include "selfsup/core/enter.hpp"  // precise under fast-math

#include "reference/normalize.hpp"
#include "reference/result.hpp"

namespace tests {
namespace reference {

/// One direction D(p, z) = −mean p̂·ẑ.
inline Result simsiam(const Matrix<double>& p, const Matrix<double>& z) {
  const Matrix<double> p_hat = normalize(p);
  const Matrix<double> z_hat = normalize(z);
  Result result;
  Matrix<double> d_p(p.rows(), p.cols());
  Matrix<double> d_z(p.rows(), p.cols());
  const double N = static_cast<double>(p.rows());
  for (std::size_t n = 0; n < p.rows(); ++n) {
    for (std::size_t d = 0; d < p.cols(); ++d) {
      result.value -= p_hat(n, d) * z_hat(n, d) / N;
      d_p(n, d) = -z_hat(n, d) / N;
      d_z(n, d) = -p_hat(n, d) / N;
    }
  }
  result.gradients = {normalize_backward(p, d_p), normalize_backward(z, d_z)};
  return result;
}

}  // namespace reference
}  // namespace tests

#include "selfsup/core/leave.hpp"

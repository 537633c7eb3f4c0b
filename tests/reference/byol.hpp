// BYOL by its definition: the squared distance of a prediction and a target of unit length.
#pragma once

#include "selfsup/core/enter.hpp"  // precise under fast-math

#include "reference/normalize.hpp"
#include "reference/result.hpp"

namespace tests {
namespace reference {

/// One direction: mean over the batch of ‖p̂ − ẑ‖², or of ‖p − z‖² for the plain form.
inline Result byol(const Matrix<double>& p, const Matrix<double>& z, bool normalized) {
  const Matrix<double> p_hat = normalized ? normalize(p) : p;
  const Matrix<double> z_hat = normalized ? normalize(z) : z;
  Result result;
  Matrix<double> d_p(p.rows(), p.cols());
  Matrix<double> d_z(p.rows(), p.cols());
  const double N = static_cast<double>(p.rows());
  for (std::size_t n = 0; n < p.rows(); ++n) {
    for (std::size_t d = 0; d < p.cols(); ++d) {
      const double difference = p_hat(n, d) - z_hat(n, d);
      result.value += difference * difference / N;
      // Of p̂ − ẑ, normalisation takes the part along its own row out: left out here too, where it
      // would swamp a ẑ far below the norm floor.
      d_p(n, d) = 2 * (normalized ? -z_hat(n, d) : difference) / N;
      d_z(n, d) = -2 * (normalized ? p_hat(n, d) : difference) / N;
    }
  }
  result.gradients = {normalized ? normalize_backward(p, d_p) : d_p,
                      normalized ? normalize_backward(z, d_z) : d_z};
  return result;
}

/// Two directions, p_a with z_b and p_b with z_a, each times `weight`: 1 for the sum, ½ for the
/// mean. Gradients in the order p_a, p_b, z_a, z_b.
template <class Direction>
Result both_directions(const Direction& direction, const std::vector<Matrix<double>>& inputs,
                       double weight) {
  const Result a = direction(inputs[0], inputs[3]);
  const Result b = direction(inputs[1], inputs[2]);
  Result result;
  result.value = weight * (a.value + b.value);
  result.gradients = {a.gradients[0], b.gradients[0], b.gradients[1], a.gradients[1]};
  for (auto& gradient : result.gradients) {
    for (double& entry : gradient.entries()) entry *= weight;
  }
  return result;
}

}  // namespace reference
}  // namespace tests

#include "selfsup/core/leave.hpp"

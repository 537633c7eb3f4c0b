// Gradients by central differences, for kernels that are right to double's last bits.
#pragma once

#include "matrix.hpp"
#include "tolerances.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace tests {

/// df/dz_nd by central differences of fourth order: what they leave out is step⁴ times the fifth
/// derivative.
template <class F>
double difference(const F& f, Matrix<double> z, std::size_t n, std::size_t d, double step = 1e-4) {
  const double middle = z(n, d);
  const auto at = [&](double steps) {
    z(n, d) = middle + steps * step;
    return f(z);
  };
  return (8 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12 * step);
}

/// The same for every entry.
template <class F>
Matrix<double> differences(const F& f, const Matrix<double>& z, double step = 1e-4) {
  Matrix<double> d_z(z.rows(), z.cols());
  for (std::size_t n = 0; n < z.rows(); ++n)
    for (std::size_t d = 0; d < z.cols(); ++d) d_z(n, d) = difference(f, z, n, d, step);
  return d_z;
}

/// The largest |found − expected| beside the largest |expected|.
template <class T>
double entry_error(const Matrix<T>& found, const Matrix<double>& expected) {
  double error = 0, largest = 0;
  for (std::size_t i = 0; i < expected.entries().size(); ++i) {
    const double right = expected.entries()[i];
    error = worse(error, std::abs(static_cast<double>(found.entries()[i]) - right));
    largest = std::max(largest, std::abs(right));
  }
  return error == 0 ? 0 : error / largest;
}

}  // namespace tests

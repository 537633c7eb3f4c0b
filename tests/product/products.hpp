// Small whole numbers as the operands of products, whose sums are exact in any order, and the
// products by the triple loop.
#pragma once

#include "matrix.hpp"

#include <cstddef>

namespace tests {

/// Numbers from −4 to 6.
template <class T>
Matrix<T> whole_numbers(std::size_t rows, std::size_t cols, std::size_t seed) {
  Matrix<T> x(rows, cols);
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t c = 0; c < cols; ++c)
      x(r, c) = static_cast<T>((r * r + 3 * c * c + r * c + seed) % 11) - T(4);
  }
  return x;
}

/// Σ_k a_rk·b_kc over the first K.
template <class T>
T product_entry(const Matrix<T>& a, const Matrix<T>& b, std::size_t K, std::size_t r,
                std::size_t c) {
  T sum = 0;
  for (std::size_t k = 0; k < K; ++k) sum += a(r, k) * b(k, c);
  return sum;
}

template <class T>
Matrix<T> transposed(const Matrix<T>& x) {
  Matrix<T> result(x.cols(), x.rows());
  for (std::size_t r = 0; r < x.rows(); ++r)
    for (std::size_t c = 0; c < x.cols(); ++c) result(c, r) = x(r, c);
  return result;
}

}  // namespace tests

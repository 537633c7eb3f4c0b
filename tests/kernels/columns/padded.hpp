// Matrices in the layout of the kernels, and what centring means.
#pragma once

#include "matrix.hpp"
#include "tolerances.hpp"

#include "selfsup/kernels/columns/moments.hpp"
#include "selfsup/product/padded_matrix.hpp"

#include <algorithm>
#include <cstddef>

namespace tests {

template <class T>
selfsup::product::PaddedMatrix<T> padded(const Matrix<T>& z) {
  selfsup::product::PaddedMatrix<T> rows;
  rows.reshape(z.rows(), z.cols());
  for (std::size_t n = 0; n < z.rows(); ++n)
    std::copy_n(z.data() + n * z.cols(), z.cols(), rows.row(n));
  return rows;
}

template <class T>
Matrix<T> unpadded(const selfsup::product::PaddedMatrix<T>& rows) {
  Matrix<T> z(rows.rows(), rows.cols());
  for (std::size_t n = 0; n < z.rows(); ++n)
    std::copy_n(rows.row(n), z.cols(), z.data() + n * z.cols());
  return z;
}

/// Columns less their means, exact beside either type.
template <class T>
Matrix<long double> centred(const Matrix<T>& z) {
  auto zc = cast<long double>(z);
  for (std::size_t j = 0; j < z.cols(); ++j) {
    long double sum = 0;
    for (std::size_t n = 0; n < z.rows(); ++n) sum += zc(n, j);
    for (std::size_t n = 0; n < z.rows(); ++n) zc(n, j) -= sum / static_cast<long double>(z.rows());
  }
  return zc;
}

/// A view as its kernels keep it, from what is centred already.
template <class T>
selfsup::kernels::CentredView<T> centred_view(const Matrix<T>& zc) {
  selfsup::kernels::CentredView<T> view;
  view.rows = padded(zc);
  double* const squares = view.squares.grow(zc.cols());
  for (std::size_t j = 0; j < zc.cols(); ++j) {
    squares[j] = 0;
    for (std::size_t n = 0; n < zc.rows(); ++n)
      squares[j] += static_cast<double>(zc(n, j)) * static_cast<double>(zc(n, j));
  }
  return view;
}

/// What a sum of products, and an entry beside the largest, may be off: as the library promises in
/// float, by another order of that many terms in double.
template <class T>
constexpr double sum_allowed(std::size_t terms) {
  return sizeof(T) == 4 ? tolerance::float_value : tolerance::rounding(terms);
}
template <class T>
constexpr double entry_allowed(std::size_t terms) {
  return sizeof(T) == 4 ? tolerance::float_entry : tolerance::rounding(terms);
}

/// Entries about an offset, which centring shall not feel.
template <class T>
Matrix<T> offset_matrix(std::size_t rows, std::size_t cols, double offset) {
  Matrix<double> z = random_matrix(rows, cols, rows + cols);
  for (double& entry : z.entries()) entry += offset;
  return cast<T>(z);
}

}  // namespace tests

// The matrices of the tests: a plain row-major array, and the inputs that many tests share.
#pragma once

#include "selfsup/core/enter.hpp"  // precise under fast-math

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

namespace tests {

/// Row-major and owning. Shows what a view asks for, so it converts to views as Eigen's types do.
template <class T>
class Matrix {
 public:
  static constexpr bool IsRowMajor = true;

  Matrix() = default;
  Matrix(std::size_t rows, std::size_t cols, T fill = 0)
      : rows_(rows), cols_(cols), data_(rows * cols, fill) {}

  T* data() { return data_.data(); }
  const T* data() const { return data_.data(); }
  std::size_t rows() const { return rows_; }
  std::size_t cols() const { return cols_; }
  std::ptrdiff_t innerStride() const { return 1; }
  std::ptrdiff_t outerStride() const { return static_cast<std::ptrdiff_t>(cols_); }
  T& operator()(std::size_t r, std::size_t c) { return data_[r * cols_ + c]; }
  const T& operator()(std::size_t r, std::size_t c) const { return data_[r * cols_ + c]; }
  std::vector<T>& entries() { return data_; }
  const std::vector<T>& entries() const { return data_; }

 private:
  std::size_t rows_ = 0;
  std::size_t cols_ = 0;
  std::vector<T> data_;
};

template <class To, class From>
Matrix<To> cast(const Matrix<From>& from) {
  Matrix<To> to(from.rows(), from.cols());
  for (std::size_t i = 0; i < from.entries().size(); ++i) {
    to.entries()[i] = static_cast<To>(from.entries()[i]);
  }
  return to;
}

template <class To, class From>
std::vector<Matrix<To>> cast(const std::vector<Matrix<From>>& from) {
  std::vector<Matrix<To>> to;
  for (const auto& matrix : from) to.push_back(cast<To>(matrix));
  return to;
}

/// Matrices of one shape below each other, and apart again.
template <class T>
Matrix<T> stacked(const std::vector<Matrix<T>>& parts) {
  Matrix<T> all(0, parts[0].cols());
  for (const auto& part : parts) {
    Matrix<T> longer(all.rows() + part.rows(), part.cols());
    longer.entries() = all.entries();
    longer.entries().insert(longer.entries().end(), part.entries().begin(), part.entries().end());
    all = longer;
  }
  return all;
}
template <class T>
std::vector<Matrix<T>> unstacked(const Matrix<T>& all, std::size_t count) {
  std::vector<Matrix<T>> parts(count, Matrix<T>(all.rows() / count, all.cols()));
  for (std::size_t i = 0; i < all.entries().size(); ++i) {
    const std::size_t length = parts[0].entries().size();
    parts[i / length].entries()[i % length] = all.entries()[i];
  }
  return parts;
}

/// Seeded numbers in [−1, 1) with 20 bits after the point: exact in float, the same on every
/// machine.
class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}
  double operator()() {
    return static_cast<double>(static_cast<std::int64_t>(engine_() >> 43)) / 1048576.0 - 1.0;
  }

 private:
  std::mt19937_64 engine_;
};

inline Matrix<double> random_matrix(std::size_t rows, std::size_t cols, std::uint64_t seed) {
  Matrix<double> matrix(rows, cols);
  Random random(seed);
  for (double& entry : matrix.entries()) entry = random();
  return matrix;
}

/// Views of the same samples: random rows, and the same rows with noise. Columns differ in scale,
/// so that some standard deviations lie above VICReg's target of 1 and some below.
inline std::vector<Matrix<double>> random_views(std::size_t rows, std::size_t cols,
                                                std::uint64_t seed, std::size_t count = 2,
                                                double noise_scale = 0.25) {
  std::vector<Matrix<double>> views{random_matrix(rows, cols, seed)};
  for (std::size_t c = 1; c < cols; c += 3) {
    for (std::size_t r = 0; r < rows; ++r) views[0](r, c) *= 4;
  }
  while (views.size() < count) {
    Matrix<double> view = views[0];
    Random noise(seed + 1000 * views.size());
    for (double& entry : view.entries()) entry += noise_scale * noise();
    views.push_back(view);
  }
  return cast<double>(cast<float>(views));  // the same numbers for float and double
}

/// A[n][j] = sin(1 + 3n + j) of the golden numbers, N = 4 and D = 3.
inline Matrix<double> golden_a() {
  Matrix<double> a(4, 3);
  for (std::size_t n = 0; n < 4; ++n) {
    for (std::size_t j = 0; j < 3; ++j) a(n, j) = std::sin(static_cast<double>(1 + 3 * n + j));
  }
  return a;
}

/// B[n][j] = A[n][j] + 0.3·cos(2 + 3n + j).
inline Matrix<double> golden_b() {
  Matrix<double> b = golden_a();
  for (std::size_t n = 0; n < 4; ++n) {
    for (std::size_t j = 0; j < 3; ++j) {
      b(n, j) += 0.3 * std::cos(static_cast<double>(2 + 3 * n + j));
    }
  }
  return b;
}

/// SIGReg's two slices of the golden numbers: u_ij = cos(1 + i + 2j), columns of length 1.
inline Matrix<double> golden_slices() {
  Matrix<double> u(3, 2);
  for (std::size_t j = 0; j < 2; ++j) {
    double square = 0;
    for (std::size_t i = 0; i < 3; ++i) {
      u(i, j) = std::cos(static_cast<double>(1 + i + 2 * j));
      square += u(i, j) * u(i, j);
    }
    for (std::size_t i = 0; i < 3; ++i) u(i, j) /= std::sqrt(square);
  }
  return u;
}

}  // namespace tests

#include "selfsup/core/leave.hpp"

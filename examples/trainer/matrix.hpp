// Row-major storage that the library's views read and write.
#pragma once

#include "selfsup/core/view.hpp"

#include <algorithm>
#include <cstddef>
#include <vector>

namespace trainer {

/// A (rows, cols) matrix, row-major. resize() reuses the memory; entries are then unspecified.
template <class T>
class Matrix {
 public:
  Matrix() = default;
  Matrix(std::size_t rows, std::size_t cols) { resize(rows, cols); }

  void resize(std::size_t rows, std::size_t cols) {
    rows_ = rows;
    cols_ = cols;
    entries_.resize(rows * cols);
  }
  void fill(T value) { entries_.assign(entries_.size(), value); }

  std::size_t rows() const { return rows_; }
  std::size_t cols() const { return cols_; }
  std::size_t size() const { return entries_.size(); }
  T* data() { return entries_.data(); }
  const T* data() const { return entries_.data(); }
  T* row(std::size_t r) { return data() + r * cols_; }
  const T* row(std::size_t r) const { return data() + r * cols_; }
  T& operator()(std::size_t r, std::size_t c) { return row(r)[c]; }
  const T& operator()(std::size_t r, std::size_t c) const { return row(r)[c]; }

  selfsup::ConstView<T> view() const { return {data(), rows_, cols_}; }
  selfsup::MutView<T> view() { return {data(), rows_, cols_}; }
  operator selfsup::ConstView<T>() const { return view(); }
  operator selfsup::MutView<T>() { return view(); }

 private:
  std::size_t rows_ = 0;
  std::size_t cols_ = 0;
  std::vector<T> entries_;
};

/// Copies the rows of these numbers, in their order.
template <class T>
Matrix<T> rows_of(const Matrix<T>& all, const std::vector<std::size_t>& ids) {
  Matrix<T> part(ids.size(), all.cols());
  for (std::size_t i = 0; i < ids.size(); ++i) {
    std::copy_n(all.row(ids[i]), all.cols(), part.row(i));
  }
  return part;
}

}  // namespace trainer

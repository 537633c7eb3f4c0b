// The library's own copies: rows aligned, padded with zeros to whole cache lines, at a stride that
// spreads over a cache.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/buffer.hpp"
#include "selfsup/core/view.hpp"
#include "selfsup/product/blocking.hpp"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <new>
#include <utility>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace product {

/// A (rows, cols) matrix in the layout that the walks read and write in place.
template <class T>
class PaddedMatrix {
 public:
  PaddedMatrix() = default;
  PaddedMatrix(const PaddedMatrix&) = default;
  /// A matrix that was moved from is empty.
  PaddedMatrix(PaddedMatrix&& other) noexcept
      : buffer_(std::move(other.buffer_)),
        rows_(std::exchange(other.rows_, 0)),
        cols_(std::exchange(other.cols_, 0)),
        stride_(std::exchange(other.stride_, 0)) {}
  PaddedMatrix& operator=(PaddedMatrix other) noexcept {
    buffer_ = std::move(other.buffer_);
    rows_ = other.rows_;
    cols_ = other.cols_;
    stride_ = other.stride_;
    return *this;
  }

  /// Sets the shape; the entries are whatever was there, the padding is zero.
  void reshape(std::size_t rows, std::size_t cols) {
    if (rows == rows_ && cols == cols_) return;
    const std::size_t stride = stride_for(cols);
    buffer_.grow(rows, stride);
    rows_ = rows;
    cols_ = cols;
    stride_ = stride;
    for (std::size_t r = 0; r < rows; ++r) std::fill(row(r) + cols, row(r) + stride, T(0));
  }

  std::size_t rows() const { return rows_; }
  std::size_t cols() const { return cols_; }
  std::size_t stride() const { return stride_; }
  T* row(std::size_t r) { return buffer_.data() + r * stride_; }
  const T* row(std::size_t r) const { return buffer_.data() + r * stride_; }
  std::size_t bytes() const { return buffer_.bytes(); }

  MutView<T> view() { return columns(0, cols_); }
  ConstView<T> view() const { return columns(0, cols_); }
  MutView<T> columns(std::size_t first, std::size_t count) {
    return {row(0) + first, rows_, count, stride_, 1};
  }
  ConstView<T> columns(std::size_t first, std::size_t count) const {
    return {row(0) + first, rows_, count, stride_, 1};
  }

  /// Entries from row to row: whole lines of 64 bytes. A multiple of 8 lines would send every
  /// eighth row, or all of them, to the same sets of a first-level cache (64 sets); one more line
  /// cures that.
  static std::size_t stride_for(std::size_t cols) {
    constexpr std::size_t line = 64 / sizeof(T);
    if (cols > std::numeric_limits<std::size_t>::max() / 2) throw std::bad_alloc();
    std::size_t lines = round_up(cols, line) / line;
    if (lines % 8 == 0) ++lines;
    return lines * line;
  }

 private:
  Buffer<T> buffer_;
  std::size_t rows_ = 0;
  std::size_t cols_ = 0;
  std::size_t stride_ = 0;
};

/// The rows of a matrix as the columns of a view: the right operand of a product with its
/// transpose.
template <class T>
ConstView<T> as_columns(const PaddedMatrix<T>& matrix) {
  return matrix.view().transposed();
}

}  // namespace product
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"

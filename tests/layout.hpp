// One matrix stored in every way that a caller may hand it over.
#pragma once

#include "matrix.hpp"

#include "selfsup/core/view.hpp"

#include <cstddef>
#include <cstring>
#include <vector>

namespace tests {

enum class Layout { row_major, column_major, block, misaligned, every_second_column, upside_down };

constexpr Layout layouts[] = {Layout::row_major,  Layout::column_major,        Layout::block,
                              Layout::misaligned, Layout::every_second_column, Layout::upside_down};

inline const char* name(Layout layout) {
  switch (layout) {
    case Layout::row_major:
      return "row-major";
    case Layout::column_major:
      return "column-major";
    case Layout::block:
      return "block of a larger matrix";
    case Layout::misaligned:
      return "misaligned";
    case Layout::every_second_column:
      return "every second column";
    case Layout::upside_down:
      return "negative row stride";
  }
  return "";
}

/// The matrix inside memory of its own. Whatever the layout leaves out holds a mark.
template <class T>
class Stored {
 public:
  Stored(const Matrix<T>& matrix, Layout layout)
      : rows_(static_cast<std::ptrdiff_t>(matrix.rows())),
        cols_(static_cast<std::ptrdiff_t>(matrix.cols())),
        row_stride_(cols_) {
    std::ptrdiff_t extent = rows_ * cols_;
    switch (layout) {
      case Layout::row_major:
        break;
      case Layout::column_major:
        row_stride_ = 1;
        col_stride_ = rows_;
        break;
      case Layout::block:
        row_stride_ = cols_ + 5;
        first_ += 2 * row_stride_ + 3;
        extent = rows_ * row_stride_;
        break;
      case Layout::misaligned:
        first_ += 1;
        break;
      case Layout::every_second_column:
        row_stride_ = 2 * cols_;
        col_stride_ = 2;
        extent *= 2;
        break;
      case Layout::upside_down:
        first_ += (rows_ - 1) * cols_;
        row_stride_ = -cols_;
        break;
    }
    memory_.assign(static_cast<std::size_t>(first_ + extent + 16), mark());
    MutView<T> view = *this;
    for (std::size_t r = 0; r < matrix.rows(); ++r) {
      for (std::size_t c = 0; c < matrix.cols(); ++c) view(r, c) = matrix(r, c);
    }
  }

  operator selfsup::ConstView<T>() const {
    return {memory_.data() + first_, rows_, cols_, row_stride_, col_stride_};
  }
  operator selfsup::MutView<T>() {
    return {memory_.data() + first_, rows_, cols_, row_stride_, col_stride_};
  }

  Matrix<T> matrix() const {
    const selfsup::ConstView<T> view = *this;
    Matrix<T> copy(view.rows(), view.cols());
    for (std::size_t r = 0; r < view.rows(); ++r) {
      for (std::size_t c = 0; c < view.cols(); ++c) copy(r, c) = view(r, c);
    }
    return copy;
  }

  /// True while no entry outside the matrix has been written.
  bool surroundings_untouched() const {
    Stored copy = *this;
    MutView<T> view = copy;
    for (std::size_t r = 0; r < view.rows(); ++r) {
      for (std::size_t c = 0; c < view.cols(); ++c) view(r, c) = mark();
    }
    for (const T entry : copy.memory_) {
      if (entry != mark()) return false;
    }
    return true;
  }

 private:
  template <class U>
  using MutView = selfsup::MutView<U>;
  static T mark() { return T(-12345); }

  std::ptrdiff_t rows_;
  std::ptrdiff_t cols_;
  std::ptrdiff_t first_ = 16;
  std::ptrdiff_t row_stride_;
  std::ptrdiff_t col_stride_ = 1;
  std::vector<T> memory_;
};

}  // namespace tests

// The general product C = A B of matrices of any strides, threaded, the same bits for any number of
// threads.
#pragma once

#include "selfsup/core/check.hpp"
#include "selfsup/core/contiguous.hpp"
#include "selfsup/core/parallel.hpp"
#include "selfsup/core/view.hpp"
#include "selfsup/product/block_product.hpp"
#include "selfsup/product/pack.hpp"

#include <algorithm>
#include <cstddef>
#include <string>

namespace selfsup {
inline namespace SELFSUP_ABI {

/// A workspace for products; reuse it, one a thread. C must not overlap A or B.
template <class T>
class Matmul {
 public:
  /// Writes c (n, m) = a (n, k) · b (k, m). Throws ShapeError when the shapes do not fit.
  void write(ConstView<T> a, ConstView<T> b, MutView<T> c) { run(a, b, c, product::Output::write); }

  /// Adds a (n, k) · b (k, m) to c (n, m). Throws ShapeError when the shapes do not fit.
  void add(ConstView<T> a, ConstView<T> b, MutView<T> c) { run(a, b, c, product::Output::add); }

  std::size_t bytes() const { return right_.bytes() + left_copy_.bytes() + result_.bytes(); }

 private:
  static constexpr std::size_t edge = product::Blocking<T>::tile;

  void run(ConstView<T> a, ConstView<T> b, MutView<T> c, product::Output output) {
    if (a.cols() != b.rows() || c.rows() != a.rows() || c.cols() != b.cols()) {
      throw ShapeError("Matmul: a is " + shape_text(a) + ", b is " + shape_text(b) + ", c is " +
                       shape_text(c) + "; (n, k), (k, m) and (n, m) expected");
    }
    if (c.empty()) return;
    if (!c.contiguous_rows()) {
      if (c.transposed().contiguous_rows())
        return run(b.transposed(), a.transposed(), c.transposed(), output);
      return run_through_copy(a, b, c, output);
    }
    right_.pack(b);
    if (a.contiguous_rows()) {
      multiply(product::LeftByRows<T>{a.data(), static_cast<std::size_t>(a.row_stride())}, a.cols(),
               c, output);
    } else if (a.row_stride() == 1) {
      multiply(product::LeftByCols<T>{a.data(), static_cast<std::size_t>(a.col_stride())}, a.cols(),
               c, output);
    } else {
      const ConstView<T> rows = left_copy_.of(a);
      multiply(product::LeftByRows<T>{rows.data(), rows.cols()}, rows.cols(), c, output);
    }
  }

  // C without contiguous rows or columns.
  void run_through_copy(ConstView<T> a, ConstView<T> b, MutView<T> c, product::Output output) {
    const MutView<T> result(result_.grow(c.rows() * c.cols()), c.rows(), c.cols());
    run(a, b, result, product::Output::write);
    for (std::size_t r = 0; r < c.rows(); ++r) {
      for (std::size_t j = 0; j < c.cols(); ++j) {
        c(r, j) = output == product::Output::add ? c(r, j) + result(r, j) : result(r, j);
      }
    }
  }

  template <class Left>
  void multiply(Left a, std::size_t K, MutView<T> c, product::Output output) const {
    const Chunks rows{c.rows(), edge}, cols{c.cols(), edge};
    // A batch of multiply-adds takes about as long as touching an entry.
    const std::size_t entries = edge * std::min(edge, c.cols()) * K / simd::lanes<T>;
    parallel_for(rows.count() * cols.count(), entries, [&](std::size_t tile) {
      const std::size_t row_chunk = tile / cols.count(), col_chunk = tile % cols.count();
      const std::size_t row0 = rows.first(row_chunk),
                        col_end = cols.first(col_chunk) + cols.length(col_chunk);
      for (std::size_t col = cols.first(col_chunk); col < col_end; col += right_.panel_cols) {
        multiply_panel(a.at(row0, 0), rows.length(row_chunk), K, col,
                       std::min(right_.panel_cols, col_end - col),
                       c.row_range(row0, rows.length(row_chunk)), output);
      }
    });
  }

  // Columns col … col + cols - 1 of C: in place where they are whole batches, else by way of a
  // block of our own.
  template <class Left>
  void multiply_panel(Left a, std::size_t rows, std::size_t K, std::size_t col, std::size_t cols,
                      MutView<T> c, product::Output output) const {
    constexpr std::size_t width = product::Blocking<T>::micro_cols;
    if (cols % simd::lanes<T> == 0) {
      return multiply_depths(a, rows, K, col, cols, &c(0, col),
                             static_cast<std::size_t>(c.row_stride()), output);
    }
    alignas(64) T block[edge * width];
    for (std::size_t r = 0; r < rows && output == product::Output::add; ++r) {
      std::copy_n(&c(r, col), cols, block + r * width);
      std::fill(block + r * width + cols, block + (r + 1) * width, T(0));
    }
    multiply_depths(a, rows, K, col, cols, block, width, output);
    for (std::size_t r = 0; r < rows; ++r) std::copy_n(block + r * width, cols, &c(r, col));
  }

  template <class Left>
  void multiply_depths(Left a, std::size_t rows, std::size_t K, std::size_t col, std::size_t cols,
                       T* c, std::size_t c_stride, product::Output output) const {
    constexpr std::size_t depth = product::Blocking<T>::depth;
    std::size_t k = 0;
    do {  // once even for K = 0, whose product is zero
      product::panel_product(rows, cols, std::min(depth, K - k), a.at(0, k), right_.panel(k, col),
                             c, c_stride, k == 0 ? output : product::Output::add);
      k += depth;
    } while (k < K);
  }

  // Scratch.
  product::PackedRight<T> right_;
  ContiguousRows<T> left_copy_;
  Buffer<T> result_;
};

}  // namespace SELFSUP_ABI
}  // namespace selfsup

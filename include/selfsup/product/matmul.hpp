// The general product C = A B of matrices of any strides, threaded, the same bits for any number of
// threads.
#pragma once

#include "selfsup/core/enter.hpp"

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
  void write(ConstView<T> a, ConstView<T> b, MutView<T> c) { run({}, a, b, c); }

  /// Writes c (n, m) = start (n, m) + a (n, k) · b (k, m), where `start` lies apart from c. Its
  /// strides may be 0: {bias, n, m, 0, 1} starts every row from the m entries of a bias. Throws
  /// ShapeError when the shapes do not fit.
  void write_from(ConstView<T> start, ConstView<T> a, ConstView<T> b, MutView<T> c) {
    if (start.rows() != c.rows() || start.cols() != c.cols()) {
      throw ShapeError("Matmul: start is " + shape_text(start) + ", c is " + shape_text(c));
    }
    run(start, a, b, c);
  }

  /// Adds a (n, k) · b (k, m) to c (n, m). Throws ShapeError when the shapes do not fit.
  void add(ConstView<T> a, ConstView<T> b, MutView<T> c) { run(c, a, b, c); }

  std::size_t bytes() const { return right_.bytes() + left_copy_.bytes() + result_.bytes(); }

 private:
  // Rows and columns of a block of C, one item of work: small, so that a small C, too, is enough
  // for all threads. No entry depends on the block that it is computed in.
  static constexpr std::size_t block_rows = 16 * product::Blocking<T>::micro_rows;
  static constexpr std::size_t block_cols = product::PackedRight<T>::panel_cols;

  // Steps of k that are added up in one sum. Longer sums have parts, or their error in float would
  // grow with the root of K: in rows of half a million entries to twice that of short ones.
  static constexpr std::size_t part_of_sum = 64 * product::Blocking<T>::depth;

  // An empty start stands for zeros.
  void run(ConstView<T> start, ConstView<T> a, ConstView<T> b, MutView<T> c) {
    if (a.cols() != b.rows() || c.rows() != a.rows() || c.cols() != b.cols()) {
      throw ShapeError("Matmul: a is " + shape_text(a) + ", b is " + shape_text(b) + ", c is " +
                       shape_text(c) + "; (n, k), (k, m) and (n, m) expected");
    }
    for (const Named<T>& factor : {Named<T>{"a", a}, Named<T>{"b", b}, Named<T>{"c", c}})
      require_addressable("Matmul", factor);
    if (c.empty()) return;
    if (!c.contiguous_rows()) {
      if (c.transposed().contiguous_rows())
        return run(start.transposed(), b.transposed(), a.transposed(), c.transposed());
      return run_through_copy(start, a, b, c);
    }
    right_.pack(b);
    if (a.contiguous_rows()) {
      multiply(start, product::LeftByRows<T>{a.data(), a.row_stride()}, a.cols(), c);
    } else if (a.row_stride() == 1) {
      multiply(start, product::LeftByCols<T>{a.data(), a.col_stride()}, a.cols(), c);
    } else {
      const ConstView<T> rows = left_copy_.of(a);
      multiply(start, product::LeftByRows<T>{rows.data(), rows.cols()}, rows.cols(), c);
    }
  }

  // C without contiguous rows or columns.
  void run_through_copy(ConstView<T> start, ConstView<T> a, ConstView<T> b, MutView<T> c) {
    const MutView<T> result(result_.grow(c.rows(), c.cols()), c.rows(), c.cols());
    run(start, a, b, result);
    for (std::size_t r = 0; r < c.rows(); ++r) write_row(c, r, result.row(r));
  }

  template <class Left>
  void multiply(ConstView<T> start, Left a, std::size_t K, MutView<T> c) const {
    const Chunks rows{c.rows(), block_rows}, cols{c.cols(), block_cols};
    // A batch of multiply-adds takes about as long as touching an entry.
    const std::size_t entries = std::min(block_rows, c.rows()) * block_cols * K / simd::lanes<T>;
    parallel_for(rows.count() * cols.count(), entries, [&](std::size_t block) {
      const std::size_t row_chunk = block / cols.count(), col_chunk = block % cols.count();
      const std::size_t row = rows.first(row_chunk), col = cols.first(col_chunk);
      const auto block_of = [&](auto matrix) {
        return decltype(matrix)(&matrix(row, col), rows.length(row_chunk), cols.length(col_chunk),
                                matrix.row_stride(), matrix.col_stride());
      };
      multiply_block(start.empty() ? start : block_of(start), a.at(row, 0), K, col, block_of(c));
    });
  }

  // The block of C that begins at column `col`: in place where its rows are whole batches and its
  // sums have one part, else by way of a block of our own.
  template <class Left>
  void multiply_block(ConstView<T> start, Left a, std::size_t K, std::size_t col,
                      MutView<T> c) const {
    if (K <= part_of_sum && c.cols() % simd::lanes<T> == 0)
      return multiply_depths(start, a, 0, K, col, c);
    alignas(64) T entries[block_rows * block_cols];
    std::fill_n(entries, c.rows() * block_cols, T(0));
    const MutView<T> part(entries, c.rows(), c.cols(), block_cols, 1);
    multiply_depths(start, a, 0, std::min(part_of_sum, K), col, part);
    for (std::size_t r = 0; r < c.rows(); ++r) std::copy_n(part.row(r), c.cols(), c.row(r));
    for (std::size_t k = part_of_sum; k < K; k += part_of_sum) {
      multiply_depths({}, a, k, std::min(k + part_of_sum, K), col, part);
      for (std::size_t r = 0; r < c.rows(); ++r) {
        for (std::size_t j = 0; j < c.cols(); ++j) c.row(r)[j] += part.row(r)[j];
      }
    }
  }

  // Steps k … last − 1.
  template <class Left>
  void multiply_depths(ConstView<T> start, Left a, std::size_t k, std::size_t last, std::size_t col,
                       MutView<T> c) const {
    constexpr std::size_t depth = product::Blocking<T>::depth;
    if (start.data() != c.data()) copy(start, c);
    product::Output output = start.empty() ? product::Output::write : product::Output::add;
    product::AheadOfStrip nothing;
    do {  // once even for K = 0, whose product is zero
      product::panel_product(c.rows(), c.cols(), std::min(depth, last - k), a.at(0, k),
                             right_.panel(k, col),
                             product::Entries<T>{c.data(), c.row_stride(), output}, nothing);
      output = product::Output::add;
      k += depth;
    } while (k < last);
  }

  static void copy(ConstView<T> from, MutView<T> to) {
    for (std::size_t r = 0; r < from.rows(); ++r) {
      if (from.contiguous_rows()) {
        simd::for_batches<T>(0, from.cols(), [&](std::size_t c, auto part) {
          simd::store(to.row(r) + c, simd::load(from.row(r) + c, part), part);
        });
      } else {
        for (std::size_t c = 0; c < from.cols(); ++c) to(r, c) = from(r, c);
      }
    }
  }

  // Scratch.
  product::PackedRight<T> right_;
  ContiguousRows<T> left_copy_;
  Buffer<T> result_;
};

}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"

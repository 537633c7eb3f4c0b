// Packed right operands: panels of micro_cols columns, each with its rows one after the other, the
// last one padded with zeros.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/buffer.hpp"
#include "selfsup/core/parallel.hpp"
#include "selfsup/core/view.hpp"
#include "selfsup/product/blocking.hpp"
#include "selfsup/product/micro_kernel.hpp"
#include "selfsup/simd/transpose.hpp"

#include <algorithm>
#include <cstddef>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace product {

template <class T>
class PackedRight {
 public:
  static constexpr std::size_t panel_cols = Blocking<T>::micro_cols;

  /// Room for a B of K rows and up to `cols` columns, for pack_columns.
  void reserve(std::size_t K, std::size_t cols) {
    panels_.grow(round_up(cols, panel_cols), K);
    depth_ = K;
  }

  /// Packs B (K, cols), of any strides.
  void pack(ConstView<T> b) {
    reserve(b.rows(), b.cols());
    pack_columns(b, 0, b.cols());
  }

  /// Packs the panels that hold columns first … first + count − 1 of B, of the depth that was
  /// reserved; the others stay.
  void pack_columns(ConstView<T> b, std::size_t first, std::size_t count) {
    const std::size_t first_panel = first / panel_cols;
    const std::size_t panels = round_up(first + count, panel_cols) / panel_cols - first_panel;
    parallel_for(panels, panel_cols * depth_, [&](std::size_t i) {
      const std::size_t col = (first_panel + i) * panel_cols;
      pack_panel(b, col, std::min(panel_cols, b.cols() - col), panels_.data() + col * depth_);
    });
  }

  /// Rows k, k+1, … of the panel that begins at column `col`, a multiple of panel_cols.
  Right<T> panel(std::size_t k, std::size_t col) const {
    return {panels_.data() + col * depth_ + k * panel_cols, panel_cols};
  }

  std::size_t bytes() const { return panels_.bytes(); }

 private:
  static void pack_panel(ConstView<T> b, std::size_t first, std::size_t cols, T* panel) {
    if (b.row_stride() == 1) {
      // B is the transpose of contiguous rows: read a few cache lines of each at a time.
      constexpr std::size_t run = 128 / sizeof(T);
      for (std::size_t k = 0; k < b.rows(); k += run) {
        simd::transpose(&b(k, first), b.col_stride(), cols, std::min(run, b.rows() - k),
                        panel + k * panel_cols, panel_cols);
      }
    } else if (b.col_stride() == 1) {
      for (std::size_t k = 0; k < b.rows(); ++k)
        copy_row(b.row(k) + first, cols, panel + k * panel_cols);
    } else {
      for (std::size_t k = 0; k < b.rows(); ++k) {
        for (std::size_t c = 0; c < cols; ++c) panel[k * panel_cols + c] = b(k, first + c);
      }
    }
    if (cols == panel_cols) return;
    for (std::size_t k = 0; k < b.rows(); ++k)
      std::fill(panel + k * panel_cols + cols, panel + (k + 1) * panel_cols, T(0));
  }

  // A whole row is so short that calling memcpy would take longer than the copy.
  static void copy_row(const T* from, std::size_t cols, T* to) {
    if (cols == panel_cols) {
      for (std::size_t c = 0; c < panel_cols; c += simd::lanes<T>)
        simd::store(to + c, simd::load(from + c));
    } else {
      std::copy_n(from, cols, to);
    }
  }

  Buffer<T> panels_;
  std::size_t depth_ = 0;
};

}  // namespace product
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"

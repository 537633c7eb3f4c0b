// Products of rows with their partners, x_i·y_i, to the bits that a tile of X Yᵀ has.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/parallel.hpp"
#include "selfsup/product/block_product.hpp"
#include "selfsup/product/pack.hpp"
#include "selfsup/product/padded_matrix.hpp"

#include <algorithm>
#include <cstddef>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace product {

/// Each micro-kernel sums an entry in one order, whatever its size. So the products are the
/// diagonals of blocks as wide as one panel.
template <class T>
class PairedProducts {
 public:
  /// Writes products[i] = x_i·y_i for every row of X.
  void write(const PaddedMatrix<T>& x, const PaddedMatrix<T>& y, T* products) {
    packed_.pack(as_columns(y));
    const Chunks blocks{x.rows(), edge};
    parallel_for(blocks.count(), edge * x.cols(), [&](std::size_t block) {
      const std::size_t first = blocks.first(block), rows = blocks.length(block);
      alignas(64) T entries[edge * edge] = {};
      AheadOfStrip nothing;
      for (std::size_t k = 0; k < x.cols(); k += Blocking<T>::depth) {
        panel_product(rows, rows, std::min(Blocking<T>::depth, x.cols() - k),
                      LeftByRows<T>{x.row(first) + k, x.stride()}, packed_.panel(k, first),
                      Entries<T>{entries, edge, k == 0 ? Output::write : Output::add}, nothing);
      }
      for (std::size_t r = 0; r < rows; ++r) products[first + r] = entries[r * edge + r];
    });
  }

  std::size_t bytes() const { return packed_.bytes(); }

 private:
  static constexpr std::size_t edge = PackedRight<T>::panel_cols;

  // Scratch.
  PackedRight<T> packed_;
};

}  // namespace product
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"

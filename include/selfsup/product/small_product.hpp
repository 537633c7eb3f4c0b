// XᵀY of long X and Y that come in strips of rows, where the result fits one tile: it stays in a
// second-level cache while X and Y pass once.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/parallel.hpp"
#include "selfsup/product/block_product.hpp"
#include "selfsup/product/chunk_sums.hpp"
#include "selfsup/product/padded_matrix.hpp"

#include <cstddef>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace product {

template <class T>
class SmallProduct {
 public:
  /// Starts on (rows, cols) sums of that many chunks, as SmallGram has them.
  void begin(std::size_t rows, std::size_t cols, std::size_t chunk_count) {
    sums_.begin(rows, cols, chunk_count);
  }

  /// Writes (`first`) or adds XᵀY to the chunk's sums, X (length, rows) and Y (length, cols) with
  /// contiguous rows, those of Y readable to a whole batch. `later` is memory that is needed next.
  void add(std::size_t chunk, LeftByCols<T> x, Right<T> y, std::size_t length, bool first,
           const Later& later = {}) {
    block_product(matrix().rows(), matrix().cols(), length, x, y, sums_.entries(chunk, first),
                  later);
  }

  /// The same for one of the panels() of columns that the sum has, several at a time.
  void add_panel(std::size_t chunk, std::size_t panel, LeftByCols<T> x, Right<T> y,
                 std::size_t length, bool first) {
    const Chunks cols{matrix().cols(), Blocking<T>::micro_cols};
    const std::size_t col = cols.first(panel);
    AheadOfStrip nothing;
    panel_product(matrix().rows(), cols.length(panel), length, x, y.at(0, col),
                  sums_.entries(chunk, first).at(0, col), nothing);
  }
  std::size_t panels() const { return Chunks{matrix().cols(), Blocking<T>::micro_cols}.count(); }

  /// Adds up the chunks, in order, and returns the sum.
  PaddedMatrix<T>& finish() {
    PaddedMatrix<T>& sum = sums_.matrix();
    parallel_for(sum.rows(), sum.cols() * sums_.chunks(),
                 [&](std::size_t r) { sums_.add_up_row(r, 0); });
    return sum;
  }

  /// The sum, after finish().
  const PaddedMatrix<T>& matrix() const { return sums_.matrix(); }

  std::size_t bytes() const { return sums_.bytes(); }

 private:
  // Kept for backward.
  ChunkSums<T> sums_;
};

}  // namespace product
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"

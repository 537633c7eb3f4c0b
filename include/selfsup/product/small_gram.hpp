// XᵀX of a long X that comes in strips of rows, where the result fits one tile: it stays in a
// second-level cache while X passes once.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/buffer.hpp"
#include "selfsup/core/inline.hpp"
#include "selfsup/core/parallel.hpp"
#include "selfsup/core/view.hpp"
#include "selfsup/product/block_product.hpp"
#include "selfsup/product/chunk_sums.hpp"
#include "selfsup/product/padded_matrix.hpp"
#include "selfsup/simd/batch.hpp"
#include "selfsup/simd/reduce.hpp"
#include "selfsup/simd/transpose.hpp"

#include <algorithm>
#include <cstddef>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace product {

template <class T>
class SmallGram {
 public:
  static bool fits(std::size_t edge) { return edge <= Blocking<T>::tile; }

  /// How `strips` strips are shared out: by few chunks, each with a partial sum of its own,
  /// whatever the number of threads.
  static Chunks chunks(std::size_t strips) {
    const std::size_t count = std::min(most_chunks, std::max<std::size_t>(2, strips / 8));
    return {strips, std::max<std::size_t>(1, (strips + count - 1) / count)};
  }

  /// Starts on (edge, edge) sums of that many chunks.
  void begin(std::size_t edge, std::size_t chunk_count) { sums_.begin(edge, edge, chunk_count); }

  /// Writes (`first`) or adds XᵀX, X (rows, edge) with contiguous rows that can be read to a whole
  /// batch, to the chunk's sums on and above the diagonal. `later` is memory that is needed next.
  void add(std::size_t chunk, const T* x, std::size_t stride, std::size_t rows, bool first,
           const Later& later = {}) {
    AheadOfStrip ahead;
    const std::size_t asks = panels() * asks_ahead<T>(matrix().rows(), rows) / 2;
    ahead.later_right = Ahead(later.right, asks);
    ahead.later_result = Ahead(later.result, asks);
    for (std::size_t panel = 0; panel < panels(); ++panel)
      add_panel(chunk, panel, x, stride, rows, first, ahead);
  }

  /// The same for one of the panels() of columns that the sums have, several at a time.
  void add_panel(std::size_t chunk, std::size_t panel, ConstView<T> x, bool first) {
    AheadOfStrip nothing;
    add_panel(chunk, panel, x.data(), static_cast<std::size_t>(x.row_stride()), x.rows(), first,
              nothing);
  }
  std::size_t panels() const { return Chunks{matrix().rows(), panel_cols}.count(); }

  /// Adds up the chunks, in order, and mirrors the sum below the diagonal, which becomes zero
  /// unless `with_diagonal`. Returns the sum of all squares.
  double finish(bool with_diagonal) {
    PaddedMatrix<T>& gram = sums_.matrix();
    const std::size_t edge = gram.rows();
    row_squares_.grow(edge);
    const Chunks bands{edge, band_rows};
    parallel_for(bands.count(), band_rows * edge * sums_.chunks(), [&](std::size_t band) {
      const std::size_t first = bands.first(band), last = first + bands.length(band);
      for (std::size_t r = first; r < last; ++r) {
        T* const row = sums_.add_up_row(r, r);
        const double above = simd::dot(row + r + 1, row + r + 1, edge - r - 1);
        const double diagonal = with_diagonal ? static_cast<double>(row[r]) : 0;
        if (!with_diagonal) row[r] = 0;
        row_squares_[r] = simd::fma(diagonal, diagonal, 2 * above);
      }
      mirror(gram, first, last);
    });
    double total = 0;
    for (std::size_t r = 0; r < edge; ++r) total += row_squares_[r];
    return total;
  }

  /// The (edge, edge) sum, after finish().
  const PaddedMatrix<T>& matrix() const { return sums_.matrix(); }

  std::size_t bytes() const { return sums_.bytes() + row_squares_.bytes(); }

 private:
  static constexpr std::size_t most_chunks = 8;
  static constexpr std::size_t panel_cols = Blocking<T>::micro_cols;
  static constexpr std::size_t band_rows = 16;

  // Copies what some rows hold right of the diagonal to below it.
  static void mirror(PaddedMatrix<T>& gram, std::size_t first, std::size_t last) {
    simd::mirror(gram.row(first) + first, gram.stride(), last - first);
    // Two blocks that a first-level cache holds.
    const Chunks blocks{gram.rows() - last, 64};
    for (std::size_t i = 0; i < blocks.count(); ++i) {
      const std::size_t col = last + blocks.first(i);
      simd::transpose(gram.row(first) + col, gram.stride(), last - first, blocks.length(i),
                      gram.row(col) + first, gram.stride());
    }
  }

  SELFSUP_INLINE void add_panel(std::size_t chunk, std::size_t panel, const T* x,
                                std::size_t stride, std::size_t rows, bool first,
                                AheadOfStrip& ahead) {
    const Entries<T> result = sums_.entries(chunk, first);
    const auto product = [&](std::size_t row, std::size_t last_row, std::size_t col,
                             std::size_t cols) {
      panel_product(last_row - row, cols, rows, LeftByCols<T>{x + row, stride},
                    Right<T>{x + col, stride}, result.at(row, col), ahead);
    };
    // On the diagonal, a batch's width at a time: what lies below it is work for nothing.
    const std::size_t col = panel * panel_cols, last = std::min(matrix().rows(), col + panel_cols);
    const std::size_t cut = std::min(last, col + simd::lanes<T>);
    product(0, cut, col, last - col);
    if (cut < last) product(cut, last, cut, last - cut);
  }

  // Kept for backward.
  ChunkSums<T> sums_;
  // Scratch.
  Buffer<double> row_squares_;
};

}  // namespace product
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"

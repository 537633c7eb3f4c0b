// What a tile of weights W = dL/dS adds to the gradients of X and Y in S = X Yᵀ or S = Xᵀ Y.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/abi.hpp"
#include "selfsup/core/parallel.hpp"
#include "selfsup/product/ahead.hpp"
#include "selfsup/product/block_product.hpp"
#include "selfsup/product/blocking.hpp"
#include "selfsup/product/padded_matrix.hpp"
#include "selfsup/product/tile.hpp"
#include "selfsup/simd/transpose.hpp"

#include <algorithm>
#include <cstddef>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace product {

/// A tile of the second walk. Its members add to the gradient, or write the entries that no tile
/// came to before.
template <class T>
struct WeighedTile {
  Tile<T> weights;
  T* transposed;              // room for their transpose, its rows …
  std::size_t transposed_ld;  // … so far apart
  Output rows, cols;          // what becomes of the row block's entries, and of the column block's
  Region next;                // this thread's next tile, if it was kept

  /// W Y to the rows of the tile's row block. `later` is needed after that.
  void add_rows(const PaddedMatrix<T>& y, PaddedMatrix<T>& d_x, const Later& later) const {
    const Tile<T>& w = weights;
    block_product(w.rows, y.cols(), w.cols, LeftByRows<T>{w.data, w.ld},
                  Right<T>{y.row(w.col0), y.stride()},
                  Entries<T>{d_x.row(w.row0), d_x.stride(), rows}, later);
  }

  /// Wᵀ X to the rows of the tile's column block.
  void add_cols(const PaddedMatrix<T>& x, PaddedMatrix<T>& d_y) const {
    const Tile<T>& w = weights;
    block_product(w.cols, x.cols(), w.rows, LeftByCols<T>{w.data, w.ld},
                  Right<T>{x.row(w.row0), x.stride()},
                  Entries<T>{d_y.row(w.col0), d_y.stride(), cols}, {next, {}});
  }

  /// What add_cols() begins with.
  Later first_strip(const PaddedMatrix<T>& x, const PaddedMatrix<T>& d_y) const {
    const Tile<T>& w = weights;
    const std::size_t width = std::min(Blocking<T>::micro_cols, x.cols());
    return {region(x.row(w.row0), x.stride(), w.rows, width),
            region(d_y.row(w.col0), d_y.stride(), w.cols, width)};
  }

  /// W Y to the rows of the tile's row block, and Wᵀ Y to those of its column block.
  void add_symmetric(const PaddedMatrix<T>& y, PaddedMatrix<T>& d_x) const {
    if (weights.diagonal) {
      simd::mirror(weights.data, weights.ld, weights.rows);
      add_rows(y, d_x, {next, {}});
    } else {
      add_rows(y, d_x, first_strip(y, d_x));
      add_cols(y, d_x);
    }
  }

  /// X W to the columns of the tile's column block.
  void add_product(const PaddedMatrix<T>& x, PaddedMatrix<T>& d_x) const {
    add_product(x, weights, d_x, cols);
  }

  /// X Wᵀ to the columns of the tile's row block.
  void add_transposed(const PaddedMatrix<T>& x, PaddedMatrix<T>& d_x) const {
    const Tile<T>& w = weights;
    const Tile<T> back{w.col0, w.row0, w.cols, w.rows, transposed_ld, transposed, false};
    simd::transpose(w.data, w.ld, w.rows, w.cols, back.data, back.ld);
    add_product(x, back, d_x, rows);
  }

  /// X W to the columns of the tile's column block, and X Wᵀ to those of its row block.
  void add_symmetric_columns(const PaddedMatrix<T>& x, PaddedMatrix<T>& d_x) const {
    if (weights.diagonal) {
      simd::mirror(weights.data, weights.ld, weights.rows);
    } else {
      add_transposed(x, d_x);
    }
    add_product(x, d_x);
  }

 private:
  // By blocks of rows of X that stay in a second-level cache.
  static void add_product(const PaddedMatrix<T>& x, const Tile<T>& w, PaddedMatrix<T>& d_x,
                          Output output) {
    const Chunks bands{x.rows(), Blocking<T>::small_tile};
    for (std::size_t band = 0; band < bands.count(); ++band) {
      const std::size_t first = bands.first(band);
      block_product(bands.length(band), w.cols, w.rows,
                    LeftByRows<T>{x.row(first) + w.row0, x.stride()}, Right<T>{w.data, w.ld},
                    Entries<T>{d_x.row(first) + w.col0, d_x.stride(), output});
    }
  }
};

}  // namespace product
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"

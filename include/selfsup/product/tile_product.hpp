// The products of a tile of S, by one function for both walks, so that a tile that is made again
// has the same bits.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/inline.hpp"
#include "selfsup/product/ahead.hpp"
#include "selfsup/product/block_product.hpp"
#include "selfsup/product/pack.hpp"
#include "selfsup/product/padded_matrix.hpp"
#include "selfsup/product/tile.hpp"
#include "selfsup/product/tile_plan.hpp"

#include <algorithm>
#include <cstddef>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace product {

/// The products of one tile, complete over K. A micro-kernel wholly below the diagonal is not
/// computed.
template <class T, class LeftAt, class RightAt>
SELFSUP_NOINLINE void multiply_tile(std::size_t K, const Tile<T>& tile, const LeftAt& left,
                                    const RightAt& right) {
  constexpr std::size_t panel = Blocking<T>::micro_cols, depth = Blocking<T>::depth;
  for (std::size_t k = 0; k < K; k += depth) {
    const Output output = k == 0 ? Output::write : Output::add;
    const std::size_t k_count = std::min(depth, K - k);
    for (std::size_t col = 0; col < tile.cols; col += panel) {
      const std::size_t rows = tile.diagonal ? std::min(tile.rows, col + panel) : tile.rows;
      AheadOfStrip ahead;
      if (const std::size_t next = col + panel; next < tile.cols) {
        const std::size_t asks = asks_ahead<T>(rows, k_count);
        const Right<T> b = right(k, next);
        ahead.right = Ahead(region(b.data, b.stride, k_count, panel), asks);
        ahead.result = Ahead(region(tile.data + next, tile.ld, rows, panel), asks);
      }
      panel_product(rows, std::min(panel, tile.cols - col), k_count, left(k), right(k, col),
                    Entries<T>{tile.data + col, tile.ld, output}, ahead);
    }
  }
}

/// How the products of a tile are made: from rows of X in place and packed rows of Y …
template <class T>
auto products_of_rows(const TilePlan<T>& plan, const PaddedMatrix<T>& x, const PackedRight<T>& y) {
  return [&plan, &x, &y](const Tile<T>& tile) {
    multiply_tile(
        plan.depth(), tile,
        [&](std::size_t k) {
          return LeftByRows<T>{x.row(tile.row0) + k, x.stride()};
        },
        [&](std::size_t k, std::size_t col) { return y.panel(k, tile.col0 + col); });
  };
}
/// … or from columns of X and Y in place.
template <class T>
auto products_of_columns(const TilePlan<T>& plan, const PaddedMatrix<T>& x,
                         const PaddedMatrix<T>& y) {
  return [&plan, &x, &y](const Tile<T>& tile) {
    multiply_tile(
        plan.depth(), tile,
        [&](std::size_t k) {
          return LeftByCols<T>{x.row(k) + tile.row0, x.stride()};
        },
        [&](std::size_t k, std::size_t col) {
          return Right<T>{y.row(k) + tile.col0 + col, y.stride()};
        });
  };
}

}  // namespace product
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"

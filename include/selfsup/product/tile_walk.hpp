// The walk over the tiles of S = X Yᵀ that every pairwise loss is a visitor of, and the second walk
// for its gradient. Nothing larger than a tile need ever exist; tiles that fit a budget are kept
// for the second walk, the rest are made again by the same code, so that the result is the same to
// the last bit.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/buffer.hpp"
#include "selfsup/core/inline.hpp"
#include "selfsup/core/parallel.hpp"
#include "selfsup/product/block_product.hpp"
#include "selfsup/product/pack.hpp"
#include "selfsup/product/padded_matrix.hpp"
#include "selfsup/product/schedule.hpp"
#include "selfsup/product/turns.hpp"
#include "selfsup/product/weighed_tile.hpp"

#include <algorithm>
#include <cstddef>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace product {

/// A visitor has three members, called once a tile, by several threads at a time for tiles that
/// share no block:
/// - visit(tile), in the first walk, takes its sums, and turns the products in place into what
///   weigh needs.
/// - revisit(tile), in the second walk, for a tile that was not kept, turns the products into the
///   same values again.
/// - weigh(tile, weights), in the second walk, writes the weight dL/dS of each defined entry in the
///   tile's layout (symmetric: dL/dS_ij and dL/dS_ji added). weights may be the tile's own data.
template <class T>
class TileWalk {
 public:
  /// S = X Xᵀ, tiles on and above the diagonal. Packs X.
  template <class Visitor>
  void symmetric(const PaddedMatrix<T>& x, std::size_t memory_budget, Visitor&& visitor) {
    begin(x.rows(), x.rows(), x.cols(), true, true);
    packed_.pack(as_columns(x));
    walk(memory_budget, visitor, rows_in_place(x, packed_));
  }

  /// S = Xᵀ X, tiles on and above the diagonal. Reads X in place.
  template <class Visitor>
  void symmetric_columns(const PaddedMatrix<T>& x, std::size_t memory_budget, Visitor&& visitor) {
    begin(x.cols(), x.cols(), x.rows(), true, false);
    walk(memory_budget, visitor, columns(x, x));
  }

  /// S = X Yᵀ, every tile. Packs Y.
  template <class Visitor>
  void rectangular(const PaddedMatrix<T>& x, const PaddedMatrix<T>& y, std::size_t memory_budget,
                   Visitor&& visitor) {
    packed_.pack(as_columns(y));
    rectangular(x, packed_, y.rows(), memory_budget, visitor);
  }

  /// The same with `y_rows` rows of Y that the caller has packed.
  template <class Visitor>
  void rectangular(const PaddedMatrix<T>& x, const PackedRight<T>& y, std::size_t y_rows,
                   std::size_t memory_budget, Visitor&& visitor) {
    begin(x.rows(), y_rows, x.cols(), false, true);
    walk(memory_budget, visitor, rows_in_place(x, y));
  }

  /// S = Xᵀ Y, every tile. Reads X and Y in place.
  template <class Visitor>
  void rectangular_columns(const PaddedMatrix<T>& x, const PaddedMatrix<T>& y,
                           std::size_t memory_budget, Visitor&& visitor) {
    begin(x.cols(), y.cols(), x.rows(), false, false);
    walk(memory_budget, visitor, columns(x, y));
  }

  /// Writes out = (X Xᵀ) Y in one walk of which no tile is kept. Packs X.
  void symmetric_times(const PaddedMatrix<T>& x, const PaddedMatrix<T>& y, PaddedMatrix<T>& out) {
    begin(x.rows(), x.rows(), x.cols(), true, true);
    kept_tiles_ = 0;
    out.reshape(y.rows(), y.cols());
    AsTheyAre visitor;
    packed_.pack(as_columns(x));
    walk_back(visitor, rows_in_place(x, packed_),
              [&](const WeighedTile<T>& tile) { tile.add_symmetric(y, out); });
  }

  /// After symmetric(x): writes d_x = W X with the weights W mirrored to a full symmetric matrix.
  template <class Visitor>
  void symmetric_backward(const PaddedMatrix<T>& x, PaddedMatrix<T>& d_x, Visitor&& visitor) {
    d_x.reshape(x.rows(), x.cols());
    walk_back(visitor, rows_in_place(x, packed_),
              [&](const WeighedTile<T>& tile) { tile.add_symmetric(x, d_x); });
  }

  /// After symmetric_columns(x): writes d_x = X W with the weights W mirrored to a full symmetric
  /// matrix.
  template <class Visitor>
  void symmetric_columns_backward(const PaddedMatrix<T>& x, PaddedMatrix<T>& d_x,
                                  Visitor&& visitor) {
    d_x.reshape(x.rows(), x.cols());
    walk_back(visitor, columns(x, x),
              [&](const WeighedTile<T>& tile) { tile.add_symmetric_columns(x, d_x); });
  }

  /// After rectangular_columns(x, y): writes d_x = Y Wᵀ and d_y = X W; a null pointer skips an
  /// output.
  template <class Visitor>
  void rectangular_columns_backward(const PaddedMatrix<T>& x, const PaddedMatrix<T>& y,
                                    PaddedMatrix<T>* d_x, PaddedMatrix<T>* d_y, Visitor&& visitor) {
    if (d_x) d_x->reshape(x.rows(), x.cols());
    if (d_y) d_y->reshape(y.rows(), y.cols());
    walk_back(visitor, columns(x, y), [&](const WeighedTile<T>& tile) {
      if (d_x) tile.add_transposed(y, *d_x);
      if (d_y) tile.add_product(x, *d_y);
    });
  }

  /// After rectangular(x, y): writes d_x = W Y and d_y = Wᵀ X; a null pointer skips an output.
  template <class Visitor>
  void rectangular_backward(const PaddedMatrix<T>& x, const PaddedMatrix<T>& y,
                            PaddedMatrix<T>* d_x, PaddedMatrix<T>* d_y, Visitor&& visitor) {
    rectangular_backward(x, y, packed_, d_x, d_y, visitor);
  }

  /// The same after rectangular(x, packed_y, …): y has those rows, and may have more below them.
  template <class Visitor>
  void rectangular_backward(const PaddedMatrix<T>& x, const PaddedMatrix<T>& y,
                            const PackedRight<T>& packed_y, PaddedMatrix<T>* d_x,
                            PaddedMatrix<T>* d_y, Visitor&& visitor) {
    if (d_x) d_x->reshape(x.rows(), x.cols());
    if (d_y) d_y->reshape(cols_, y.cols());
    walk_back(visitor, rows_in_place(x, packed_y), [&](const WeighedTile<T>& tile) {
      if (d_x) tile.add_rows(y, *d_x, d_y ? tile.first_strip(x, *d_y) : Later{tile.next, {}});
      if (d_y) tile.add_cols(x, *d_y);
    });
  }

  /// Takes what the second walk will need, so that it cannot run out of memory.
  void reserve_backward() {
    scratch_.grow(team_size(side_by_side()) * scratch_tiles * tile_entries());
  }

  /// Takes what symmetric_columns() of an X of that shape and its second walk need without kept
  /// tiles. Forgets the last walk.
  void reserve_symmetric_columns(std::size_t rows, std::size_t cols) {
    begin(cols, cols, rows, true, false);
    reserve_walk();
  }
  /// The same for rectangular_columns().
  void reserve_rectangular_columns(std::size_t rows, std::size_t x_cols, std::size_t y_cols) {
    begin(x_cols, y_cols, rows, false, false);
    reserve_walk();
  }

  /// Room for kept tiles: a memory_budget that takes no memory.
  std::size_t kept_bytes() const { return kept_.bytes(); }

  std::size_t bytes() const {
    return packed_.bytes() + kept_.bytes() + scratch_.bytes() + turns_.bytes();
  }

 private:
  // The visitor of a product alone: entries of S are their own weights.
  struct AsTheyAre {
    void revisit(const Tile<T>&) const {}
    void weigh(const Tile<T>&, T*) const {}
  };

  void begin(std::size_t rows, std::size_t cols, std::size_t K, bool is_symmetric, bool in_rows) {
    rows_ = rows;
    cols_ = cols;
    K_ = K;
    symmetric_ = is_symmetric;
    row_edge_ = edge(rows, K, in_rows);
    col_edge_ = edge(cols, K, in_rows);
    schedule_ = is_symmetric ? Schedule::symmetric(row_blocks())
                             : Schedule::rectangular(row_blocks(), col_blocks());
  }

  // Blocks of equal size, as few as the largest tile allows: no narrow last block. But four of 64
  // rows or more, so that two threads have as much to do, unless K is so long that its trips
  // through the caches cost more.
  static std::size_t edge(std::size_t rows, std::size_t K, bool in_rows) {
    const bool long_trips = K > Blocking<T>::depth || rows * K * sizeof(T) > far_away;
    const std::size_t largest = long_trips ? Blocking<T>::tile : Blocking<T>::small_tile;
    const bool divided = !in_rows || K <= 8 * Blocking<T>::depth;
    const std::size_t least = divided ? std::min<std::size_t>(4, rows / 64) : 1;
    const std::size_t count = std::max(Chunks{rows, largest}.count(), least);
    return count == 0 ? 1 : round_up((rows + count - 1) / count, Blocking<T>::micro_cols);
  }
  std::size_t row_blocks() const { return Chunks{rows_, row_edge_}.count(); }
  std::size_t col_blocks() const { return Chunks{cols_, col_edge_}.count(); }
  std::size_t tile_entries() const { return row_edge_ * col_edge_; }
  T* scratch(std::size_t thread, std::size_t tile) {
    return scratch_.data() + (scratch_tiles * thread + tile) * tile_entries();
  }

  Tile<T> tile_at(std::size_t round, std::size_t item, T* data) const {
    const BlockPair pair = schedule_.pair(round, item);
    const std::size_t row0 = pair.row * row_edge_, col0 = pair.col * col_edge_;
    return {row0,      col0, std::min(row_edge_, rows_ - row0), std::min(col_edge_, cols_ - col0),
            col_edge_, data, symmetric_ && pair.row == pair.col};
  }

  // How the products of a tile are made: from rows of X in place and packed rows of Y …
  auto rows_in_place(const PaddedMatrix<T>& x, const PackedRight<T>& y) const {
    return [this, &x, &y](const Tile<T>& tile) {
      multiply(
          tile,
          [&](std::size_t k) {
            return LeftByRows<T>{x.row(tile.row0) + k, x.stride()};
          },
          [&](std::size_t k, std::size_t col) { return y.panel(k, tile.col0 + col); });
    };
  }
  // … or from columns of X and Y in place.
  auto columns(const PaddedMatrix<T>& x, const PaddedMatrix<T>& y) const {
    return [this, &x, &y](const Tile<T>& tile) {
      multiply(
          tile,
          [&](std::size_t k) {
            return LeftByCols<T>{x.row(k) + tile.row0, x.stride()};
          },
          [&](std::size_t k, std::size_t col) {
            return Right<T>{y.row(k) + tile.col0 + col, y.stride()};
          });
    };
  }

  // The products of one tile, complete over K. A micro-kernel wholly below the diagonal is not
  // computed.
  template <class LeftAt, class RightAt>
  SELFSUP_NOINLINE void multiply(const Tile<T>& tile, const LeftAt& left,
                                 const RightAt& right) const {
    constexpr std::size_t panel = Blocking<T>::micro_cols, depth = Blocking<T>::depth;
    for (std::size_t k = 0; k < K_; k += depth) {
      const Output output = k == 0 ? Output::write : Output::add;
      const std::size_t k_count = std::min(depth, K_ - k);
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

  // Tiles worth computing at the same time: a product below 2¹⁸ multiply-adds takes less time than
  // to start a thread and to wait for it.
  std::size_t side_by_side() const {
    return rows_ * cols_ * K_ < (std::size_t{1} << 18) ? 1 : schedule_.most_items();
  }

  // Blocks of rows and of columns are told apart, but for a symmetric walk.
  std::size_t first_col_block() const { return symmetric_ ? 0 : row_blocks(); }

  void reserve_walk() {
    reserve_backward();
    turns_.begin(first_col_block() + col_blocks());
  }

  // Calls f(round, item, thread, first_of_rows, first_of_cols) for every tile.
  template <class F>
  void in_walk_order(F&& f) {
    parallel_turns(
        schedule_.rounds(), side_by_side(), turns_.begin(first_col_block() + col_blocks()),
        [&](std::size_t round) { return schedule_.items(round); },
        [&](std::size_t round, std::size_t item) {
          const BlockPair pair = schedule_.pair(round, item);
          return BlockPair{pair.row, first_col_block() + pair.col};
        },
        f);
  }

  template <class Visitor, class Multiply>
  void walk(std::size_t memory_budget, Visitor& visitor, const Multiply& multiply_tile) {
    kept_tiles_ = std::min(schedule_.tiles(), memory_budget / (tile_entries() * sizeof(T)));
    kept_.grow(kept_tiles_, tile_entries());
    reserve_backward();
    in_walk_order([&](std::size_t round, std::size_t item, std::size_t thread, bool, bool) {
      const std::size_t position = schedule_.position(round, item);
      const Tile<T> tile = tile_at(
          round, item,
          position < kept_tiles_ ? kept_.data() + position * tile_entries() : scratch(thread, 0));
      multiply_tile(tile);
      visitor.visit(tile);
    });
  }

  template <class Visitor, class Multiply, class Accumulate>
  void walk_back(Visitor& visitor, const Multiply& multiply_tile, Accumulate&& accumulate) {
    reserve_backward();
    in_walk_order([&](std::size_t round, std::size_t item, std::size_t thread, bool first_of_rows,
                      bool first_of_cols) {
      T* const weights = scratch(thread, 0);
      Tile<T> tile = tile_at(round, item, weights);
      const std::size_t position = schedule_.position(round, item);
      if (position < kept_tiles_) {
        tile.data = kept_.data() + position * tile_entries();
      } else {
        multiply_tile(tile);
        visitor.revisit(tile);
      }
      visitor.weigh(tile, weights);
      tile.data = weights;
      accumulate(WeighedTile<T>{tile, scratch(thread, 1), row_edge_,
                                first_of_rows ? Output::write : Output::add,
                                first_of_cols ? Output::write : Output::add,
                                kept_region(position + team_size(side_by_side()))});
    });
  }

  // The tile at a place of the walk, if it was kept.
  Region kept_region(std::size_t position) const {
    if (position >= kept_tiles_) return {};
    return region(kept_.data() + position * tile_entries(), 0, 1, tile_entries());
  }

  // Bytes of an operand that no cache holds beside the others.
  static constexpr std::size_t far_away = std::size_t{16} << 20;

  static constexpr std::size_t scratch_tiles = 2;  // a thread: the weights, and their transpose

  // Kept for backward.
  Schedule schedule_;
  std::size_t rows_ = 0;  // of S
  std::size_t cols_ = 0;
  std::size_t K_ = 0;
  std::size_t row_edge_ = 1;
  std::size_t col_edge_ = 1;
  bool symmetric_ = false;
  PackedRight<T> packed_;
  std::size_t kept_tiles_ = 0;
  Buffer<T> kept_;
  // Scratch.
  Buffer<T> scratch_;
  Turns turns_;
};

}  // namespace product
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"

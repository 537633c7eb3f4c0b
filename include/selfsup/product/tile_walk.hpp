// The walk over the tiles of S = X Yᵀ that every pairwise loss is a visitor of, and the second walk
// for its gradient. Nothing larger than a tile need ever exist; tiles that fit a budget are kept
// for the second walk, the rest are made again by the same code, so that the result is the same to
// the last bit.
//
// No tile waits for another. In the first walk each leaves what it takes in a slot of its own, and
// then every block adds up its slots in walk order. In the second a piece of a block's gradient is
// one task, which goes through the tiles of the block in walk order; tiles that were not kept are
// made a few at a time, all threads at once.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/buffer.hpp"
#include "selfsup/core/inline.hpp"
#include "selfsup/core/parallel.hpp"
#include "selfsup/product/block_gradient.hpp"
#include "selfsup/product/block_product.hpp"
#include "selfsup/product/pack.hpp"
#include "selfsup/product/padded_matrix.hpp"
#include "selfsup/product/pieces.hpp"
#include "selfsup/product/schedule.hpp"
#include "selfsup/product/visitor.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <type_traits>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace product {

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
    packed_.pack(as_columns(x));
    walk_back(AsTheyAre{}, rows_in_place(x, packed_), {{{Side::rows, &y, &out}, {}}});
  }

  /// After symmetric(x): writes d_x = W X with the weights W mirrored to a full symmetric matrix.
  template <class Visitor>
  void symmetric_backward(const PaddedMatrix<T>& x, PaddedMatrix<T>& d_x, Visitor&& visitor) {
    d_x.reshape(x.rows(), x.cols());
    walk_back(visitor, rows_in_place(x, packed_), {{{Side::rows, &x, &d_x}, {}}});
  }

  /// After symmetric_columns(x): writes d_x = X W with the weights W mirrored to a full symmetric
  /// matrix.
  template <class Visitor>
  void symmetric_columns_backward(const PaddedMatrix<T>& x, PaddedMatrix<T>& d_x,
                                  Visitor&& visitor) {
    d_x.reshape(x.rows(), x.cols());
    walk_back(visitor, columns(x, x), {{{Side::rows, &x, &d_x}, {}}});
  }

  /// After rectangular_columns(x, y): writes d_x = Y Wᵀ and d_y = X W; a null pointer skips an
  /// output.
  template <class Visitor>
  void rectangular_columns_backward(const PaddedMatrix<T>& x, const PaddedMatrix<T>& y,
                                    PaddedMatrix<T>* d_x, PaddedMatrix<T>* d_y, Visitor&& visitor) {
    if (d_x) d_x->reshape(x.rows(), x.cols());
    if (d_y) d_y->reshape(y.rows(), y.cols());
    walk_back(visitor, columns(x, y), {{{Side::rows, &y, d_x}, {Side::cols, &x, d_y}}});
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
    walk_back(visitor, rows_in_place(x, packed_y),
              {{{Side::rows, &y, d_x}, {Side::cols, &x, d_y}}});
  }

  /// Takes what the second walk will need, so that it cannot run out of memory.
  void reserve_backward() {
    made_.grow(std::min(made_at_once(), schedule_.tiles()), tile_entries());
    scratch_.grow(threads() * piece_entries());
  }

  /// Takes what symmetric_columns() of an X of that shape and its second walk need without kept
  /// tiles. Forgets the last walk. Returns how many tiles there will be.
  std::size_t reserve_symmetric_columns(std::size_t rows, std::size_t cols) {
    begin(cols, cols, rows, true, false);
    kept_tiles_ = 0;
    reserve_backward();
    return tiles();
  }
  /// The same for rectangular_columns().
  std::size_t reserve_rectangular_columns(std::size_t rows, std::size_t x_cols,
                                          std::size_t y_cols) {
    begin(x_cols, y_cols, rows, false, false);
    kept_tiles_ = 0;
    reserve_backward();
    return tiles();
  }

  /// The tiles of the last walk.
  std::size_t tiles() const { return schedule_.tiles(); }
  /// Those of symmetric() of an X of that shape.
  static std::size_t tiles_of_symmetric(std::size_t rows, std::size_t cols) {
    return Schedule::symmetric(Chunks{rows, edge_for(rows, cols, true)}.count()).tiles();
  }

  /// Room for kept tiles: a memory_budget that takes no memory.
  std::size_t kept_bytes() const { return kept_.bytes(); }

  std::size_t bytes() const {
    return packed_.bytes() + kept_.bytes() + made_.bytes() + scratch_.bytes();
  }

 private:
  using Gradients = std::array<Gradient<T>, 2>;  // one without an output is skipped

  // The visitor of a product alone: entries of S are their own weights.
  struct AsTheyAre : Visitor {
    void revisit(const Tile<T>&) const {}
  };

  void begin(std::size_t rows, std::size_t cols, std::size_t K, bool is_symmetric, bool in_rows) {
    rows_ = rows;
    cols_ = cols;
    K_ = K;
    symmetric_ = is_symmetric;
    in_rows_ = in_rows;
    row_edge_ = edge_for(rows, K, in_rows);
    col_edge_ = edge_for(cols, K, in_rows);
    schedule_ = is_symmetric ? Schedule::symmetric(row_blocks())
                             : Schedule::rectangular(row_blocks(), col_blocks());
  }

  // Blocks of equal size, as few as the largest tile allows: no narrow last block. But eight of 128
  // rows or more, or four of 64, so that many threads have as much to do (which costs one thread a
  // percent), unless K is so long that its trips through the caches cost more.
  static std::size_t edge_for(std::size_t rows, std::size_t K, bool in_rows) {
    const bool long_trips = K > Blocking<T>::depth || rows * K * sizeof(T) > far_away;
    const std::size_t largest = long_trips ? Blocking<T>::tile : Blocking<T>::small_tile;
    const bool divided = !in_rows || K <= 8 * Blocking<T>::depth;
    const std::size_t of_64 = std::min<std::size_t>(4, rows / 64);
    const std::size_t of_128 = std::min<std::size_t>(8, rows / 128);
    const std::size_t count =
        std::max(Chunks{rows, largest}.count(), divided ? std::max(of_64, of_128) : 1);
    return count == 0 ? 1 : round_up((rows + count - 1) / count, Blocking<T>::micro_cols);
  }
  std::size_t row_blocks() const { return Chunks{rows_, row_edge_}.count(); }
  std::size_t col_blocks() const { return Chunks{cols_, col_edge_}.count(); }
  std::size_t tile_entries() const { return row_edge_ * col_edge_; }
  std::size_t edge() const { return std::max(row_edge_, col_edge_); }

  Tile<T> tile_at(std::size_t position, T* data) const {
    const BlockPair pair = schedule_.pair(position);
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

  // A product below 2¹⁸ multiply-adds takes less time than to start a thread and to wait for it.
  std::size_t threads() const {
    return rows_ * cols_ * K_ < (std::size_t{1} << 18) ? 1 : max_threads();
  }
  template <class F>
  void in_parallel(std::size_t count, F&& f) const {
    if (threads() > 1) return parallel_for(count, f);
    for (std::size_t i = 0; i < count; ++i) f(i, std::size_t{0});
  }

  // Tiles made one after the other stay in the cache of the one thread that needs them next;
  // several threads make two each, so that none waits long.
  std::size_t made_at_once() const { return threads() == 1 ? 1 : 2 * threads(); }

  // How the blocks of a gradient are cut into tasks, if so many gradients are made at a time.
  Pieces pieces(Side side, std::size_t gradients) const {
    const bool of_rows = symmetric_ || side == Side::rows;
    const std::size_t unit = in_rows_ ? 4 * Blocking<T>::micro_rows : Blocking<T>::micro_cols;
    return {of_rows ? rows_ : cols_, of_rows ? row_edge_ : col_edge_, unit, threads(), gradients};
  }
  std::size_t piece_entries() const {
    std::size_t most = 0;
    for (const Side side : {Side::rows, Side::cols})
      most = std::max({most, pieces(side, 1).size(), pieces(side, 2).size()});
    return 2 * edge() * most;
  }

  template <class Visitor, class Multiply>
  void walk(std::size_t memory_budget, Visitor&& visitor, const Multiply& multiply_tile) {
    using Kind = std::decay_t<Visitor>;
    const std::size_t tiles = schedule_.tiles();
    kept_tiles_ = std::min(tiles, memory_budget / (tile_entries() * sizeof(T)));
    kept_.grow(kept_tiles_, tile_entries());
    reserve_backward();
    std::size_t at_once = visitor.room_for(tiles, edge());
    if (Kind::reads_tiles) at_once = std::min(at_once, made_at_once());
    if (kept_tiles_ < tiles)
      made_.grow(Kind::reads_tiles ? at_once : std::min(threads(), tiles), tile_entries());
    for (std::size_t first = 0; first < tiles; first += at_once) {
      const std::size_t last = std::min(tiles, first + at_once);
      // The last of the walk first: those on the diagonal, half as much work, fill what is left.
      in_parallel(last - first, [&](std::size_t i, std::size_t share) {
        const std::size_t position = last - 1 - i, slot = position - first;
        Tile<T> tile = tile_at(position, data_at(position, Kind::reads_tiles ? slot : share));
        tile.slot = slot;
        multiply_tile(tile);
        visitor.visit(tile);
      });
      if constexpr (Kind::adds_to_blocks) add_to_blocks(first, last, visitor);
    }
  }

  // A tile's place among those that are kept, or among those that are made.
  T* data_at(std::size_t position, std::size_t made) {
    return position < kept_tiles_ ? kept_.data() + position * tile_entries()
                                  : made_.data() + made * tile_entries();
  }

  // Adds up the slots of the tiles in [first, last).
  template <class Visitor>
  void add_to_blocks(std::size_t first, std::size_t last, Visitor& visitor) {
    const std::size_t row_count = row_blocks();
    in_parallel(row_count + (symmetric_ ? 0 : col_blocks()), [&](std::size_t i, std::size_t) {
      const Side side = i < row_count ? Side::rows : Side::cols;
      const std::size_t block = i < row_count ? i : i - row_count;
      auto tiles = schedule_.tiles_of(side, block, first, last);
      for (std::size_t position; tiles.take(position);) {
        Tile<T> tile = tile_at(position, data_at(position, position - first));
        tile.slot = position - first;
        if (side_of(tile, side, block) == Side::rows) visitor.add_to_rows(tile);
        if (side_of(tile, side, block) == Side::cols || tile.diagonal) visitor.add_to_cols(tile);
      }
    });
  }

  // Which side of one of its tiles a block is, the rows of a diagonal one.
  Side side_of(const Tile<T>& tile, Side side, std::size_t block) const {
    if (!symmetric_) return side;
    return tile.row0 == block * row_edge_ ? Side::rows : Side::cols;
  }

  template <class Visitor, class Multiply>
  void walk_back(const Visitor& visitor, const Multiply& multiply_tile, const Gradients& outputs) {
    reserve_backward();
    const std::size_t tiles = schedule_.tiles(), at_once = made_at_once();
    // Several threads weigh a kept tile twice, each block its own part, rather than wait for each
    // other between a few tiles and the next.
    const std::size_t in_place = Visitor::keeps_weights || threads() > 1 ? kept_tiles_ : 0;
    if (in_place > 0) add_to_gradients(kept_.data(), 0, in_place, visitor, outputs, {});
    for (std::size_t first = in_place; first < tiles; first += at_once) {
      const std::size_t last = std::min(tiles, first + at_once);
      in_parallel(last - first, [&](std::size_t i, std::size_t) {
        T* const weights = made_.data() + i * tile_entries();
        const Tile<T> tile = tile_at(first + i, data_at(first + i, i));
        if (tile.data == weights) {
          multiply_tile(tile);
          visitor.revisit(tile);
        }
        if constexpr (!Visitor::keeps_weights) visitor.weigh(tile, weights, tile.ld);
      });
      add_to_gradients(made_.data(), first, last, AsTheyAre{}, outputs, kept_region(last));
    }
  }

  // The tile at a place of the walk, if it was kept.
  Region kept_region(std::size_t position) const {
    if (position >= kept_tiles_) return {};
    return region(kept_.data() + position * tile_entries(), 0, 1, tile_entries());
  }

  // What the tiles in [first, last) add, which lie one after the other. `after` is needed then.
  template <class Visitor>
  void add_to_gradients(T* data, std::size_t first, std::size_t last, const Visitor& visitor,
                        const Gradients& outputs, const Region& after) {
    const std::size_t gradients = outputs[0].out && outputs[1].out ? 2 : 1;
    const Pieces pieces_of[2] = {pieces(outputs[0].side, gradients),
                                 pieces(outputs[1].side, gradients)};
    const std::size_t room = piece_entries();
    const std::size_t tasks[2] = {outputs[0].out ? pieces_of[0].count() : 0,
                                  outputs[1].out ? pieces_of[1].count() : 0};
    in_parallel(tasks[0] + tasks[1], [&](std::size_t i, std::size_t share) {
      const std::size_t o = i < tasks[0] ? 0 : 1;
      const Gradient<T>& output = outputs[o];
      const Pieces::Piece piece = pieces_of[o].at(o == 0 ? i : i - tasks[0]);
      const BlockGradient<T, Visitor> gradient(visitor, output, piece.first, piece.count, edge(),
                                               scratch_.data() + share * room);
      const std::size_t first_tile = schedule_.first_tile(output.side, piece.block);
      auto tiles = schedule_.tiles_of(output.side, piece.block, first, last);
      std::size_t position = 0, next = 0;
      for (bool more = tiles.take(position); more; position = next) {
        more = tiles.take(next);
        const auto at = [&](std::size_t place) {
          return tile_at(place, data + (place - first) * tile_entries());
        };
        const Tile<T> tile = at(position);
        const Side side = side_of(tile, output.side, piece.block);
        const Output how = position == first_tile ? Output::write : Output::add;
        if (!in_rows_) {
          gradient.add_cols(tile, side, how);
        } else if (more) {
          const Tile<T> then = at(next);
          gradient.add_rows(tile, side, how,
                            gradient.ahead_of(then, side_of(then, output.side, piece.block)));
        } else {
          gradient.add_rows(tile, side, how, {after, {}});
        }
      }
    });
  }

  // Bytes of an operand that no cache holds beside the others.
  static constexpr std::size_t far_away = std::size_t{16} << 20;

  // Kept for backward.
  Schedule schedule_;
  std::size_t rows_ = 0;  // of S
  std::size_t cols_ = 0;
  std::size_t K_ = 0;
  std::size_t row_edge_ = 1;
  std::size_t col_edge_ = 1;
  bool symmetric_ = false;
  bool in_rows_ = true;  // X and Y are read by rows
  PackedRight<T> packed_;
  std::size_t kept_tiles_ = 0;
  Buffer<T> kept_;
  // Scratch.
  Buffer<T> made_;
  Buffer<T> scratch_;
};

}  // namespace product
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"

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
#include "selfsup/product/block_gradient.hpp"
#include "selfsup/product/gradient_tasks.hpp"
#include "selfsup/product/pack.hpp"
#include "selfsup/product/padded_matrix.hpp"
#include "selfsup/product/schedule.hpp"
#include "selfsup/product/tile_plan.hpp"
#include "selfsup/product/tile_product.hpp"
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
    plan_ = TilePlan<T>(x.rows(), x.rows(), x.cols(), true, true);
    packed_.pack(as_columns(x));
    walk(memory_budget, visitor, products_of_rows(plan_, x, packed_));
  }

  /// S = Xᵀ X, tiles on and above the diagonal. Reads X in place.
  template <class Visitor>
  void symmetric_columns(const PaddedMatrix<T>& x, std::size_t memory_budget, Visitor&& visitor) {
    plan_ = TilePlan<T>(x.cols(), x.cols(), x.rows(), true, false);
    walk(memory_budget, visitor, products_of_columns(plan_, x, x));
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
    plan_ = TilePlan<T>(x.rows(), y_rows, x.cols(), false, true);
    walk(memory_budget, visitor, products_of_rows(plan_, x, y));
  }

  /// S = Xᵀ Y, every tile. Reads X and Y in place.
  template <class Visitor>
  void rectangular_columns(const PaddedMatrix<T>& x, const PaddedMatrix<T>& y,
                           std::size_t memory_budget, Visitor&& visitor) {
    plan_ = TilePlan<T>(x.cols(), y.cols(), x.rows(), false, false);
    walk(memory_budget, visitor, products_of_columns(plan_, x, y));
  }

  /// Writes out = (X Xᵀ) Y in one walk of which no tile is kept. Packs X.
  void symmetric_times(const PaddedMatrix<T>& x, const PaddedMatrix<T>& y, PaddedMatrix<T>& out) {
    plan_ = TilePlan<T>(x.rows(), x.rows(), x.cols(), true, true);
    kept_tiles_ = 0;
    out.reshape(y.rows(), y.cols());
    packed_.pack(as_columns(x));
    walk_back(AsTheyAre{}, products_of_rows(plan_, x, packed_), {{{Side::rows, &y, &out}, {}}});
  }

  /// After symmetric(x): writes d_x = W X with the weights W mirrored to a full symmetric matrix.
  template <class Visitor>
  void symmetric_backward(const PaddedMatrix<T>& x, PaddedMatrix<T>& d_x, Visitor&& visitor) {
    d_x.reshape(x.rows(), x.cols());
    walk_back(visitor, products_of_rows(plan_, x, packed_), {{{Side::rows, &x, &d_x}, {}}});
  }

  /// After symmetric_columns(x): writes d_x = X W with the weights W mirrored to a full
  /// symmetric matrix.
  template <class Visitor>
  void symmetric_columns_backward(const PaddedMatrix<T>& x, PaddedMatrix<T>& d_x,
                                  Visitor&& visitor) {
    d_x.reshape(x.rows(), x.cols());
    walk_back(visitor, products_of_columns(plan_, x, x), {{{Side::rows, &x, &d_x}, {}}});
  }

  /// After rectangular_products_of_columns(plan_, x, y): writes d_x = Y Wᵀ and d_y = X W; a null
  /// pointer skips an output.
  template <class Visitor>
  void rectangular_columns_backward(const PaddedMatrix<T>& x, const PaddedMatrix<T>& y,
                                    PaddedMatrix<T>* d_x, PaddedMatrix<T>* d_y, Visitor&& visitor) {
    if (d_x) d_x->reshape(x.rows(), x.cols());
    if (d_y) d_y->reshape(y.rows(), y.cols());
    walk_back(visitor, products_of_columns(plan_, x, y),
              {{{Side::rows, &y, d_x}, {Side::cols, &x, d_y}}});
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
    if (d_y) d_y->reshape(plan_.cols(), y.cols());
    walk_back(visitor, products_of_rows(plan_, x, packed_y),
              {{{Side::rows, &y, d_x}, {Side::cols, &x, d_y}}});
  }

  /// Takes what the second walk will need, so that it cannot run out of memory.
  void reserve_backward() { reserve_backward(kept_tiles_ > 0); }

  /// Takes what symmetric_columns() of an X of that shape and its second walk need without
  /// kept tiles. Forgets the last walk. Returns how many tiles there will be.
  std::size_t reserve_symmetric_columns(std::size_t rows, std::size_t cols) {
    plan_ = TilePlan<T>(cols, cols, rows, true, false);
    kept_tiles_ = 0;
    reserve_backward(true);
    return tiles();
  }
  /// The same for rectangular_columns().
  std::size_t reserve_rectangular_columns(std::size_t rows, std::size_t x_cols,
                                          std::size_t y_cols) {
    plan_ = TilePlan<T>(x_cols, y_cols, rows, false, false);
    kept_tiles_ = 0;
    reserve_backward(true);
    return tiles();
  }

  /// The tiles of the last walk.
  std::size_t tiles() const { return plan_.schedule().tiles(); }
  /// Those of symmetric() of an X of that shape.
  static std::size_t tiles_of_symmetric(std::size_t rows, std::size_t cols) {
    return TilePlan<T>(rows, rows, cols, true, true).schedule().tiles();
  }

  /// Room for kept tiles: a memory_budget that takes no memory.
  std::size_t kept_bytes() const { return kept_.bytes(); }

  std::size_t bytes() const {
    return packed_.bytes() + kept_.bytes() + made_.bytes() + scratch_.bytes();
  }

 private:
  using Gradients = typename GradientTasks<T>::Gradients;

  // The visitor of a product alone: entries of S are their own weights.
  struct AsTheyAre : Visitor {
    void revisit(const Tile<T>&) const {}
  };

  // `kept`: tiles that are kept may be weighed a piece at a time, into scratch of its own.
  void reserve_backward(bool kept) {
    // Where all tiles are kept, too: a value that keeps none takes no memory then. A thread may
    // have half a tile.
    made_.grow(std::min(plan_.threads(), 2 * tiles()), plan_.tile_entries());
    room_ = (kept ? 2 : 1) * plan_.piece_entries();
    scratch_.grow(plan_.threads() * room_);
  }

  template <class Visitor, class Multiply>
  void walk(std::size_t memory_budget, Visitor&& visitor, const Multiply& multiply_tile) {
    using Kind = std::decay_t<Visitor>;
    const std::size_t tiles = plan_.schedule().tiles();
    kept_tiles_ = std::min(tiles, memory_budget / (plan_.tile_entries() * sizeof(T)));
    kept_.grow(kept_tiles_, plan_.tile_entries());
    reserve_backward();
    std::size_t at_once = Kind::adds_to_blocks ? plan_.most_slots() : tiles;
    if (Kind::reads_tiles) at_once = std::min(at_once, plan_.threads());
    constexpr std::size_t parts = slots_a_tile<Kind>;
    visitor.reserve(parts * at_once, plan_.edge());
    for (std::size_t first = 0; first < tiles; first += at_once) {
      const std::size_t last = std::min(tiles, first + at_once);
      // The last of the walk first: those on the diagonal, half as much work, fill what is left.
      plan_.in_parallel(parts * (last - first), [&](std::size_t i, std::size_t share) {
        const std::size_t position = last - 1 - i / parts, slot = position - first;
        Tile<T> tile = plan_.tile_at(position, data_at(position, Kind::reads_tiles ? slot : share));
        if (Kind::takes_halves) tile = tile.half(i % parts);
        tile.slot = parts * slot + i % parts;
        multiply_tile(tile);
        visitor.visit(tile);
      });
      if constexpr (Kind::adds_to_blocks) add_to_blocks(first, last, visitor);
    }
  }

  // A tile's place among those that are kept, or among those that are made.
  T* data_at(std::size_t position, std::size_t made) {
    return position < kept_tiles_ ? kept_.data() + position * plan_.tile_entries()
                                  : made_.data() + made * plan_.tile_entries();
  }

  // Adds up the slots of the tiles in [first, last).
  template <class Visitor>
  void add_to_blocks(std::size_t first, std::size_t last, Visitor& visitor) {
    const Schedule& schedule = plan_.schedule();
    const std::size_t row_blocks = schedule.blocks(Side::rows);
    const std::size_t col_blocks = plan_.symmetric() ? 0 : schedule.blocks(Side::cols);
    plan_.in_parallel(row_blocks + col_blocks, [&](std::size_t i, std::size_t) {
      const Side side = i < row_blocks ? Side::rows : Side::cols;
      const std::size_t block = i < row_blocks ? i : i - row_blocks;
      auto tiles = schedule.tiles_of(side, block, first, last);
      for (std::size_t position; tiles.take(position);) {
        const std::size_t slot = position - first;
        Tile<T> tile = plan_.tile_at(position, data_at(position, slot));
        tile.slot = slot;
        const bool as_rows = plan_.side_of(tile, side, block) == Side::rows;
        if (as_rows) visitor.add_to_rows(tile);
        if (!as_rows || tile.diagonal) visitor.add_to_cols(tile);
      }
    });
  }

  template <class Visitor, class Multiply>
  void walk_back(const Visitor& visitor, const Multiply& multiply_tile, const Gradients& outputs) {
    reserve_backward();
    const GradientTasks<T> tasks(plan_, scratch_.data(), room_);
    const std::size_t tiles = plan_.schedule().tiles(), at_once = plan_.threads();
    // Several threads weigh a kept tile twice, each block its own part, rather than wait for each
    // other between a few tiles and the next.
    const std::size_t in_place = Visitor::keeps_weights || plan_.threads() > 1 ? kept_tiles_ : 0;
    if (in_place > 0) tasks.add(kept_.data(), 0, in_place, visitor, outputs, {});
    for (std::size_t first = in_place; first < tiles; first += at_once) {
      const std::size_t last = std::min(tiles, first + at_once);
      plan_.in_parallel(last - first, [&](std::size_t i, std::size_t) {
        T* const weights = made_.data() + i * plan_.tile_entries();
        const Tile<T> tile = plan_.tile_at(first + i, data_at(first + i, i));
        if (tile.data == weights) {
          multiply_tile(tile);
          visitor.revisit(tile);
        }
        if constexpr (!Visitor::keeps_weights) visitor.weigh(tile, weights, tile.ld);
      });
      tasks.add(made_.data(), first, last, AsTheyAre{}, outputs, kept_region(last));
    }
  }

  // The tile at a place of the walk, if it was kept.
  Region kept_region(std::size_t position) const {
    if (position >= kept_tiles_) return {};
    return region(kept_.data() + position * plan_.tile_entries(), 0, 1, plan_.tile_entries());
  }

  // Kept for backward.
  TilePlan<T> plan_;
  PackedRight<T> packed_;
  std::size_t kept_tiles_ = 0;
  Buffer<T> kept_;
  // Scratch.
  Buffer<T> made_;
  Buffer<T> scratch_;
  std::size_t room_ = 0;  // of a share
};

}  // namespace product
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"

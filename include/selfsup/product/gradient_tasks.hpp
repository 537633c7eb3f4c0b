// The gradients of a second walk, cut into tasks: a piece of a block's gradient is one, which goes
// through the tiles of the block in walk order.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/parallel.hpp"
#include "selfsup/product/ahead.hpp"
#include "selfsup/product/block_gradient.hpp"
#include "selfsup/product/pieces.hpp"
#include "selfsup/product/schedule.hpp"
#include "selfsup/product/tile.hpp"
#include "selfsup/product/tile_plan.hpp"

#include <array>
#include <cstddef>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace product {

template <class T>
class GradientTasks {
 public:
  using Gradients = std::array<Gradient<T>, 2>;  // one without an output is skipped

  /// Each share of the work has `room` entries of scratch.
  GradientTasks(const TilePlan<T>& plan, T* scratch, std::size_t room)
      : plan_(plan), scratch_(scratch), room_(room) {}

  /// Adds, or writes where it is the first of its block, what the tiles in [first, last) give,
  /// which lie one after the other. `after` is needed then.
  template <class Visitor>
  void add(T* data, std::size_t first, std::size_t last, const Visitor& visitor,
           const Gradients& outputs, const Region& after) const {
    const std::size_t gradients = outputs[0].out && outputs[1].out ? 2 : 1;
    const Pieces pieces_of[2] = {plan_.pieces(outputs[0].side, gradients),
                                 plan_.pieces(outputs[1].side, gradients)};
    const Chunks rows_of[2] = {plan_.rows_of_piece(pieces_of[0], gradients),
                               plan_.rows_of_piece(pieces_of[1], gradients)};
    const std::size_t tasks[2] = {outputs[0].out ? pieces_of[0].count() * rows_of[0].count() : 0,
                                  outputs[1].out ? pieces_of[1].count() * rows_of[1].count() : 0};
    const auto add_piece = [&](std::size_t o, std::size_t i, std::size_t share) {
      const Gradient<T>& output = outputs[o];
      const Pieces::Piece piece = pieces_of[o].at(i / rows_of[o].count());
      const std::size_t rows = i % rows_of[o].count();
      const BlockGradient<T, Visitor> gradient(visitor, output, piece.first, piece.count,
                                               plan_.edge(), scratch_ + share * room_);
      const std::size_t first_tile = plan_.schedule().first_tile(output.side, piece.block);
      auto tiles = plan_.schedule().tiles_of(output.side, piece.block, first, last);
      std::size_t position = 0, next = 0;
      for (bool more = tiles.take(position); more; position = next) {
        more = tiles.take(next);
        const auto at = [&](std::size_t place) {
          return plan_.tile_at(place, data + (place - first) * plan_.tile_entries());
        };
        const Tile<T> tile = at(position);
        const Side side = plan_.side_of(tile, output.side, piece.block);
        const Output how = position == first_tile ? Output::write : Output::add;
        if (!plan_.in_rows()) {
          gradient.add_cols(tile, side, how, rows_of[o].first(rows), rows_of[o].length(rows));
        } else if (more) {
          const Tile<T> then = at(next);
          gradient.add_rows(tile, side, how,
                            gradient.ahead_of(then, plan_.side_of(then, output.side, piece.block)));
        } else {
          gradient.add_rows(tile, side, how, {after, {}});
        }
      }
    };
    if (plan_.threads() == 1 && last - first == 1) {  // whole blocks, and no other has the tile
      const BlockPair pair = plan_.schedule().pair(first);
      for (std::size_t o = 0; o < 2; ++o) {
        if (tasks[o] == 0) continue;
        const bool of_cols = outputs[o].side == Side::cols;
        if (!of_cols) add_piece(o, pair.row, 0);
        if (of_cols || (plan_.symmetric() && pair.col != pair.row)) add_piece(o, pair.col, 0);
      }
      return;
    }
    plan_.in_parallel(tasks[0] + tasks[1], [&](std::size_t i, std::size_t share) {
      add_piece(i < tasks[0] ? 0 : 1, i < tasks[0] ? i : i - tasks[0], share);
    });
  }

 private:
  const TilePlan<T>& plan_;
  T* scratch_;
  std::size_t room_;
};

}  // namespace product
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"

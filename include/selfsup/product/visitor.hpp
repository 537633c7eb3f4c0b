// What a walk over tiles asks of its visitor.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/abi.hpp"

#include <cstddef>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace product {

/// What a walk asks of a visitor. Calls for different tiles, or different blocks, run side by side
/// on several threads.
/// - reserve(slots, edge): takes room for that many slots, of tiles of up to edge rows and columns.
/// - visit(tile), once a tile: turns the products in place into what is kept, and leaves what it
///   takes of them in tile.slot. Unless `adds_to_blocks`, each tile of the walk has one of its own;
///   if `takes_halves`, the upper and the lower half of each that is not on the diagonal, so that
///   all calls take equally long.
/// - add_to_rows(tile), add_to_cols(tile), in the walk order of the tile's row block (column
///   block): adds what is in tile.slot to what is known of its rows (columns). A symmetric walk
///   calls both for a diagonal tile. The tile's data are there only if `reads_tiles`.
/// - revisit(tile), in the second walk, for a tile that was not kept: turns the products into the
///   same values again.
/// - weigh(tile, weights, ld), in the second walk: writes the weight dL/dS of each defined entry
///   (symmetric: dL/dS_ij and dL/dS_ji added), rows ld apart. The tile may be a part of one. Not
///   called if `keeps_weights`: then what is kept is the weight.
/// This is the part of a visitor of which what is kept is the weight, and whose slots nobody adds
/// up by row or column.
struct Visitor {
  static constexpr bool takes_halves = false;
  static constexpr bool reads_tiles = false;
  static constexpr bool adds_to_blocks = false;
  static constexpr bool keeps_weights = true;
};

/// The slots that a visitor which takes tiles alone has for each of them.
template <class Kind>
inline constexpr std::size_t slots_a_tile = Kind::takes_halves ? 2 : 1;

}  // namespace product
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"

// The order of a walk over blocks: rounds in which no two tiles share a row block or a column
// block. What a block receives from its tiles is added in that order, whoever computes them and
// when, so that a tile that is made again serves both its blocks.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/abi.hpp"

#include <algorithm>
#include <cstddef>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace product {

struct BlockPair {
  std::size_t row;
  std::size_t col;
};

/// Which blocks of a walk: in a symmetric one a block is one of rows and of columns.
enum class Side { rows, cols };

class Schedule {
 public:
  Schedule() = default;

  /// Every pair row <= col of blocks once: first all diagonal ones, then a round-robin tournament
  /// by the circle method.
  static Schedule symmetric(std::size_t blocks) { return {blocks, blocks, true}; }

  /// Every pair of a row block and a column block once, along the shifted diagonals.
  static Schedule rectangular(std::size_t row_blocks, std::size_t col_blocks) {
    return {row_blocks, col_blocks, false};
  }

  std::size_t blocks(Side side) const { return side == Side::rows ? row_blocks_ : col_blocks_; }

  std::size_t tiles() const {
    return symmetric_ ? row_blocks_ * (row_blocks_ + 1) / 2 : row_blocks_ * col_blocks_;
  }

  /// The blocks of the tile at a place of the walk.
  BlockPair pair(std::size_t position) const {
    const std::size_t round = round_of(position), item = position - first_of(round);
    if (!symmetric_) {
      const std::size_t shifted = (item + round) % rounds();
      return row_blocks_ <= col_blocks_ ? BlockPair{item, shifted} : BlockPair{shifted, item};
    }
    if (round == 0) return {item, item};
    // Seats 0 … seats-1 sit on a circle. With an even number of blocks the last block stays outside
    // and meets the seat at the round's pivot; with an odd number that seat has a bye.
    const std::size_t pivot = round - 1;
    if (even() && item == 0) return {pivot, seats()};
    const std::size_t step = even() ? item : item + 1;
    const std::size_t left = (pivot + seats() - step) % seats();
    const std::size_t right = (pivot + step) % seats();
    return {std::min(left, right), std::max(left, right)};
  }

  /// The tiles of one block, in walk order.
  class TilesOfBlock {
   public:
    /// Those in [first, last).
    TilesOfBlock(const Schedule& schedule, Side side, std::size_t block, std::size_t first,
                 std::size_t last)
        : schedule_(schedule), side_(side), block_(block), first_(first), last_(last) {
      if (first < last) {
        round_ = schedule.round_of(first);
        rounds_ = schedule.round_of(last - 1) + 1;
      }
    }

    /// Sets `position` to that of the next tile; false when there is none.
    bool take(std::size_t& position) {
      while (round_ < rounds_) {
        const std::size_t round = round_++, item = schedule_.item_of(round, side_, block_);
        if (item == nowhere) continue;
        position = schedule_.first_of(round) + item;
        if (position >= first_ && position < last_) return true;
      }
      return false;
    }

   private:
    const Schedule& schedule_;
    Side side_;
    std::size_t block_, first_, last_;
    std::size_t round_ = 0, rounds_ = 0;
  };

  TilesOfBlock tiles_of(Side side, std::size_t block, std::size_t first, std::size_t last) const {
    return {*this, side, block, first, last};
  }

  /// The first tile of a block.
  std::size_t first_tile(Side side, std::size_t block) const {
    std::size_t position = 0;
    tiles_of(side, block, 0, tiles()).take(position);
    return position;
  }

 private:
  static constexpr std::size_t nowhere = static_cast<std::size_t>(-1);

  Schedule(std::size_t row_blocks, std::size_t col_blocks, bool is_symmetric)
      : row_blocks_(row_blocks), col_blocks_(col_blocks), symmetric_(is_symmetric) {}

  // Rounds of the tournament: an odd number, one less than the blocks when those are even. One
  // block plays none.
  std::size_t seats() const { return row_blocks_ == 1 ? 0 : row_blocks_ - (row_blocks_ + 1) % 2; }
  bool even() const { return row_blocks_ % 2 == 0; }

  // Of a rectangular walk.
  std::size_t rounds() const { return std::max(row_blocks_, col_blocks_); }
  std::size_t items() const { return std::min(row_blocks_, col_blocks_); }

  std::size_t round_of(std::size_t position) const {
    if (!symmetric_) return position / items();
    return position < row_blocks_ ? 0 : 1 + (position - row_blocks_) / (row_blocks_ / 2);
  }
  std::size_t first_of(std::size_t round) const {
    if (!symmetric_) return round * items();
    return round == 0 ? 0 : row_blocks_ + (round - 1) * (row_blocks_ / 2);
  }

  // Where in a round a block has its tile.
  std::size_t item_of(std::size_t round, Side side, std::size_t block) const {
    if (!symmetric_) {
      if ((side == Side::rows) == (row_blocks_ <= col_blocks_)) return block;
      const std::size_t item = (block + rounds() - round) % rounds();
      return item < items() ? item : nowhere;
    }
    if (round == 0) return block;
    const std::size_t pivot = round - 1;
    if (block == pivot || block == seats()) return even() ? 0 : nowhere;
    const std::size_t right = (block + seats() - pivot) % seats();
    const std::size_t step = std::min(right, seats() - right);
    return even() ? step : step - 1;
  }

  std::size_t row_blocks_ = 0;
  std::size_t col_blocks_ = 0;
  bool symmetric_ = false;
};

}  // namespace product
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"

// The order of a walk over blocks: rounds in which no two tiles share a row block or a column
// block. A tile may then write what belongs to both its blocks, and a block meets the others in the
// order of the rounds, whoever computes them.
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

  std::size_t rounds() const {
    if (!symmetric_) return std::max(row_blocks_, col_blocks_);
    return row_blocks_ == 0 ? 0 : 1 + seats();
  }

  /// Tiles in a round.
  std::size_t items(std::size_t round) const {
    if (!symmetric_) return std::min(row_blocks_, col_blocks_);
    return round == 0 ? row_blocks_ : row_blocks_ / 2;
  }

  /// The most tiles in any round.
  std::size_t most_items() const { return items(0); }

  std::size_t tiles() const {
    return symmetric_ ? row_blocks_ * (row_blocks_ + 1) / 2 : row_blocks_ * col_blocks_;
  }

  /// The place of a tile in walk order.
  std::size_t position(std::size_t round, std::size_t item) const {
    if (!symmetric_) return round * items(0) + item;
    return round == 0 ? item : row_blocks_ + (round - 1) * (row_blocks_ / 2) + item;
  }

  BlockPair pair(std::size_t round, std::size_t item) const {
    if (!symmetric_) {
      const std::size_t shifted = (item + round) % rounds();
      return row_blocks_ <= col_blocks_ ? BlockPair{item, shifted} : BlockPair{shifted, item};
    }
    if (round == 0) return {item, item};
    // Seats 0 … seats-1 sit on a circle. With an even number of blocks the last block stays outside
    // and meets the seat at the round's pivot; with an odd number that seat has a bye.
    const bool even = row_blocks_ % 2 == 0;
    const std::size_t pivot = round - 1;
    if (even && item == 0) return {pivot, seats()};
    const std::size_t step = even ? item : item + 1;
    const std::size_t left = (pivot + seats() - step) % seats();
    const std::size_t right = (pivot + step) % seats();
    return {std::min(left, right), std::max(left, right)};
  }

 private:
  Schedule(std::size_t row_blocks, std::size_t col_blocks, bool is_symmetric)
      : row_blocks_(row_blocks), col_blocks_(col_blocks), symmetric_(is_symmetric) {}

  // Rounds of the tournament: an odd number, one less than the blocks when those are even. One
  // block plays none.
  std::size_t seats() const { return row_blocks_ == 1 ? 0 : row_blocks_ - (row_blocks_ + 1) % 2; }

  std::size_t row_blocks_ = 0;
  std::size_t col_blocks_ = 0;
  bool symmetric_ = false;
};

}  // namespace product
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"

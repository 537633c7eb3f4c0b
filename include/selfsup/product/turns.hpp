// Tiles computed side by side, each when it is the turn of its blocks: a block meets its tiles in
// walk order, whoever computes them, and no thread waits for a round to end.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/buffer.hpp"
#include "selfsup/core/parallel.hpp"
#include "selfsup/product/schedule.hpp"

#include <algorithm>
#include <cstddef>
#include <thread>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace product {

/// For each block, how many tiles of it were begun and how many have ended.
class Turns {
 public:
  /// Forgets what was counted; room for that many blocks.
  Turns& begin(std::size_t blocks) {
    begun_.grow(blocks);
    ended_.grow(blocks);
    std::fill_n(begun_.data(), blocks, std::size_t{0});
    std::fill_n(ended_.data(), blocks, std::size_t{0});
    return *this;
  }

  /// The next turn of a block, from 0. Callers exclude each other.
  std::size_t take(std::size_t block) { return begun_.data()[block]++; }

  /// Returns when all earlier turns of the block have ended; sees what they wrote.
  void wait(std::size_t block, std::size_t turn) const {
    // A tile takes a fraction of a millisecond: look for about that long before giving way.
    for (std::size_t looks = 0; __atomic_load_n(ended_.data() + block, __ATOMIC_ACQUIRE) != turn;
         ++looks) {
      if (looks > 100000) std::this_thread::yield();
    }
  }

  void end(std::size_t block, std::size_t turn) {
    __atomic_store_n(ended_.data() + block, turn + 1, __ATOMIC_RELEASE);
  }

  std::size_t bytes() const { return begun_.bytes() + ended_.bytes(); }

 private:
  Buffer<std::size_t> begun_;
  Buffer<std::size_t> ended_;
};

/// Calls f(round, item, thread, first_of_row, first_of_col) for every item in [0, items(round)) of
/// every round, taken in that order. Items that share a block of blocks_of(round, item) run one
/// after the other, in that order; the flags say whether an item is the first of its blocks.
/// thread < max_threads() and no two calls share one at a time. f must not throw.
template <class Items, class BlocksOf, class F>
void parallel_turns(std::size_t rounds, std::size_t side_by_side, Turns& turns, Items&& items,
                    BlocksOf&& blocks_of, F&& f) {
  std::size_t next_round = 0, next_item = 0;
  parallel_threads(side_by_side, [&](std::size_t thread) {
    for (;;) {
      std::size_t round = 0, item = 0, row_turn = 0, col_turn = 0;
      BlockPair blocks{0, 0};
      bool found = false;
      one_at_a_time([&] {
        while (next_round < rounds && next_item >= items(next_round)) {
          ++next_round;
          next_item = 0;
        }
        if (next_round == rounds) return;
        found = true;
        round = next_round;
        item = next_item++;
        blocks = blocks_of(round, item);
        row_turn = turns.take(blocks.row);
        col_turn = blocks.col == blocks.row ? row_turn : turns.take(blocks.col);
      });
      if (!found) return;
      turns.wait(blocks.row, row_turn);
      turns.wait(blocks.col, col_turn);
      f(round, item, thread, row_turn == 0, col_turn == 0);
      turns.end(blocks.row, row_turn);
      turns.end(blocks.col, col_turn);
    }
  });
}

}  // namespace product
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"

// Tiles computed side by side, each when it is the turn of its blocks: a block meets its tiles in
// walk order, whoever computes them, and no thread waits for a round to end.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/buffer.hpp"
#include "selfsup/core/parallel.hpp"
#include "selfsup/product/schedule.hpp"

#include <algorithm>
#include <cstddef>
#include <mutex>
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

namespace detail {

// Hands out the items of all rounds, in order, and the turns of their blocks.
template <class Items, class BlocksOf>
class ItemsInOrder {
 public:
  struct Taken {
    std::size_t round, item;
    BlockPair blocks;
    std::size_t row_turn, col_turn;
  };

  ItemsInOrder(std::size_t rounds, Turns& turns, Items& items, BlocksOf& blocks_of)
      : rounds_(rounds), turns_(turns), items_(items), blocks_of_(blocks_of) {}

  /// False when none is left. Callers exclude each other.
  bool take(Taken& taken) {
    while (round_ < rounds_ && item_ >= items_(round_)) {
      ++round_;
      item_ = 0;
    }
    if (round_ == rounds_) return false;
    taken.round = round_;
    taken.item = item_++;
    taken.blocks = blocks_of_(taken.round, taken.item);
    taken.row_turn = turns_.take(taken.blocks.row);
    taken.col_turn =
        taken.blocks.col == taken.blocks.row ? taken.row_turn : turns_.take(taken.blocks.col);
    return true;
  }

 private:
  std::size_t rounds_;
  Turns& turns_;
  Items& items_;
  BlocksOf& blocks_of_;
  std::size_t round_ = 0;
  std::size_t item_ = 0;
};

}  // namespace detail

/// Calls f(round, item, thread, first_of_row, first_of_col) for every item in [0, items(round)) of
/// every round, taken in that order. Items that share a block of blocks_of(round, item) run one
/// after the other, in that order; the flags say whether an item is the first of its blocks.
/// thread < team_size(side_by_side) and no two calls share one at a time. f must not throw.
template <class Items, class BlocksOf, class F>
void parallel_turns(std::size_t rounds, std::size_t side_by_side, Turns& turns, Items&& items,
                    BlocksOf&& blocks_of, F&& f) {
  detail::ItemsInOrder<Items, BlocksOf> in_order(rounds, turns, items, blocks_of);
  using Taken = typename detail::ItemsInOrder<Items, BlocksOf>::Taken;
  // One thread takes no lock: a child of fork() could find it held by a thread that it has not.
  if (team_size(side_by_side) <= 1) {
    for (Taken at; in_order.take(at);)
      f(at.round, at.item, std::size_t{0}, at.row_turn == 0, at.col_turn == 0);
    return;
  }
  std::mutex one_at_a_time;
  parallel_threads(side_by_side, [&](std::size_t thread) {
    for (Taken at;;) {
      {
        const std::lock_guard<std::mutex> lock(one_at_a_time);
        if (!in_order.take(at)) return;
      }
      turns.wait(at.blocks.row, at.row_turn);
      turns.wait(at.blocks.col, at.col_turn);
      f(at.round, at.item, thread, at.row_turn == 0, at.col_turn == 0);
      turns.end(at.blocks.row, at.row_turn);
      turns.end(at.blocks.col, at.col_turn);
    }
  });
}

}  // namespace product
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"

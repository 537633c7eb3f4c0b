#include "selfsup/product/turns.hpp"

#include "catch.hpp"
#include "child.hpp"
#include "threads.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <thread>
#include <vector>

using selfsup::product::BlockPair;
using selfsup::product::Schedule;

TEST_CASE("every block meets its tiles in walk order, one at a time") {
  for (const int threads : {1, 2, 3}) {
    const tests::Threads scope(threads);
    for (const std::size_t blocks : {1u, 2u, 5u, 8u}) {
      const Schedule schedule = Schedule::symmetric(blocks);
      std::vector<std::vector<std::size_t>> met(blocks);
      std::vector<std::atomic<int>> busy(blocks);
      std::atomic<bool> alone{true}, flagged{true};
      selfsup::product::Turns turns;
      selfsup::product::parallel_turns(
          schedule.rounds(), schedule.most_items(), turns.begin(blocks),
          [&](std::size_t round) { return schedule.items(round); },
          [&](std::size_t round, std::size_t item) { return schedule.pair(round, item); },
          [&](std::size_t round, std::size_t item, std::size_t, bool first_of_row,
              bool first_of_col) {
            const BlockPair pair = schedule.pair(round, item);
            if (busy[pair.row]++ != 0) alone = false;
            if (pair.col != pair.row && busy[pair.col]++ != 0) alone = false;
            if (first_of_row != met[pair.row].empty()) flagged = false;
            if (first_of_col != met[pair.col].empty()) flagged = false;
            const std::size_t position = schedule.position(round, item);
            met[pair.row].push_back(position);
            if (pair.col != pair.row) met[pair.col].push_back(position);
            --busy[pair.row];
            if (pair.col != pair.row) --busy[pair.col];
          });
      CHECK(alone);
      CHECK(flagged);
      for (const auto& tiles : met) {
        CHECK(tiles.size() == blocks);
        CHECK(std::is_sorted(tiles.begin(), tiles.end()));
      }
    }
  }
}

TEST_CASE("on one thread a child of fork is not held up by what its parent was doing") {
  const auto walk = [](const auto& in_a_turn) {
    const tests::Threads scope(1);
    selfsup::product::Turns turns;
    selfsup::product::parallel_turns(
        1, 1, turns.begin(1),
        [&](std::size_t) {
          in_a_turn();
          return std::size_t{1};
        },
        [](std::size_t, std::size_t) {
          return BlockPair{0, 0};
        },
        [](std::size_t, std::size_t, std::size_t, bool, bool) {});
  };
  std::atomic<bool> inside{false}, over{false};
  std::thread other([&] {
    walk([&] {
      inside = true;
      while (!over) std::this_thread::yield();
    });
  });
  while (!inside) std::this_thread::yield();
  const bool ended = tests::Child([&] { walk([] {}); }).ends_well();
  over = true;
  other.join();
  CHECK(ended);
}

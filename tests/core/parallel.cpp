#include "selfsup/core/parallel.hpp"

#include "catch.hpp"
#include "threads.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <vector>

TEST_CASE("parallel_for calls each item once") {
  for (const int threads : {1, 2, 3}) {
    const tests::Threads scope(threads);
    for (const std::size_t count : {0u, 1u, 2u, 3u, 100u}) {
      std::vector<int> calls(count);
      selfsup::parallel_for(count, [&](std::size_t item) { ++calls[item]; });
      CHECK(std::all_of(calls.begin(), calls.end(), [](int n) { return n == 1; }));
    }
  }
}

TEST_CASE("a round begins when the one before it has ended, and no two calls share a thread") {
  for (const int threads : {1, 2, 3}) {
    const tests::Threads scope(threads);
    std::atomic<bool> ok{true};
    std::vector<std::atomic<std::size_t>> ended(5);
    std::vector<std::atomic<int>> busy(selfsup::max_threads());
    selfsup::parallel_rounds(
        5, 9, [](std::size_t round) { return 2 * round + 1; },
        [&](std::size_t round, std::size_t, std::size_t thread) {
          if (thread >= busy.size() || busy[thread]++ != 0) ok = false;
          if (round > 0 && ended[round - 1] != 2 * round - 1) ok = false;
          ++ended[round];
          --busy[thread];
        });
    CHECK(ok);
    CHECK(ended[4] == 9);
  }
}

TEST_CASE("a parallel call inside a parallel call runs on the calling thread") {
  const tests::Threads scope(3);
  std::vector<int> calls(12);
  selfsup::parallel_for(3, [&](std::size_t outer) {
    selfsup::parallel_for(4, [&](std::size_t inner) { ++calls[outer * 4 + inner]; });
  });
  CHECK(std::all_of(calls.begin(), calls.end(), [](int n) { return n == 1; }));
}

TEST_CASE("chunks cover a range once") {
  for (const std::size_t total : {1u, 7u, 8u, 9u, 64u}) {
    const selfsup::Chunks chunks{total, 8};
    std::size_t covered = 0;
    for (std::size_t chunk = 0; chunk < chunks.count(); ++chunk) {
      CHECK(chunks.first(chunk) == covered);
      covered += chunks.length(chunk);
    }
    CHECK(covered == total);
  }
}

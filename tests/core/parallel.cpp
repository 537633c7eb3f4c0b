#include "selfsup/core/parallel.hpp"

#include "catch.hpp"
#include "threads.hpp"

#include <algorithm>
#include <cstddef>
#include <numeric>
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

TEST_CASE("parallel_threads calls once a thread, one_at_a_time lets one in") {
  for (const int threads : {1, 2, 3}) {
    const tests::Threads scope(threads);
    std::vector<std::size_t> calls(selfsup::max_threads());
    std::size_t total = 0;
    selfsup::parallel_threads(2, [&](std::size_t thread) {
      ++calls.at(thread);
      for (int i = 0; i < 1000; ++i) selfsup::one_at_a_time([&] { ++total; });
    });
    CHECK(calls[0] == 1);
    CHECK(*std::max_element(calls.begin(), calls.end()) == 1);
    CHECK(total == 1000 * std::accumulate(calls.begin(), calls.end(), std::size_t{0}));
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

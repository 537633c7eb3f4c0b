#include "selfsup/core/parallel.hpp"

#include "catch.hpp"
#include "executors.hpp"
#include "threads.hpp"

#include "selfsup/core/openmp_executor.hpp"

#include <algorithm>
#include <atomic>
#include <cfenv>
#include <cstddef>
#include <limits>
#include <vector>

namespace {

// The rounding directions of OpenMP's threads, and of the calling one.
std::vector<int> directions_of_threads() {
  std::vector<int> found(3, std::fegetround());
#ifdef _OPENMP
#pragma omp parallel
  found.at(static_cast<std::size_t>(omp_get_thread_num())) = std::fegetround();
#endif
  return found;
}

}  // namespace

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

TEST_CASE("calls with the same share do not overlap") {
  for (const int threads : {1, 2, 3}) {
    const tests::Threads scope(threads);
    std::vector<std::atomic<int>> busy(selfsup::team_size(100));
    std::atomic<bool> alone{true};
    selfsup::parallel_for(100, [&](std::size_t, std::size_t share) {
      if (busy.at(share)++ != 0) alone = false;
      --busy[share];
    });
    CHECK(alone);
  }
}

TEST_CASE("threads work in the caller's rounding direction, and keep their own") {
  const tests::Threads scope(3);
#ifdef _OPENMP
  selfsup::OpenMpExecutor executor;  // the program can ask its threads for theirs
  const selfsup::RunOn on(executor);
#endif
  const auto all = [](const std::vector<int>& found, int expected) {
    return std::all_of(found.begin(), found.end(), [=](int one) { return one == expected; });
  };
  const int before = std::fegetround();
  CHECK(all(directions_of_threads(), before));  // the pool is made here at the latest
  REQUIRE(std::fesetround(FE_UPWARD) == 0);
  std::vector<int> of_items(100);
  selfsup::parallel_for(100, [&](std::size_t item) { of_items[item] = std::fegetround(); });
  const int after = std::fegetround();
  std::fesetround(before);
  CHECK(all(of_items, FE_UPWARD));
  CHECK(after == FE_UPWARD);
  CHECK(all(directions_of_threads(), before));
}

TEST_CASE("a parallel call inside a parallel call runs on the calling thread") {
  const tests::Threads scope(3);
  std::vector<int> calls(12);
  selfsup::parallel_for(3, [&](std::size_t outer) {
    selfsup::parallel_for(4, [&](std::size_t inner) { ++calls[outer * 4 + inner]; });
  });
  CHECK(std::all_of(calls.begin(), calls.end(), [](int n) { return n == 1; }));
}

TEST_CASE("small work uses few threads, large work all, and items without a size all") {
  const auto threads_of = [](std::size_t count, std::size_t entries) {
    tests::Asked asked(16);
    const selfsup::RunOn scope(asked);
    if (entries == 0) {
      selfsup::parallel_for(count, [](std::size_t) {});
    } else {
      selfsup::parallel_for(count, entries, [](std::size_t) {});
    }
    return asked.most();
  };
  CHECK(threads_of(32, 512) == 1);  // 16k entries, some 5 to 10 µs
  CHECK(threads_of(64, 512) == 2);  // twice that
  CHECK(threads_of(256, 512) == 8);
  CHECK(threads_of(100000, 512) == 16);
  CHECK(threads_of(3, 1000000) == 3);  // each worth a thread
  CHECK(threads_of(1, 1000000) == 1);
  CHECK(threads_of(5, std::numeric_limits<std::size_t>::max()) == 5);
  CHECK(threads_of(0, 512) == 1);
  CHECK(threads_of(5, 0) == 5);
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

TEST_CASE("chunks are counted up to the largest number there is") {
  constexpr std::size_t largest = std::numeric_limits<std::size_t>::max();
  for (const std::size_t total : {std::size_t{1}, std::size_t{100}, largest - 1, largest}) {
    CHECK(selfsup::Chunks{total, largest}.count() == 1);
    CHECK(selfsup::Chunks{total, largest}.length(0) == total);
    CHECK(selfsup::Chunks{total, 1}.count() == total);
  }
  CHECK(selfsup::Chunks{largest, 2}.count() == largest / 2 + 1);
  CHECK(selfsup::Chunks{largest, 2}.length(largest / 2) == 1);
  CHECK(selfsup::row_chunks(largest, 8192).count() == largest / 2 + 1);
  CHECK(selfsup::row_chunks(largest, largest).count() == largest);
  CHECK(selfsup::Chunks{0, largest}.count() == 0);
}

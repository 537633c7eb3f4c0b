#include "selfsup/core/executor.hpp"

#include "catch.hpp"
#include "executors.hpp"
#include "threads.hpp"

#include "selfsup/core/parallel.hpp"
#include "selfsup/core/runs_on.hpp"

#include <algorithm>
#include <atomic>
#include <cfenv>
#include <cstddef>
#include <thread>
#include <vector>

namespace {

constexpr std::size_t shares = 5;

// Counts what a work of `count` items sees; true when each item was called once, with a share that
// nobody else had at the time.
bool runs_each_item_once(selfsup::Executor& executor, std::size_t count) {
  std::vector<std::atomic<int>> calls(count);
  std::vector<std::atomic<bool>> taken(shares);
  std::atomic<bool> right{true};
  auto item = [&](std::size_t i, std::size_t share) {
    if (share >= shares || taken[share].exchange(true)) right = false;
    ++calls[i];
    taken[std::min(share, shares - 1)] = false;
  };
  selfsup::Work work(count, item);
  executor.run(work, shares);
  return right && std::all_of(calls.begin(), calls.end(), [](const auto& n) { return n == 1; });
}

// What a loss does with its executor.
class Borrower : public selfsup::RunsOn {
 public:
  std::size_t threads() const {
    const selfsup::RunOn threads = lent();
    return selfsup::max_threads();
  }
};

}  // namespace

TEST_CASE("an executor calls each item once, and no two with one share at a time") {
  const tests::Threads of_openmp(static_cast<int>(shares));
  tests::for_each_executor(shares, [](const char* name, selfsup::Executor& executor) {
    INFO(name);
    CHECK(executor.threads() == shares);
    for (const std::size_t count : {0u, 1u, 4u, 5u, 6u, 1000u}) {
      CHECK(runs_each_item_once(executor, count));
    }
  });
}

TEST_CASE("a parallel call runs on the executor of the scope, and on the one before afterwards") {
  tests::for_each_executor(3, [](const char* name, selfsup::Executor& executor) {
    INFO(name);
    const tests::Threads of_others(4);
    const std::size_t of_executor = executor.threads();
    {
      const selfsup::RunOn scope(executor);
      CHECK(selfsup::max_threads() == of_executor);
      tests::Backwards inner(7);
      {
        const selfsup::RunOn inner_scope(inner);
        CHECK(selfsup::max_threads() == 7);
        const selfsup::RunOn none(nullptr);
        CHECK(selfsup::max_threads() == 7);
      }
      CHECK(selfsup::max_threads() == of_executor);
      std::vector<int> calls(100);
      selfsup::parallel_for(100, [&](std::size_t item) { ++calls[item]; });
      CHECK(calls == std::vector<int>(100, 1));
    }
    CHECK(selfsup::max_threads() == 4);
  });
}

TEST_CASE("an object keeps the executor it was given, as do its copies, and gives it back") {
  const tests::Threads of_others(4);
  tests::Backwards executor(7), outer(5);
  Borrower object;
  CHECK(object.threads() == 4);
  object.run_on(executor);
  CHECK(object.threads() == 7);
  const Borrower copy = object;
  object.run_on(nullptr);
  const selfsup::RunOn scope(outer);
  CHECK(object.threads() == 5);
  CHECK(copy.threads() == 7);
  CHECK(selfsup::max_threads() == 5);
}

TEST_CASE(
    "items that an executor hands out by itself are done in the caller's rounding direction") {
  std::vector<int> directions(6);
  auto item = [&](std::size_t i, std::size_t) { directions[i] = std::fegetround(); };
  const int before = std::fegetround();
  REQUIRE(std::fesetround(FE_UPWARD) == 0);
  const selfsup::Work work(directions.size(), item);
  std::fesetround(before);
  int afterwards = FE_UPWARD;
  std::thread other([&] {
    for (std::size_t i = 0; i < work.count(); ++i) work.item(i, 0);
    afterwards = std::fegetround();
  });
  other.join();
  CHECK(directions == std::vector<int>(6, FE_UPWARD));
  CHECK(afterwards == before);
}

#ifdef _OPENMP
TEST_CASE("inside a region of OpenMP parallel calls stay on the calling thread") {
  const tests::Threads scope(3);
  std::vector<std::size_t> threads(3), sums(3);
#pragma omp parallel for num_threads(3)
  for (int outer = 0; outer < 3; ++outer) {
    const auto own = static_cast<std::size_t>(outer);
    threads[own] = selfsup::max_threads();
    selfsup::parallel_for(100, [&](std::size_t item) { sums[own] += item; });
  }
  CHECK(threads == std::vector<std::size_t>(3, 1));
  CHECK(sums == std::vector<std::size_t>(3, 4950));
}

TEST_CASE("OpenMP's executor calls every share when the runtime gives one thread") {
  tests::Backwards all(shares);
  selfsup::OpenMpExecutor executor;
#pragma omp parallel num_threads(2)
  {
#pragma omp single
    CHECK(runs_each_item_once(executor, 1000));
  }
}
#endif

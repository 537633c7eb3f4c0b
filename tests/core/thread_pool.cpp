#include "selfsup/core/thread_pool.hpp"

#include "catch.hpp"
#include "child.hpp"
#include "sanitizer.hpp"

#include "selfsup/core/executor.hpp"
#include "selfsup/core/parallel.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <ctime>
#include <memory>
#include <thread>
#include <vector>

#include <pthread.h>
#include <unistd.h>

namespace {

using selfsup::ThreadPool;

// The sum of [0, count), by as many shares as the pool has threads.
std::size_t sum(ThreadPool& pool, std::size_t count = 1000, std::size_t shares = 0) {
  if (shares == 0) shares = pool.threads();
  std::vector<std::size_t> sums(shares);
  auto add = [&](std::size_t item, std::size_t share) { sums[share] += item; };
  selfsup::Work work(count, add);
  pool.run(work, shares);
  std::size_t total = 0;
  for (const std::size_t part : sums) total += part;
  return total;
}

constexpr std::size_t right = 499500;  // of the first 1000

double processor_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

void pause(int milliseconds) {
  std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
}

}  // namespace

TEST_CASE("ThreadPool: any number of threads does all there is, one call after the other") {
  for (const std::size_t threads : {0u, 1u, 2u, 3u, 16u, 64u}) {
    ThreadPool pool(threads);
    CHECK(pool.threads() == std::max<std::size_t>(1, threads));
    std::size_t wrong = 0;
    for (int call = 0; call < 2000; ++call) wrong += sum(pool) != right ? 1 : 0;
    CHECK(wrong == 0);
  }
}

TEST_CASE("ThreadPool: a call after a pause wakes threads that sleep") {
  ThreadPool pool(3);
  std::size_t wrong = 0;
  for (int call = 0; call < 300; ++call) {
    std::this_thread::sleep_for(std::chrono::microseconds(10 * (call % 10)));
    wrong += sum(pool) != right ? 1 : 0;
  }
  CHECK(wrong == 0);
}

TEST_CASE("ThreadPool: several callers use one pool at a time, more of them than it serves") {
  ThreadPool pool(4);
  std::atomic<std::size_t> wrong{0};
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 24; ++caller) {
    callers.emplace_back([&] {
      for (int call = 0; call < 200; ++call) wrong += sum(pool) != right ? 1 : 0;
    });
  }
  for (std::thread& caller : callers) caller.join();
  CHECK(wrong == 0);
}

TEST_CASE("ThreadPool: a caller does not wait for threads that are busy elsewhere") {
  ThreadPool pool(2);
  std::atomic<int> begun{0};
  std::atomic<bool> over{false};
  std::thread other([&] {
    auto block = [&](std::size_t, std::size_t) {
      ++begun;
      while (!over) pause(1);
    };
    selfsup::Work work(2, block);
    pool.run(work, 2);
  });
  while (begun < 2) pause(1);  // the only thread of the pool is busy
  CHECK(sum(pool) == right);
  CHECK_FALSE(over);
  over = true;
  other.join();
}

TEST_CASE("ThreadPool: a call from inside a call comes to its end") {
  ThreadPool pool(3);
  std::vector<std::size_t> sums(20);
  auto nested = [&](std::size_t item, std::size_t) { sums[item] = sum(pool); };
  selfsup::Work work(sums.size(), nested);
  pool.run(work, 3);
  CHECK(sums == std::vector<std::size_t>(20, right));
}

TEST_CASE("ThreadPool: threads that wait sleep, the caller too") {
  ThreadPool pool(4);
  sum(pool);
  double before = processor_seconds();
  pause(300);
  CHECK(processor_seconds() - before < 0.1);
  std::atomic<int> begun{0};
  const std::thread::id caller = std::this_thread::get_id();
  auto slow_elsewhere = [&](std::size_t, std::size_t) {
    ++begun;
    while (begun < 2) std::this_thread::yield();
    if (std::this_thread::get_id() != caller) pause(300);
  };
  selfsup::Work work(2, slow_elsewhere);
  before = processor_seconds();
  pool.run(work, 2);
  CHECK(processor_seconds() - before < 0.1);
}

TEST_CASE("ThreadPool: grows to what is asked, never beyond its end") {
  ThreadPool pool(1);
  pool.grow(3);
  CHECK(pool.threads() == 3);
  pool.grow(2);
  CHECK(pool.threads() == 3);
  CHECK(sum(pool, 1000, 7) == right);  // more shares than threads
  pool.stop();
  CHECK(pool.threads() == 1);
  CHECK(sum(pool, 1000, 7) == right);
  pool.grow(3);
  CHECK(pool.threads() == 1);
}

#ifdef __GLIBC__
TEST_CASE("ThreadPool: works with the calling thread alone when the system gives no other") {
  pthread_attr_t usual, impossible;
  REQUIRE(pthread_getattr_default_np(&usual) == 0);
  REQUIRE(pthread_attr_init(&impossible) == 0);
  REQUIRE(pthread_attr_setstacksize(&impossible, std::size_t{1} << 50) == 0);
  REQUIRE(pthread_setattr_default_np(&impossible) == 0);
  ThreadPool pool(4);
  REQUIRE(pthread_setattr_default_np(&usual) == 0);
  pthread_attr_destroy(&usual);
  pthread_attr_destroy(&impossible);
  CHECK(pool.threads() == 1);
  CHECK(sum(pool, 1000, 4) == right);
}
#endif

TEST_CASE("ThreadPool: a child of fork runs on its own thread, or on a pool of its own") {
  if (tests::address_sanitizer) return;  // its locks do not survive fork
  auto pool = std::make_unique<ThreadPool>(3);
  std::atomic<bool> over{false};
  std::thread other([&] {
    while (!over) sum(*pool);
  });
  std::size_t ended = 0;
  for (int i = 0; i < 20; ++i) {
    tests::Child child([&] {
      bool well = sum(*pool) == right;
      pool->grow(5);
      pool.reset();  // has nobody to wait for
      ThreadPool own(3);
      well = well && own.threads() == 3 && sum(own) == right;
      if (!well) _exit(1);
    });
    ended += child.ends_well() ? 1 : 0;
  }
  over = true;
  other.join();
  CHECK(ended == 20);
  CHECK(sum(*pool) == right);
}

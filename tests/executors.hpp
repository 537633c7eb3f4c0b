// One executor of each kind.
#pragma once

#include "selfsup/core/executor.hpp"
#include "selfsup/core/openmp_executor.hpp"
#include "selfsup/core/thread_pool.hpp"

#include <algorithm>
#include <cstddef>
#include <thread>
#include <vector>

namespace tests {

/// What a program may write for itself: a thread a share, made anew for each call.
class PlainThreads final : public selfsup::Executor {
 public:
  explicit PlainThreads(std::size_t threads) : threads_(threads) {}
  std::size_t threads() const override { return threads_; }
  void run(selfsup::Work& work, std::size_t shares) override {
    std::vector<std::thread> others;
    for (std::size_t share = 1; share < shares; ++share)
      others.emplace_back([&work, share] { work.share(share); });
    work.share(0);
    for (std::thread& other : others) other.join();
  }

 private:
  std::size_t threads_;
};

/// Calls all shares one after the other, the last one first.
class Backwards final : public selfsup::Executor {
 public:
  explicit Backwards(std::size_t threads) : threads_(threads) {}
  std::size_t threads() const override { return threads_; }
  void run(selfsup::Work& work, std::size_t shares) override {
    while (shares-- > 0) work.share(shares);
  }

 private:
  std::size_t threads_;
};

/// Remembers how often it was called, and for how many threads at the most.
class Asked final : public selfsup::Executor {
 public:
  explicit Asked(std::size_t threads) : threads_(threads) {}
  std::size_t threads() const override { return threads_; }
  void run(selfsup::Work& work, std::size_t shares) override {
    ++calls_;
    most_ = std::max(most_, shares);
    for (std::size_t share = 0; share < shares; ++share) work.share(share);
  }
  std::size_t calls() const { return calls_; }
  std::size_t most() const { return most_; }

 private:
  std::size_t threads_;
  std::size_t calls_ = 0;
  std::size_t most_ = 1;
};

/// Calls check(name, executor) with each kind; OpenMP's has as many threads as OpenMP says.
template <class Check>
void for_each_executor(std::size_t threads, const Check& check) {
  selfsup::ThreadPool pool(threads);
  check("ThreadPool", pool);
  PlainThreads plain(threads);
  check("PlainThreads", plain);
  Backwards backwards(threads);
  check("Backwards", backwards);
#ifdef _OPENMP
  selfsup::OpenMpExecutor openmp;
  check("OpenMpExecutor", openmp);
#endif
}

}  // namespace tests

// A step as an executor sees it, item by item, and how long it would take on many threads.
#pragma once

#include "selfsup/core/executor.hpp"
#include "selfsup/core/parallel.hpp"

#include <execinfo.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <functional>
#include <queue>
#include <stdexcept>
#include <utility>
#include <vector>

namespace bench {

using Clock = std::chrono::steady_clock;
inline double seconds(Clock::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

/// A parallel call.
struct Region {
  double before;              ///< seconds on the calling thread alone since the region before
  std::size_t shares;         ///< threads that the library asks for
  std::vector<double> items;  ///< seconds of each, in order
  std::vector<void*> callers;

  double sum() const {
    double result = 0;
    for (const double item : items) result += item;
    return result;
  }
  double largest() const {
    return items.empty() ? 0 : *std::max_element(items.begin(), items.end());
  }
  /// Seconds on `shares` threads of which the first that is free takes the next item, as those of
  /// Work::share do.
  double replayed() const {
    std::priority_queue<double, std::vector<double>, std::greater<>> free_at;
    for (std::size_t share = 0; share < shares; ++share) free_at.push(0);
    double last = 0;
    for (const double item : items) {
      const double end = free_at.top() + item;
      free_at.pop();
      free_at.push(end);
      last = std::max(last, end);
    }
    return last;
  }
};

/// One step.
struct Trace {
  std::vector<Region> regions;
  double after = 0;  ///< seconds on the calling thread alone since the last region

  double serial() const {
    double result = after;
    for (const Region& region : regions) result += region.before;
    return result;
  }
  double sum() const {
    double result = serial();
    for (const Region& region : regions) result += region.sum();
    return result;
  }
  std::size_t tasks() const {
    std::size_t result = 0;
    for (const Region& region : regions) result += region.items.size();
    return result;
  }

  /// Keeps the smaller of each time and that of another trace of the same step.
  void keep_least(const Trace& other) {
    if (other.regions.size() != regions.size())
      throw std::runtime_error("two runs of one step have different numbers of regions");
    for (std::size_t r = 0; r < regions.size(); ++r) {
      Region& mine = regions[r];
      const Region& theirs = other.regions[r];
      if (mine.items.size() != theirs.items.size() || mine.shares != theirs.shares)
        throw std::runtime_error("two runs of one step have regions of different items");
      mine.before = std::min(mine.before, theirs.before);
      for (std::size_t i = 0; i < mine.items.size(); ++i)
        mine.items[i] = std::min(mine.items[i], theirs.items[i]);
    }
    after = std::min(after, other.after);
  }
};

/// Says that it has some threads, so that work is split for them, and does all of it on the calling
/// one.
class TracingExecutor final : public selfsup::Executor {
 public:
  explicit TracingExecutor(std::size_t threads) : threads_(threads) {}

  std::size_t threads() const override { return threads_; }

  void run(selfsup::Work& work, std::size_t shares) override {
    const double before = seconds(Clock::now() - left_);
    Region region{before, shares, std::vector<double>(work.count()), {}};
    if (with_callers_) {
      region.callers.resize(16);
      const int frames = backtrace(region.callers.data(), static_cast<int>(region.callers.size()));
      region.callers.resize(static_cast<std::size_t>(frames));
    }
    Clock::time_point start = Clock::now();
    for (std::size_t item = 0; item < work.count(); ++item) {
      work.item(item, 0);
      const Clock::time_point end = Clock::now();
      region.items[item] = seconds(end - start);
      start = end;
    }
    trace_.regions.push_back(std::move(region));
    left_ = Clock::now();
  }

  /// The trace of one call of `step`, with the callers of its regions if wanted.
  template <class Step>
  Trace trace(Step&& step, bool with_callers = false) {
    const selfsup::RunOn scope(*this);
    trace_ = {};
    with_callers_ = with_callers;
    left_ = Clock::now();
    step();
    trace_.after = seconds(Clock::now() - left_);
    return std::move(trace_);
  }

 private:
  std::size_t threads_;
  bool with_callers_ = false;
  Trace trace_;
  Clock::time_point left_;  // the last region
};

}  // namespace bench

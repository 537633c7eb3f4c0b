// Parallel calls: on the executor that the calling thread was lent, else on the threads of the
// process. Never nests: a call from inside one runs on the calling thread. What is computed may
// depend on the item alone, never on the thread, so results are the same bits for any number of
// threads.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/abi.hpp"
#include "selfsup/core/executor.hpp"
#include "selfsup/core/process_threads.hpp"

#include <algorithm>
#include <cstddef>
#include <type_traits>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace detail {

// What a thread's parallel calls run on.
struct Lent {
  Executor* executor = nullptr;
  bool inside = false;  // an item
};
inline Lent& lent_to_this_thread() {
  thread_local Lent lent;
  return lent;
}

}  // namespace detail

/// A scope in which the calling thread's parallel calls run on an executor.
class RunOn {
 public:
  explicit RunOn(Executor& executor) : RunOn(&executor) {}
  /// Null: on what they would run without the scope.
  explicit RunOn(Executor* executor) {
    if (executor != nullptr) detail::lent_to_this_thread().executor = executor;
  }
  ~RunOn() { detail::lent_to_this_thread().executor = before_; }
  RunOn(const RunOn&) = delete;
  RunOn& operator=(const RunOn&) = delete;

 private:
  Executor* before_ = detail::lent_to_this_thread().executor;
};

namespace detail {

// Calls f(executor) with the one that a parallel call made here uses; f(nullptr) inside another.
template <class F>
decltype(auto) with_executor(F&& f) {
  const Lent& lent = lent_to_this_thread();
  if (lent.inside) return f(static_cast<Executor*>(nullptr));
  if (lent.executor != nullptr) return f(lent.executor);
  ProcessThreads of_process;
  return f(static_cast<Executor*>(&of_process));
}

// f(item, share), or f(item) where a share needs nothing of its own.
template <class F>
void call_item(F& f, std::size_t item, std::size_t share) {
  if constexpr (std::is_invocable_v<F&, std::size_t, std::size_t>) {
    f(item, share);
  } else {
    f(item);
  }
}

}  // namespace detail

/// The most threads that a parallel call made here can use.
inline std::size_t max_threads() {
  return detail::with_executor(
      [](Executor* executor) { return executor == nullptr ? 1 : executor->threads(); });
}

/// The threads that a parallel call made here for at most `most` of them uses.
inline std::size_t team_size(std::size_t most) { return std::min(max_threads(), most); }

/// A range cut into equal chunks, the last one shorter. Chunks depend on the shape alone.
struct Chunks {
  std::size_t total;
  std::size_t size;

  std::size_t count() const { return total / size + (total % size != 0 ? 1 : 0); }
  std::size_t first(std::size_t chunk) const { return chunk * size; }
  std::size_t length(std::size_t chunk) const { return std::min(size, total - first(chunk)); }
};

/// Chunks of rows of about 16k entries: enough work for a thread, little enough for a first-level
/// cache to help.
inline Chunks row_chunks(std::size_t rows, std::size_t cols) {
  return {rows, std::max<std::size_t>(1, 16384 / std::max<std::size_t>(1, cols))};
}

/// Calls f(item), or f(item, share), for every item in [0, count), in any order. Calls with the
/// same share < team_size(count) never overlap. f must not throw.
template <class F>
void parallel_for(std::size_t count, F&& f) {
  detail::with_executor([&](Executor* executor) {
    const std::size_t shares =
        executor == nullptr || count <= 1 ? 1 : std::min(executor->threads(), count);
    if (shares <= 1) {
      for (std::size_t item = 0; item < count; ++item) detail::call_item(f, item, 0);
      return;
    }
    auto inside = [&f](std::size_t item, std::size_t share) {
      bool& here = detail::lent_to_this_thread().inside;
      here = true;
      detail::call_item(f, item, share);
      here = false;
    };
    Work work(count, inside);
    executor->run(work, shares);
  });
}

/// The same for items that touch about `entries` entries each: a thread takes several small ones at
/// a time, about 16k entries: 5 to 10 µs of work, enough for a thread that is awake.
template <class F>
void parallel_for(std::size_t count, std::size_t entries, F&& f) {
  const Chunks chunks = row_chunks(count, entries);
  auto chunk_of_items = [&](std::size_t chunk) {
    const std::size_t first = chunks.first(chunk);
    for (std::size_t i = 0; i < chunks.length(chunk); ++i) f(first + i);
  };
  parallel_for(chunks.count(), chunk_of_items);
}

}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"

// Threads: OpenMP when the file is compiled with it, the calling thread otherwise.
// Never nests: a call from inside a parallel region runs on the calling thread. What is computed
// may depend on the item alone, never on the thread, so results are the same bits for any number of
// threads.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/abi.hpp"
#include "selfsup/core/float_mode.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <optional>

#ifdef _OPENMP
#include <omp.h>
#endif

namespace selfsup {
inline namespace SELFSUP_ABI {

/// The most threads that a parallel call made here can use.
inline std::size_t max_threads() {
#ifdef _OPENMP
  return omp_in_parallel() ? 1 : static_cast<std::size_t>(std::max(1, omp_get_max_threads()));
#else
  return 1;
#endif
}

/// The threads that a parallel call made here for at most `most` of them uses.
inline std::size_t team_size(std::size_t most) { return std::min(max_threads(), most); }

namespace detail {

#ifdef _OPENMP
// Calls f(thread) once on each of so many threads, in the caller's floating-point mode.
template <class F>
void on_team(std::size_t threads, F&& f) {
  const FloatMode mode;
#pragma omp parallel num_threads(static_cast <int>(threads))
  {
    const auto thread = static_cast<std::size_t>(omp_get_thread_num());
    std::optional<InFloatMode> scope;
    if (thread != 0) scope.emplace(mode);
    f(thread);
  }
}
#endif

}  // namespace detail

/// Calls f(thread) once on each of up to `most` threads, thread < team_size(most), all in the
/// caller's floating-point mode. f must not throw.
template <class F>
void parallel_threads(std::size_t most, F&& f) {
#ifdef _OPENMP
  if (const std::size_t threads = team_size(most); threads > 1) return detail::on_team(threads, f);
#endif
  static_cast<void>(most);
  f(std::size_t{0});
}

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

/// Calls f(item) for every item in [0, count), in any order. f must not throw.
template <class F>
void parallel_for(std::size_t count, F&& f) {
#ifdef _OPENMP
  if (const std::size_t threads = team_size(count); threads > 1) {
    std::atomic<std::size_t> next{0};
    return detail::on_team(threads, [&](std::size_t) {
      for (std::size_t item; (item = next.fetch_add(1, std::memory_order_relaxed)) < count;)
        f(item);
    });
  }
#endif
  for (std::size_t item = 0; item < count; ++item) f(item);
}

/// The same for items that touch about `entries` entries each: a thread takes several small ones at
/// a time, and a few small ones stay on the calling thread.
template <class F>
void parallel_for(std::size_t count, std::size_t entries, F&& f) {
  const Chunks chunks = row_chunks(count, entries);
  parallel_for(chunks.count(), [&](std::size_t chunk) {
    const std::size_t first = chunks.first(chunk);
    for (std::size_t i = 0; i < chunks.length(chunk); ++i) f(first + i);
  });
}

}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"

// Threads: OpenMP when the file is compiled with it, the calling thread otherwise.
// Never nests: a call from inside a parallel region runs on the calling thread. What is computed
// may depend on the item alone, never on the thread, so results are the same bits for any number of
// threads.
#pragma once

#include "selfsup/core/abi.hpp"

#include <algorithm>
#include <cstddef>

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

/// Calls f(round, item, thread) for every round in order and every item in [0, items(round)) of it
/// in any order; a round begins when the one before it has ended. thread < max_threads() and no two
/// calls share one at a time. f must not throw.
template <class Items, class F>
void parallel_rounds(std::size_t rounds, std::size_t most_items, Items&& items, F&& f) {
#ifdef _OPENMP
  const std::size_t threads = std::min(max_threads(), most_items);
  if (threads > 1) {
#pragma omp parallel num_threads(static_cast <int>(threads))
    for (std::size_t round = 0; round < rounds; ++round) {
      const std::size_t count = items(round);
#pragma omp for schedule(dynamic, 1)
      for (std::size_t item = 0; item < count; ++item) {
        f(round, item, static_cast<std::size_t>(omp_get_thread_num()));
      }
    }
    return;
  }
#endif
  static_cast<void>(most_items);
  for (std::size_t round = 0; round < rounds; ++round) {
    const std::size_t count = items(round);
    for (std::size_t item = 0; item < count; ++item) f(round, item, std::size_t{0});
  }
}

/// A range cut into equal chunks, the last one shorter. Chunks depend on the shape alone.
struct Chunks {
  std::size_t total;
  std::size_t size;

  std::size_t count() const { return (total + size - 1) / size; }
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
  parallel_rounds(
      1, count, [count](std::size_t) { return count; },
      [&f](std::size_t, std::size_t item, std::size_t) { f(item); });
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

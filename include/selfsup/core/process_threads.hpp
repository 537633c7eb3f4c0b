// The executor of parallel calls that were told of no other: one pool for all of the process.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/abi.hpp"
#include "selfsup/core/executor.hpp"
#include "selfsup/core/thread_pool.hpp"
#include "selfsup/core/usable_cores.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <new>

#ifdef _OPENMP
#include <omp.h>
#endif

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace detail {

// Made at the first call, without a lock: a child of fork() could find it held. Stopped at exit, or
// when the library that holds this code is closed, and never destroyed, as threads of the program
// may still call. Null while another thread makes it. Hidden, so that the library whose code makes
// the pool is the one that stops it.
[[gnu::visibility("hidden")]] inline ThreadPool* process_pool() {
  enum : int { absent, being_made, there };
  struct StopAtExit {
    ThreadPool* pool;
    ~StopAtExit() { pool->stop(); }
  };
  alignas(ThreadPool) static unsigned char place[sizeof(ThreadPool)];
  static std::atomic<int> state{absent};
  auto* const pool = reinterpret_cast<ThreadPool*>(place);
  if (state.load(std::memory_order_acquire) == there) return std::launder(pool);
  int before = absent;
  if (!state.compare_exchange_strong(before, being_made))
    return before == there ? std::launder(pool) : nullptr;
  static const StopAtExit stop_at_exit{new (place) ThreadPool(1)};
  state.store(there, std::memory_order_release);
  return stop_at_exit.pool;
}

}  // namespace detail

/// The pool of the process, with as many threads as were asked of OpenMP where the file is compiled
/// with it (OMP_NUM_THREADS, omp_set_num_threads), of OMP_NUM_THREADS alone otherwise; when nothing
/// was said, as many as the process may use cores, and never more at a time than there are. In a
/// parallel region of OpenMP the calling thread alone.
class ProcessThreads final : public Executor {
 public:
  std::size_t threads() const override {
    const detail::Found found = detail::cores_found();
#ifdef _OPENMP
    if (omp_in_parallel()) return 1;
    const auto asked = static_cast<std::size_t>(std::max(1, omp_get_max_threads()));
    // OpenMP knows of the mask, but not of a container's share.
    return found.of_environment == 0 && asked == found.of_mask ? found.usable : asked;
#else
    return found.of_environment != 0 ? found.of_environment : found.usable;
#endif
  }

  void run(Work& work, std::size_t shares) override {
    std::size_t called = 0;
    if (ThreadPool* const pool = detail::process_pool()) {
      // More threads than cores would keep each other from them.
      called = std::min(shares, detail::cores_found().of_mask);
      pool->grow(called);
      pool->run(work, called);
    }
    for (; called < shares; ++called) work.share(called);
  }
};

}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"

// The library's own threads: they sleep while there is nothing to do, and nobody waits for one that
// has not begun.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/abi.hpp"
#include "selfsup/core/executor.hpp"
#include "selfsup/core/word_wait.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <climits>
#include <cstddef>
#include <cstdint>
#include <mutex>

#include <pthread.h>
#include <sys/types.h>
#include <unistd.h>

namespace selfsup {
inline namespace SELFSUP_ABI {

/// A pool that any number of threads may use at a time: each call gets the threads that are free,
/// and its own. Nothing is allocated and no lock taken by run().
class ThreadPool final : public Executor {
 public:
  static constexpr std::size_t most_threads = 1024;

  /// Starts all threads but the one that calls. Where the system gives fewer, threads() says so.
  explicit ThreadPool(std::size_t threads) { grow(threads); }
  /// Waits until its threads have ended. No call may go on.
  ~ThreadPool() { stop(); }
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  std::size_t threads() const override { return threads_.load(std::memory_order_relaxed); }

  /// In a child of fork(), which has none of the threads, on the calling thread.
  void run(Work& work, std::size_t shares) override {
    Call* const call = shares > 1 && in_own_process() ? begin(work, shares) : nullptr;
    if (call == nullptr) {
      for (std::size_t share = 0; share < shares; ++share) work.share(share);
      return;
    }
    work.share(0);
    // Shares that no thread has begun would be waited for while other programs have the cores.
    while (const std::size_t share = claim(*call)) {
      work.share(share);
      call->unfinished.fetch_sub(1);
    }
    wait(*call);
    call->taken.store(false, std::memory_order_release);
  }

  /// Starts threads until there are that many, the calling one among them; not while another thread
  /// does, and never again once the system has refused one.
  void grow(std::size_t threads) {
    if (threads <= this->threads() || !in_own_process()) return;
    const std::unique_lock<std::mutex> lock(growing_, std::try_to_lock);
    if (!lock) return;
    for (std::size_t count; !full_ && (count = threads_) < std::min(threads, most_threads);) {
      full_ = pthread_create(&workers_[count - 1], nullptr, &work_of_thread, this) != 0;
      if (!full_) threads_ = count + 1;
    }
  }

  /// Ends all threads, for good: calls from now on stay on the calling thread.
  void stop() {
    if (!in_own_process()) return;
    const std::lock_guard<std::mutex> lock(growing_);
    full_ = true;
    stopping_ = true;
    calls_begun_.fetch_add(1);
    detail::wake(calls_begun_, INT_MAX);
    for (; threads_ > 1; --threads_) pthread_join(workers_[threads_ - 2], nullptr);
  }

 private:
  // One run(). Calls belong to the pool and are used again, so that a thread that looks at one too
  // late looks at memory that is there.
  struct alignas(64) Call {
    std::atomic<bool> taken{false};
    Work* work = nullptr;                   // of those who have claimed a share
    std::atomic<std::size_t> unclaimed{0};  // shares [1, unclaimed] are nobody's yet
    detail::Word unfinished{0};
    std::atomic<bool> asleep{false};  // the caller
  };

  bool in_own_process() const { return getpid() == process_; }

  // Offers all shares but the first. Null when there are more callers than calls.
  Call* begin(Work& work, std::size_t shares) {
    for (Call& call : calls_) {
      if (call.taken.load(std::memory_order_relaxed)) continue;
      if (call.taken.exchange(true, std::memory_order_acquire)) continue;
      call.work = &work;
      call.unfinished.store(static_cast<std::uint32_t>(shares - 1), std::memory_order_relaxed);
      call.unclaimed.store(shares - 1, std::memory_order_release);
      calls_begun_.fetch_add(1);
      wake_for(shares - 1);
      return &call;
    }
    return nullptr;
  }

  // A share that is now the calling thread's, 0 for none.
  static std::size_t claim(Call& call) {
    std::size_t share = call.unclaimed.load(std::memory_order_relaxed);
    while (share != 0 &&
           !call.unclaimed.compare_exchange_weak(share, share - 1, std::memory_order_acquire,
                                                 std::memory_order_relaxed)) {
    }
    return share;
  }

  // Wakes two, who wake two each in turn: a caller that woke all would begin last.
  void wake_for(std::size_t shares) {
    if (sleeping_.load() > 0)
      detail::wake(calls_begun_, static_cast<int>(std::min<std::size_t>(shares, 2)));
  }

  // Until the shares that other threads have begun are done.
  static void wait(Call& call) {
    for (std::uint32_t left; (left = call.unfinished.load(std::memory_order_acquire)) != 0;) {
      if (detail::changes_soon(call.unfinished, left)) continue;
      call.asleep.store(true);
      detail::sleep_while(call.unfinished, left);
      call.asleep.store(false);
    }
  }

  static void* work_of_thread(void* pool) {
    static_cast<ThreadPool*>(pool)->work_until_stopped();
    return nullptr;
  }

  void work_until_stopped() {
    for (;;) {
      const std::uint32_t seen = calls_begun_.load();
      if (stopping_) return;
      if (help() || detail::changes_soon(calls_begun_, seen)) continue;
      sleeping_.fetch_add(1);
      detail::sleep_while(calls_begun_, seen);
      sleeping_.fetch_sub(1);
    }
  }

  // Does a share of some call.
  bool help() {
    for (Call& call : calls_) {
      const std::size_t share = claim(call);
      if (share == 0) continue;
      if (share > 1) wake_for(share - 1);
      call.work->share(share);
      if (call.unfinished.fetch_sub(1) == 1 && call.asleep.load()) detail::wake(call.unfinished, 1);
      return true;
    }
    return false;
  }

  const pid_t process_ = getpid();
  std::array<Call, 16> calls_;
  alignas(64) detail::Word calls_begun_{0};
  std::atomic<std::size_t> sleeping_{0};
  std::atomic<bool> stopping_{false};
  alignas(64) std::atomic<std::size_t> threads_{1};
  std::mutex growing_;
  std::array<pthread_t, most_threads - 1> workers_;  // those of them that there are
  bool full_ = false;
};

}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"

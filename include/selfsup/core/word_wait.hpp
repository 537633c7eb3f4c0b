// Waiting for a number that other threads change: looked at for a moment, then slept on.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/abi.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <thread>

#ifdef __linux__
#include <linux/futex.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace detail {

using Word = std::atomic<std::uint32_t>;
static_assert(sizeof(Word) == 4 && Word::is_always_lock_free, "the kernel reads the number itself");

/// Whether other programs pushed the calling thread off its core in the last 100 ms.
inline bool pushed_off_lately() {
#ifdef RUSAGE_THREAD
  using Clock = std::chrono::steady_clock;
  thread_local long times = 0;
  thread_local Clock::time_point crowded_until;
  rusage usage;
  if (getrusage(RUSAGE_THREAD, &usage) != 0) return true;
  const Clock::time_point now = Clock::now();
  if (usage.ru_nivcsw != times) crowded_until = now + std::chrono::milliseconds(100);
  times = usage.ru_nivcsw;
  return now < crowded_until;
#else
  return true;
#endif
}

inline bool changes_within(const Word& word, std::uint32_t value, std::chrono::microseconds time) {
  const auto last = std::chrono::steady_clock::now() + time;
  while (word.load(std::memory_order_acquire) == value) {
    if (std::chrono::steady_clock::now() > last) return false;
  }
  return true;
}

/// Whether the word changes from `value` before it pays to sleep: for 20 µs, about what a sleep and
/// a waking cost. On a core that nobody else wants for 200 µs, since a virtual machine takes longer
/// to wake a thread and a step has ten calls; elsewhere that would take the core from threads that
/// have work.
inline bool changes_soon(const Word& word, std::uint32_t value) {
  using std::chrono::microseconds;
  if (changes_within(word, value, microseconds(20))) return true;
  return !pushed_off_lately() && changes_within(word, value, microseconds(180));
}

/// Sleeps until wake, not at all when the word is not `value`. May return for no reason. Takes no
/// lock, and what it leaves in a child of fork() needs no repair.
inline void sleep_while(Word& word, std::uint32_t value) {
#ifdef __linux__
  syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, value, nullptr, nullptr, 0);
#else
  if (word.load() == value) std::this_thread::sleep_for(std::chrono::microseconds(50));
#endif
}

/// Wakes up to `most` threads that sleep on the word.
inline void wake([[maybe_unused]] Word& word, [[maybe_unused]] int most) {
#ifdef __linux__
  syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, most, nullptr, nullptr, 0);
#endif
}

}  // namespace detail
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"

// How many cores this process may use: its affinity mask, and the share that its container has.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/abi.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>

#ifdef __linux__
#include <sched.h>
#include <unistd.h>
#endif

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace detail {

/// The cores in the affinity mask of the process's first thread.
inline std::size_t cores_of_mask() {
#ifdef __linux__
  cpu_set_t mask;
  if (sched_getaffinity(getpid(), sizeof mask, &mask) == 0)
    return static_cast<std::size_t>(std::max(1, CPU_COUNT(&mask)));
#endif
  return std::max(1u, std::thread::hardware_concurrency());
}

// The first numbers of a file, as many as `count`; 0 where it has none.
template <std::size_t count>
std::array<double, count> numbers_of(const std::string& path) {
  std::array<double, count> numbers{};
  if (std::FILE* const file = std::fopen(path.c_str(), "re")) {
    for (double& number : numbers) {
      if (std::fscanf(file, "%lf", &number) != 1) break;
    }
    std::fclose(file);
  }
  return numbers;
}

/// The cores' worth of time that the control group of a container leaves, rounded up; `most` where
/// it sets no limit. Version 2 has "max 100000" or "QUOTA PERIOD" in one file, version 1 a file for
/// each with -1 for no limit.
inline std::size_t cores_of_quota(std::size_t most, const std::string& root = "/sys/fs/cgroup") {
  auto [quota, period] = numbers_of<2>(root + "/cpu.max");
  if (!(quota > 0)) {
    quota = numbers_of<1>(root + "/cpu/cpu.cfs_quota_us")[0];
    period = numbers_of<1>(root + "/cpu/cpu.cfs_period_us")[0];
  }
  if (!(quota > 0) || !(period > 0) || quota >= static_cast<double>(most) * period) return most;
  const auto whole = static_cast<std::size_t>(quota / period);
  return whole + (static_cast<double>(whole) * period < quota ? 1 : 0);
}

/// The first number of OMP_NUM_THREADS, 0 when it says none.
inline std::size_t threads_of_environment() {
  const char* const text = std::getenv("OMP_NUM_THREADS");
  const long threads = text == nullptr ? 0 : std::strtol(text, nullptr, 10);
  return threads > 0 ? static_cast<std::size_t>(threads) : 0;
}

/// What was found at the first call: the environment, the mask and the quota of the time.
struct Found {
  std::size_t of_environment, of_mask, usable;
};
inline Found cores_found() {
  // Threads that come first together find the same; no lock, which a fork could leave held.
  static std::atomic<std::size_t> of_environment, of_mask, usable;
  if (usable.load(std::memory_order_acquire) == 0) {
    of_environment.store(threads_of_environment(), std::memory_order_relaxed);
    of_mask.store(cores_of_mask(), std::memory_order_relaxed);
    usable.store(cores_of_quota(of_mask), std::memory_order_release);
  }
  return {of_environment.load(std::memory_order_relaxed), of_mask.load(std::memory_order_relaxed),
          usable.load(std::memory_order_relaxed)};
}

}  // namespace detail
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"

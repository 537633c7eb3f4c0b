// The two limits of the machine, measured in the process that reports against them, by as many
// threads as a loss uses.
#pragma once

#include "selfsup/core/parallel.hpp"
#include "selfsup/simd/batch.hpp"
#include "selfsup/simd/lane_sums.hpp"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <vector>

namespace bench {

inline double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// Multiply-adds of float a second, 2 operations each, from registers alone: the best of 9 runs.
inline double measure_multiply_add_peak() {
  using Batch = selfsup::simd::Batch<float>;
  // Two units with a latency of four cycles need 8 chains; 12 and two operands fit 16 registers.
  constexpr std::size_t chains = 12;
  constexpr std::size_t steps = 1U << 20;
  const std::size_t threads = selfsup::max_threads();
  double best = 0;
  for (int run = 0; run < 9; ++run) {
    const auto start = std::chrono::steady_clock::now();
    selfsup::parallel_for(threads, [](std::size_t) {
      // Unknown to the compiler, so that no chain is folded and no two become one.
      std::array<float, chains> starts{};
      for (float& entry : starts) benchmark::DoNotOptimize(entry);
      const Batch a(starts[0] + 0.5F), b(starts[1] + 1.0F);
      std::array<Batch, chains> x;
      for (std::size_t i = 0; i < chains; ++i) x[i] = Batch(starts[i]);
      for (std::size_t step = 0; step < steps; ++step) {
        for (Batch& chain : x) chain = selfsup::simd::fma(chain, a, b);
      }
      Batch total(0.0F);
      for (const Batch& chain : x) total = total + chain;
      float result = static_cast<float>(selfsup::simd::sum<float>(total));
      benchmark::DoNotOptimize(result);
    });
    const auto work = static_cast<double>(threads * steps * chains * selfsup::simd::lanes<float>);
    best = std::max(best, 2 * work / seconds_since(start));
  }
  return best;
}

/// Bytes a second of memcpy over 48 MiB, 2 bytes counted a byte copied: the median of 15 runs.
inline double measure_copy_rate() {
  constexpr std::size_t size = std::size_t{48} << 20;
  const std::size_t threads = selfsup::max_threads();
  const selfsup::Chunks parts{size, (size + threads - 1) / threads};
  std::vector<char> from(size, 1), to(size, 2);
  std::array<double, 15> rates;
  for (double& rate : rates) {
    const auto start = std::chrono::steady_clock::now();
    selfsup::parallel_for(parts.count(), [&](std::size_t part) {
      std::memcpy(to.data() + parts.first(part), from.data() + parts.first(part),
                  parts.length(part));
    });
    benchmark::ClobberMemory();
    rate = 2 * static_cast<double>(size) / seconds_since(start);
  }
  std::nth_element(rates.begin(), rates.begin() + rates.size() / 2, rates.end());
  return rates[rates.size() / 2];
}

inline double multiply_add_peak() {
  static const double peak = measure_multiply_add_peak();
  return peak;
}

inline double copy_rate() {
  static const double rate = measure_copy_rate();
  return rate;
}

}  // namespace bench

// The counters of a loss: its rate, and the fraction of the bound that it names.
#pragma once

#include "bench/bound.hpp"

#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>

namespace bench {

namespace detail {

inline void report_rows(benchmark::State& state, double rows, std::size_t bytes_held) {
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(rows));
  state.counters["held"] = benchmark::Counter(
      static_cast<double>(bytes_held), benchmark::Counter::kDefaults, benchmark::Counter::kIs1024);
}

inline benchmark::Counter per_second(double amount) {
  return {amount, benchmark::Counter::kIsIterationInvariantRate};
}

}  // namespace detail

/// For a loss bound by its products: the multiply-adds that the algorithm needs at least, a step.
inline void report_products(benchmark::State& state, double rows, std::size_t bytes_held,
                            double multiply_adds) {
  detail::report_rows(state, rows, bytes_held);
  state.counters["GFLOP/s"] = detail::per_second(2 * multiply_adds / 1e9);
  state.counters["of_bound"] = detail::per_second(2 * multiply_adds / multiply_add_peak());
}

/// Multiply-adds that SIGReg needs for N samples and S slices: the projections and their product
/// back; and for each projected sample, forward and backward, 10 for its sine and cosine and one
/// for each function at each of 16 knots.
inline double sliced_normality(double N, double D, std::size_t slices) {
  return 2 * N * static_cast<double>(slices) * (D + 10 + 2 * 16);
}

/// For a loss bound by memory: the bytes that it reads and writes at least, a step. Above 1 the
/// arrays lie in a cache.
inline void report_bytes(benchmark::State& state, double rows, std::size_t bytes_held,
                         double bytes) {
  detail::report_rows(state, rows, bytes_held);
  state.counters["GB/s"] = detail::per_second(bytes / 1e9);
  state.counters["of_bound"] = detail::per_second(bytes / copy_rate());
}

}  // namespace bench

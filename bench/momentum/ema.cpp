// ema_update of one array of parameters, the target of 25 million and one whose arrays lie in a
// second-level cache. Least bytes an entry: both are read, the target is written.
#include "selfsup/momentum/ema.hpp"

#include "bench/report.hpp"
#include "bench/step.hpp"

#include <cmath>
#include <cstddef>

namespace {

// ‖found − exact‖/‖exact‖ of one update, the same numbers in double being exact.
double update_error(std::size_t N, std::size_t D, double rate) {
  bench::Arrays<float> arrays(N, D, 1, 1);
  bench::Arrays<double> exact(N, D, 1, 1);
  selfsup::ema_update(arrays.out(0), arrays.in(0), rate);
  selfsup::ema_update(exact.out(0), exact.in(0), rate);
  return bench::gradient_error(arrays, exact);
}

void ema(benchmark::State& state) {
  const auto N = static_cast<std::size_t>(state.range(0));
  const auto D = static_cast<std::size_t>(state.range(1));
  const double rate = 0.996;
  bench::Arrays<float> arrays(N, D, 1, 1);
  for (auto _ : state) {
    selfsup::ema_update(arrays.out(0), arrays.in(0), rate);
    benchmark::ClobberMemory();
  }
  state.counters["value_error"] = update_error(N, D, rate);
  bench::report_bytes(state, static_cast<double>(N), 0,
                      3 * static_cast<double>(N * D) * sizeof(float));
}
BENCHMARK(ema)->ArgNames({"N", "D"})->Args({1, 65536})->Args({1, 25000000})->UseRealTime();

}  // namespace

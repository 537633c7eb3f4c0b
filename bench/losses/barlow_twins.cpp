// BarlowTwins, forward and backward. Least work over features: one product and two back; over
// samples: two symmetric products and two back. 3·min(N, D)·N·D multiply-adds either way.
#include "selfsup/losses/barlow_twins.hpp"

#include "bench/report.hpp"
#include "bench/step.hpp"

#include <algorithm>

namespace {

void barlow_twins(benchmark::State& state) {
  const std::size_t held = bench::time_step<selfsup::BarlowTwins>(
      state, selfsup::BarlowTwinsOptions{}, 2, 2, [](auto& loss, auto& x) {
        const auto value = loss.forward(x.in(0), x.in(1));
        loss.backward(x.out(0), x.out(1));
        return value;
      });
  const auto N = static_cast<double>(state.range(0)), D = static_cast<double>(state.range(1));
  bench::report_products(state, 2 * N, held, 3 * std::min(N, D) * N * D);
}
BENCHMARK(barlow_twins)
    ->ArgNames({"N", "D"})
    ->Args({256, 128})
    ->Args({4096, 256})
    ->Args({1024, 1024})
    ->Args({1024, 2048})
    ->Args({256, 2048})
    ->Args({256, 8192})
    ->UseRealTime();

}  // namespace

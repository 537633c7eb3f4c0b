// SimSiam over two directions, forward and backward. Least bytes a direction: forward reads p and z
// and writes the gradient that backward reads, scales and writes: 5·N·D entries.
#include "selfsup/losses/simsiam.hpp"

#include "bench/report.hpp"
#include "bench/step.hpp"

namespace {

void simsiam(benchmark::State& state) {
  const std::size_t held = bench::time_step<selfsup::SimSiam>(
      state, selfsup::SimSiamOptions{}, 4, 2, [](auto& loss, auto& x) {
        const auto value = loss.forward(x.in(0), x.in(1), x.in(2), x.in(3));
        loss.backward(x.out(0), x.out(1));
        return value;
      });
  const auto N = static_cast<double>(state.range(0)), D = static_cast<double>(state.range(1));
  bench::report_bytes(state, 2 * N, held, 2 * 5 * N * D * sizeof(float));
}
BENCHMARK(simsiam)
    ->ArgNames({"N", "D"})
    ->Args({256, 128})
    ->Args({256, 256})
    ->Args({1024, 256})
    ->Args({4096, 256})
    ->Args({4096, 2048})
    ->UseRealTime();

}  // namespace

// Alignment, forward and backward. Least bytes: forward reads two views and writes two gradients,
// backward reads, scales and writes them: 8·N·D entries.
#include "selfsup/losses/alignment.hpp"

#include "bench/report.hpp"
#include "bench/step.hpp"

namespace {

void alignment(benchmark::State& state) {
  const std::size_t held = bench::time_step<selfsup::Alignment>(
      state, selfsup::AlignmentOptions{}, 2, 2, [](auto& loss, auto& x) {
        const auto value = loss.forward(x.in(0), x.in(1));
        loss.backward(x.out(0), x.out(1));
        return value;
      });
  const auto N = static_cast<double>(state.range(0)), D = static_cast<double>(state.range(1));
  bench::report_bytes(state, 2 * N, held, 8 * N * D * sizeof(float));
}
BENCHMARK(alignment)
    ->ArgNames({"N", "D"})
    ->Args({256, 128})
    ->Args({4096, 256})
    ->Args({4096, 2048})
    ->UseRealTime();

}  // namespace

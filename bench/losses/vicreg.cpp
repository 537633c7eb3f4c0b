// VicReg, forward and backward. Least work: for each view half of a symmetric product over the
// smaller of N and D and one whole product back, 3·min(N, D)·N·D multiply-adds for both.
#include "selfsup/losses/vicreg.hpp"

#include "bench/report.hpp"
#include "bench/step.hpp"

#include <algorithm>

namespace {

void vicreg(benchmark::State& state) {
  const std::size_t held = bench::time_step<selfsup::VicReg>(
      state, selfsup::VicRegOptions{}, 2, 2, [](auto& loss, auto& x) {
        const auto value = loss.forward(x.in(0), x.in(1));
        loss.backward(x.out(0), x.out(1));
        return value;
      });
  const auto N = static_cast<double>(state.range(0)), D = static_cast<double>(state.range(1));
  bench::report_products(state, 2 * N, held, 3 * std::min(N, D) * N * D);
}
BENCHMARK(vicreg)
    ->ArgNames({"N", "D"})
    ->Args({256, 128})
    ->Args({4096, 256})
    ->Args({1024, 1024})
    ->Args({2048, 2048})
    ->Args({256, 2048})
    ->Args({256, 8192})
    ->UseRealTime();

}  // namespace

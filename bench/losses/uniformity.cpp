// Uniformity, forward and backward. Least work: half of the N² similarities and the gradient of all
// rows, 1.5·N²·D multiply-adds.
#include "selfsup/losses/uniformity.hpp"

#include "bench/report.hpp"
#include "bench/step.hpp"

namespace {

void uniformity(benchmark::State& state) {
  const std::size_t held = bench::time_step<selfsup::Uniformity>(
      state, selfsup::UniformityOptions{}, 1, 1, [](auto& loss, auto& x) {
        const auto value = loss.forward(x.in(0));
        loss.backward(x.out(0));
        return value;
      });
  const auto N = static_cast<double>(state.range(0)), D = static_cast<double>(state.range(1));
  bench::report_products(state, N, held, 1.5 * N * N * D);
}
BENCHMARK(uniformity)
    ->ArgNames({"N", "D"})
    ->Args({256, 128})
    ->Args({2048, 128})
    ->Args({8192, 128})
    ->UseRealTime();

}  // namespace

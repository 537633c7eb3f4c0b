// SigLip, forward and backward. Least work: N² similarities and the gradients of images and texts,
// 3·N²·D multiply-adds.
#include "selfsup/losses/siglip.hpp"

#include "bench/report.hpp"
#include "bench/step.hpp"

namespace {

void siglip(benchmark::State& state) {
  const std::size_t held = bench::time_step<selfsup::SigLip>(
      state, selfsup::SigLipOptions{}, 2, 2, [](auto& loss, auto& x) {
        const auto value = loss.forward(x.in(0), x.in(1));
        loss.backward(x.out(0), x.out(1));
        return value;
      });
  const auto N = static_cast<double>(state.range(0)), D = static_cast<double>(state.range(1));
  bench::report_products(state, 2 * N, held, 3 * N * N * D);
}
BENCHMARK(siglip)
    ->ArgNames({"N", "D"})
    ->Args({256, 128})
    ->Args({1024, 128})
    ->Args({1024, 512})
    ->Args({4096, 512})
    ->UseRealTime();

}  // namespace

// NtXent, forward and backward. Least work with M = 2N rows: M²/2 similarities, since they are
// symmetric, and one whole product back, 1.5·M²·D multiply-adds.
#include "selfsup/losses/nt_xent.hpp"

#include "bench/report.hpp"
#include "bench/step.hpp"

namespace {

void nt_xent(benchmark::State& state) {
  const std::size_t held = bench::time_step<selfsup::NtXent>(
      state, selfsup::NtXentOptions{}, 2, 2, [](auto& loss, auto& x) {
        const auto value = loss.forward(x.in(0), x.in(1));
        loss.backward(x.out(0), x.out(1));
        return value;
      });
  const auto M = 2 * static_cast<double>(state.range(0)), D = static_cast<double>(state.range(1));
  bench::report_products(state, M, held, 1.5 * M * M * D);
}
BENCHMARK(nt_xent)
    ->ArgNames({"N", "D"})
    ->Args({256, 128})
    ->Args({1024, 128})
    ->Args({2048, 128})
    ->Args({4096, 128})
    ->Args({512, 1024})
    ->Args({512, 2048})
    ->UseRealTime();

}  // namespace

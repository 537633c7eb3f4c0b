// SigReg along 1024 slices drawn anew each step, forward and backward. Least work: the projections
// and their product back, 2·N·D·S multiply-adds, and the statistic's.
#include "selfsup/losses/sigreg.hpp"

#include "bench/report.hpp"
#include "bench/step.hpp"

#include <cstdint>
#include <type_traits>

namespace {

void sigreg(benchmark::State& state) {
  const selfsup::SigRegOptions options;
  std::uint64_t drawn = 0;
  const std::size_t held =
      bench::time_step<selfsup::SigReg>(state, options, 1, 1, [&](auto& loss, auto& x) {
        // The double that the last float is compared with has the same slices.
        if constexpr (std::is_same_v<decltype(x), bench::Arrays<float>&>) ++drawn;
        loss.set_step(drawn);
        const auto value = loss.forward(x.in(0));
        loss.backward(x.out(0));
        return value;
      });
  const auto N = static_cast<double>(state.range(0)), D = static_cast<double>(state.range(1));
  bench::report_products(state, N, held, bench::sliced_normality(N, D, options.slices));
}
BENCHMARK(sigreg)
    ->ArgNames({"N", "D"})
    ->Args({256, 128})
    ->Args({1024, 128})
    ->Args({1024, 512})
    ->Args({4096, 512})
    ->UseRealTime();

}  // namespace

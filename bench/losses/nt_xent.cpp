// NtXent, forward and backward. Least work with M = 2N rows: M²/2 similarities, since they are
// symmetric, and one whole product back, 1.5·M²·D multiply-adds.
#include "selfsup/losses/nt_xent.hpp"

#include "bench/report.hpp"
#include "bench/step.hpp"

namespace {

void run(benchmark::State& state, const selfsup::NtXentOptions& options) {
  const std::size_t held =
      bench::time_step<selfsup::NtXent>(state, options, 2, 2, [](auto& loss, auto& x) {
        const auto value = loss.forward(x.in(0), x.in(1));
        loss.backward(x.out(0), x.out(1));
        return value;
      });
  const auto M = 2 * static_cast<double>(state.range(0)), D = static_cast<double>(state.range(1));
  bench::report_products(state, M, held, 1.5 * M * M * D);
}

void nt_xent(benchmark::State& state) { run(state, {}); }

// Logits too far apart for one shift: the online maximum.
void nt_xent_online(benchmark::State& state) {
  selfsup::NtXentOptions options;
  options.temperature = 0.01;
  run(state, options);
}

// Every tile made again in backward.
void nt_xent_recomputed(benchmark::State& state) {
  selfsup::NtXentOptions options;
  options.memory_budget = 0;
  run(state, options);
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
// 16 GB of similarities if they were kept; the default budget is 256 MiB.
BENCHMARK(nt_xent)->ArgNames({"N", "D"})->Args({32768, 128})->Iterations(1)->UseRealTime();
BENCHMARK(nt_xent_online)->ArgNames({"N", "D"})->Args({1024, 128})->UseRealTime();
BENCHMARK(nt_xent_recomputed)
    ->ArgNames({"N", "D"})
    ->Args({1024, 128})
    ->Args({4096, 128})
    ->UseRealTime();

}  // namespace

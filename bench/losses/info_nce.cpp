// InfoNce over in-batch keys, one way and both ways, forward and backward. Least work of either:
// N² similarities and the gradients of queries and keys, 3·N²·D multiply-adds.
#include "selfsup/losses/info_nce.hpp"

#include "bench/report.hpp"
#include "bench/step.hpp"

namespace {

void run(benchmark::State& state, const selfsup::InfoNceOptions& options) {
  const std::size_t held =
      bench::time_step<selfsup::InfoNce>(state, options, 2, 2, [](auto& loss, auto& x) {
        const auto value = loss.forward(x.in(0), x.in(1));
        loss.backward(x.out(0), x.out(1));
        return value;
      });
  const auto N = static_cast<double>(state.range(0)), D = static_cast<double>(state.range(1));
  bench::report_products(state, 2 * N, held, 3 * N * N * D);
}

void info_nce(benchmark::State& state) { run(state, selfsup::InfoNceOptions{}); }
void info_nce_clip(benchmark::State& state) { run(state, selfsup::InfoNceOptions::clip()); }

void shapes(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"N", "D"});
  benchmark->Args({256, 128})->Args({1024, 128})->Args({1024, 512})->Args({4096, 512});
  benchmark->UseRealTime();
}
BENCHMARK(info_nce)->Apply(shapes);
BENCHMARK(info_nce_clip)->Apply(shapes);

}  // namespace

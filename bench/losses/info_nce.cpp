// InfoNce over in-batch keys, one way and both ways, forward and backward. Least work of either:
// N² similarities and the gradients of queries and keys, 3·N²·D multiply-adds.
#include "selfsup/losses/info_nce.hpp"

#include "bench/report.hpp"

namespace {

void run(benchmark::State& state, const selfsup::InfoNceOptions& options) {
  const auto N = static_cast<std::size_t>(state.range(0));
  const auto D = static_cast<std::size_t>(state.range(1));
  const std::vector<float> query = bench::normal_rows(N, D, 1), key = bench::normal_rows(N, D, 2);
  std::vector<float> d_query(N * D), d_key(N * D);
  selfsup::InfoNce<float> loss(options);
  for (auto _ : state) {
    float value = loss.forward({query.data(), N, D}, {key.data(), N, D});
    loss.backward({d_query.data(), N, D}, {d_key.data(), N, D});
    benchmark::DoNotOptimize(value);
    benchmark::ClobberMemory();
  }
  const auto n = static_cast<double>(N);
  bench::report_products(state, 2 * N, loss.bytes(), 3 * n * n * static_cast<double>(D));
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

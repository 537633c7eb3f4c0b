// NtXent, forward and backward. Least work with M = 2N rows: M²/2 similarities, since they are
// symmetric, and one whole product back, 1.5·M²·D multiply-adds.
#include "selfsup/losses/nt_xent.hpp"

#include "bench/report.hpp"

namespace {

void nt_xent(benchmark::State& state) {
  const auto N = static_cast<std::size_t>(state.range(0));
  const auto D = static_cast<std::size_t>(state.range(1));
  const std::vector<float> z_a = bench::normal_rows(N, D, 1), z_b = bench::normal_rows(N, D, 2);
  std::vector<float> d_z_a(N * D), d_z_b(N * D);
  selfsup::NtXent<float> loss;
  for (auto _ : state) {
    float value = loss.forward({z_a.data(), N, D}, {z_b.data(), N, D});
    loss.backward({d_z_a.data(), N, D}, {d_z_b.data(), N, D});
    benchmark::DoNotOptimize(value);
    benchmark::ClobberMemory();
  }
  const double M = 2 * static_cast<double>(N);
  bench::report_products(state, 2 * N, loss.bytes(), 1.5 * M * M * static_cast<double>(D));
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

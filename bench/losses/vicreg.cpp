// VicReg, forward and backward. Least work: for each view half of a symmetric product over the
// smaller of N and D and one whole product back, 3·min(N, D)·N·D multiply-adds for both.
#include "selfsup/losses/vicreg.hpp"

#include "bench/report.hpp"

#include <algorithm>

namespace {

void vicreg(benchmark::State& state) {
  const auto N = static_cast<std::size_t>(state.range(0));
  const auto D = static_cast<std::size_t>(state.range(1));
  const std::vector<float> z_a = bench::normal_rows(N, D, 1), z_b = bench::normal_rows(N, D, 2);
  std::vector<float> d_z_a(N * D), d_z_b(N * D);
  selfsup::VicReg<float> loss;
  for (auto _ : state) {
    float value = loss.forward({z_a.data(), N, D}, {z_b.data(), N, D});
    loss.backward({d_z_a.data(), N, D}, {d_z_b.data(), N, D});
    benchmark::DoNotOptimize(value);
    benchmark::ClobberMemory();
  }
  const auto smaller = static_cast<double>(std::min(N, D));
  bench::report_products(state, 2 * N, loss.bytes(), 3 * smaller * static_cast<double>(N * D));
}
BENCHMARK(vicreg)
    ->ArgNames({"N", "D"})
    ->Args({256, 128})
    ->Args({2048, 256})
    ->Args({1024, 1024})
    ->Args({256, 2048})
    ->Args({256, 8192})
    ->UseRealTime();

}  // namespace

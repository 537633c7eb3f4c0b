// Byol over two directions, forward and backward. Least bytes a direction: forward reads p and z
// and writes the gradient that backward reads, scales and writes: 5·N·D entries.
#include "selfsup/losses/byol.hpp"

#include "bench/report.hpp"

namespace {

void byol(benchmark::State& state) {
  const auto N = static_cast<std::size_t>(state.range(0));
  const auto D = static_cast<std::size_t>(state.range(1));
  const std::vector<float> p_a = bench::normal_rows(N, D, 1), p_b = bench::normal_rows(N, D, 2);
  const std::vector<float> z_a = bench::normal_rows(N, D, 3), z_b = bench::normal_rows(N, D, 4);
  std::vector<float> d_p_a(N * D), d_p_b(N * D);
  selfsup::Byol<float> loss;
  for (auto _ : state) {
    float value = loss.forward({p_a.data(), N, D}, {p_b.data(), N, D}, {z_a.data(), N, D},
                               {z_b.data(), N, D});
    loss.backward({d_p_a.data(), N, D}, {d_p_b.data(), N, D});
    benchmark::DoNotOptimize(value);
    benchmark::ClobberMemory();
  }
  const auto entries = static_cast<double>(N * D);
  bench::report_bytes(state, 2 * N, loss.bytes(), 2 * 5 * entries * sizeof(float));
}
BENCHMARK(byol)
    ->ArgNames({"N", "D"})
    ->Args({256, 128})
    ->Args({1024, 256})
    ->Args({4096, 256})
    ->Args({4096, 2048})
    ->UseRealTime();

}  // namespace

// The micro-kernel alone, its operands in the first-level cache: what the products could reach.
#include "selfsup/product/micro_kernel.hpp"

#include "bench/report.hpp"

#include <cstddef>
#include <vector>

namespace {

void micro_kernel(benchmark::State& state) {
  namespace product = selfsup::product;
  using Blocking = product::Blocking<float>;
  constexpr std::size_t rows = Blocking::micro_rows, cols = Blocking::micro_cols;
  constexpr std::size_t calls = 1000;
  const auto K = static_cast<std::size_t>(state.range(0));
  const std::size_t a_stride = K + 16;
  std::vector<float> a(rows * a_stride, 0.5F), b(K * cols, 0.25F), c(rows * cols);
  product::AheadOfStrip nothing_ahead;
  float* result = c.data();
  benchmark::DoNotOptimize(result);  // else Clang sees that nobody reads C
  for (auto _ : state) {
    for (std::size_t call = 0; call < calls; ++call) {
      product::micro_kernel<rows, Blocking::micro_batches>(
          K, product::LeftByRows<float>{a.data(), a_stride}, product::Right<float>{b.data(), cols},
          product::Entries<float>{result, cols, product::Output::write}, nothing_ahead);
      benchmark::ClobberMemory();
    }
  }
  bench::report_products(state, static_cast<double>(calls * rows), 0,
                         static_cast<double>(calls * rows * cols * K));
}
BENCHMARK(micro_kernel)->ArgName("K")->Arg(64)->Arg(128)->Arg(192)->Arg(256)->UseRealTime();

}  // namespace

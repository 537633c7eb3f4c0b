// SupCon on N rows of ten classes, forward and backward. Least work: half of the N² similarities
// and the gradient of all rows, 1.5·N²·D multiply-adds.
#include "selfsup/losses/sup_con.hpp"

#include "bench/report.hpp"
#include "bench/step.hpp"

#include <cstddef>
#include <vector>

namespace {

void run(benchmark::State& state, selfsup::SupConForm form) {
  selfsup::SupConOptions options;
  options.form = form;
  std::vector<int> labels;
  for (int i = 0; i < state.range(0); ++i) labels.push_back(i % 10);
  const std::size_t held =
      bench::time_step<selfsup::SupCon>(state, options, 1, 1, [&](auto& loss, auto& x) {
        const auto value = loss.forward(x.in(0), labels);
        loss.backward(x.out(0));
        return value;
      });
  const auto N = static_cast<double>(state.range(0)), D = static_cast<double>(state.range(1));
  bench::report_products(state, N, held, 1.5 * N * N * D);
}

void sup_con(benchmark::State& state) { run(state, selfsup::SupConForm::outside); }
void sup_con_inside(benchmark::State& state) { run(state, selfsup::SupConForm::inside); }

void shapes(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"N", "D"});
  benchmark->Args({256, 128})->Args({2048, 128})->Args({8192, 128});
  benchmark->UseRealTime();
}
BENCHMARK(sup_con)->Apply(shapes);
BENCHMARK(sup_con_inside)->Apply(shapes);

}  // namespace

// What VICReg's covariance term costs: forward and backward of the term alone, of the whole loss,
// and of the loss without it, by route; and beside it the estimates of the term and its relaxation.
//
// "of_bound" counts the multiply-adds of the cheaper route, 3·N·D·min(N, D) for two views: it shows
// what the other route wastes, and above 1 what an estimate spares.
#include "bench/report.hpp"
#include "bench/run.hpp"
#include "bench/step.hpp"
#include "selfsup/losses/fft_covariance.hpp"
#include "selfsup/losses/grouped_covariance.hpp"
#include "selfsup/losses/probed_covariance.hpp"
#include "selfsup/losses/vicreg.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace {

using selfsup::CovarianceRoute;
using selfsup::VicRegOptions;

VicRegOptions term_alone(CovarianceRoute route) {
  VicRegOptions options;
  options.invariance_weight = options.variance_weight = 0;
  options.covariance_route = route;
  return options;
}

VicRegOptions whole_loss(CovarianceRoute route) {
  VicRegOptions options;
  options.covariance_route = route;
  return options;
}

VicRegOptions without_covariance() {
  VicRegOptions options;
  options.covariance_weight = 0;
  return options;
}

VicRegOptions nothing_kept(VicRegOptions options) {
  options.memory_budget = 0;
  return options;
}

void measure(benchmark::State& state, const VicRegOptions& options) {
  const std::size_t held =
      bench::time_step<selfsup::VicReg>(state, options, 2, 2, [](auto& loss, auto& x) {
        const auto value = loss.forward(x.in(0), x.in(1));
        loss.backward(x.out(0), x.out(1));
        return value;
      });
  const auto N = static_cast<double>(state.range(0)), D = static_cast<double>(state.range(1));
  bench::report_products(state, 2 * N, held, 3 * std::min(N, D) * N * D);
}

// One view after the other, by classes that take one.
template <template <class> class Loss, class Options>
void measure_views(benchmark::State& state, const Options& options) {
  const std::size_t held = bench::time_step<Loss>(state, options, 2, 2, [](auto& loss, auto& x) {
    auto value = loss.forward(x.in(0));
    loss.backward(x.out(0));
    value += loss.forward(x.in(1));
    loss.backward(x.out(1));
    return value;
  });
  const auto N = static_cast<double>(state.range(0)), D = static_cast<double>(state.range(1));
  bench::report_products(state, 2 * N, held, 3 * std::min(N, D) * N * D);
}

selfsup::GroupedCovarianceOptions groups_of(std::size_t size) {
  selfsup::GroupedCovarianceOptions options;
  options.group_size = size;
  return options;
}

selfsup::ProbedCovarianceOptions probes(std::size_t count) {
  selfsup::ProbedCovarianceOptions options;
  options.probes = count;
  return options;
}

using Shapes = std::vector<std::pair<std::int64_t, std::int64_t>>;

template <class Measure>
void add_measure(const std::string& name, const Shapes& shapes, const Measure& measure_it) {
  auto* const added = benchmark::RegisterBenchmark(name.c_str(), measure_it);
  added->ArgNames({"N", "D"})->UseRealTime();
  for (const auto& [N, D] : shapes) added->Args({N, D});
}

void add(const std::string& name, const Shapes& shapes, const VicRegOptions& options) {
  add_measure(name, shapes, [options](benchmark::State& state) { measure(state, options); });
}

void add_estimates(const Shapes& shapes) {
  for (const std::size_t size : {32u, 128u, 512u}) {
    add_measure("groups/" + std::to_string(size), shapes, [size](benchmark::State& state) {
      measure_views<selfsup::GroupedCovariance>(state, groups_of(size));
    });
  }
  for (const std::size_t count : {4u, 16u, 64u}) {
    add_measure("probes/" + std::to_string(count), shapes, [count](benchmark::State& state) {
      measure_views<selfsup::ProbedCovariance>(state, probes(count));
    });
  }
  add_measure("fft", shapes, [](benchmark::State& state) {
    measure_views<selfsup::FftCovariance>(state, selfsup::FftCovarianceOptions());
  });
}

void add_all(const Shapes& shapes) {
  add("term/automatic", shapes, term_alone(CovarianceRoute::automatic));
  add("term/sample", shapes, term_alone(CovarianceRoute::sample));
  add("term/feature", shapes, term_alone(CovarianceRoute::feature));
  add("term/feature_nothing_kept", shapes, nothing_kept(term_alone(CovarianceRoute::feature)));
  add("vicreg/automatic", shapes, whole_loss(CovarianceRoute::automatic));
  add("vicreg/without_covariance", shapes, without_covariance());
  add_estimates(shapes);
}

// Few samples and many, narrow and wide, and both sides of the crossover N = D.
const Shapes grid = {{256, 128},   {256, 512},   {256, 2048},  {256, 8192},
                     {1024, 128},  {1024, 512},  {1024, 1023}, {1024, 1024},
                     {1024, 1025}, {1024, 2048}, {4096, 256}};

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Measures the cost of VICReg's covariance term over a grid of shapes, or for one.",
               "bench_covariance"};
  std::int64_t N = 0, D = 0;
  auto* const rows =
      app.add_option("--N", N, "samples, instead of the grid")->check(CLI::Range(2, 1 << 20));
  auto* const cols =
      app.add_option("--D", D, "columns, instead of the grid")->check(CLI::Range(1, 1 << 20));
  rows->needs(cols);
  cols->needs(rows);
  app.allow_extras();
  app.footer("Every option of Google Benchmark, such as --benchmark_filter=term, works too.");
  CLI11_PARSE(app, argc, argv);
  add_all(N > 0 ? Shapes{{N, D}} : grid);
  std::vector<std::string> rest = app.remaining();
  std::vector<char*> arguments = {argv[0]};
  for (std::string& argument : rest) arguments.push_back(argument.data());
  return bench::run(static_cast<int>(arguments.size()), arguments.data());
}

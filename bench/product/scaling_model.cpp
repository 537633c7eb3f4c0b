// How a step of each loss would scale to many threads, from one thread of this machine: the step is
// split as for P threads, each item is timed alone, and the items are replayed on P threads.
//
// What the model knows: stretches outside parallel calls, calls with fewer items than threads,
// items of unequal length, the cost of a call. What it does not: threads that share a cache, the
// memory or the power that the clock follows. An item takes as long as it does alone, so a step
// that is bound by memory (Byol, SimSiam, ema_update) scales no further than the machine's memory
// does, whatever is said here; and a wait inside an item for another thread is no time at all.
#include "bench/product/call_sites.hpp"
#include "bench/product/trace.hpp"
#include "bench/step.hpp"
#include "selfsup/selfsup.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace {

using Step = std::function<void()>;

struct Row {
  std::string name;  // with its shape
  std::function<Step()> make;
};

// Steps of a loss on batches (N, D), forward and backward.
template <class Loss, class Options, class Once>
Row row(const std::string& name, std::size_t N, std::size_t D, const Options& options,
        std::size_t inputs, std::size_t outputs, Once once) {
  const auto make = [=]() -> Step {
    const auto arrays = std::make_shared<bench::Arrays<float>>(N, D, inputs, outputs);
    const auto loss = std::make_shared<Loss>(options);
    return [=] { once(*loss, *arrays); };
  };
  return {name + " " + std::to_string(N) + "x" + std::to_string(D), make};
}

const auto one_view = [](auto& loss, auto& x) {
  loss.forward(x.in(0));
  loss.backward(x.out(0));
};
const auto two_views = [](auto& loss, auto& x) {
  loss.forward(x.in(0), x.in(1));
  loss.backward(x.out(0), x.out(1));
};
const auto two_directions = [](auto& loss, auto& x) {
  loss.forward(x.in(0), x.in(1), x.in(2), x.in(3));
  loss.backward(x.out(0), x.out(1));
};
// Slices drawn anew each step.
template <class Once>
auto redrawn(Once once) {
  return [once, drawn = std::make_shared<std::uint64_t>(0)](auto& loss, auto& x) {
    loss.set_step(++*drawn);
    once(loss, x);
  };
}

using Shapes = std::vector<std::pair<std::size_t, std::size_t>>;

std::vector<Row> all_rows() {
  using namespace selfsup;
  std::vector<Row> rows;
  for (const auto& [N, D] : Shapes{{256, 128}, {1024, 128}, {4096, 128}, {4096, 512}})
    rows.push_back(row<NtXent<float>>("nt_xent", N, D, NtXentOptions(), 2, 2, two_views));
  for (const auto& [N, D] : Shapes{{1024, 512}, {4096, 512}})
    rows.push_back(row<InfoNce<float>>("clip", N, D, InfoNceOptions::clip(), 2, 2, two_views));
  for (const auto& [N, D] : Shapes{{2048, 2048}, {4096, 256}, {256, 8192}})
    rows.push_back(row<VicReg<float>>("vicreg", N, D, VicRegOptions(), 2, 2, two_views));
  for (const auto& [N, D] : Shapes{{1024, 1024}, {4096, 256}, {256, 8192}}) {
    rows.push_back(
        row<BarlowTwins<float>>("barlow_twins", N, D, BarlowTwinsOptions(), 2, 2, two_views));
  }
  rows.push_back(row<SigLip<float>>("siglip", 4096, 512, SigLipOptions(), 2, 2, two_views));
  std::vector<int> labels;
  for (int i = 0; i < 4096; ++i) labels.push_back(i % 10);
  rows.push_back(row<SupCon<float>>("sup_con", 4096, 512, SupConOptions(), 1, 1,
                                    [labels](auto& loss, auto& x) {
                                      loss.forward(x.in(0), labels);
                                      loss.backward(x.out(0));
                                    }));
  rows.push_back(
      row<Uniformity<float>>("uniformity", 4096, 512, UniformityOptions(), 1, 1, one_view));
  rows.push_back(row<SigReg<float>>("sigreg", 4096, 512, SigRegOptions(), 1, 1, redrawn(one_view)));
  rows.push_back(
      row<LeJepa<float>>("lejepa", 4096, 512, LeJepaOptions(), 2, 2, redrawn(two_views)));
  rows.push_back(row<Byol<float>>("byol", 4096, 2048, ByolOptions(), 4, 2, two_directions));
  rows.push_back(
      row<SimSiam<float>>("simsiam", 4096, 2048, SimSiamOptions(), 4, 2, two_directions));
  struct NoLoss {
    explicit NoLoss(int) {}
  };
  rows.push_back(row<NoLoss>("ema_update", 5000, 5000, 0, 1, 1, [](NoLoss&, auto& x) {
    ema_update<float>(x.out(0), x.in(0), 0.996);
  }));
  return rows;
}

// Seconds to open and close a parallel call. 5 to 10 µs were measured with 16 threads of OpenMP on
// 16 cores; the others are assumed to follow the number of threads as that of a barrier does.
struct RegionCost {
  std::optional<double> given;

  double operator()(std::size_t threads) const {
    if (given) return *given;
    return threads <= 8 ? 5e-6 : threads <= 16 ? 8e-6 : threads <= 64 ? 12e-6 : 16e-6;
  }
};

// The least of some calls without items, by the threads that there are.
double measured_region_cost(std::size_t threads) {
  double least = 1;
  for (int call = 0; call < 2000; ++call) {
    const auto start = bench::Clock::now();
    selfsup::parallel_for(threads, [](std::size_t) {});
    least = std::min(least, bench::seconds(bench::Clock::now() - start));
  }
  return least;
}

struct Settings {
  std::vector<std::size_t> threads = {2, 4, 8, 16, 64, 128};
  std::string filter;
  std::size_t repetitions = 5;
  bool regions = false;
  RegionCost region_cost;
};

// Calls `once` often enough that the least of its times is no accident.
template <class Once>
void repeat(std::size_t repetitions, Once&& once) {
  const auto start = bench::Clock::now();
  for (std::size_t done = 0;
       done < repetitions || bench::seconds(bench::Clock::now() - start) < 0.05; ++done)
    once();
}

double time_on_one_thread(const Step& step, std::size_t repetitions) {
  bench::TracingExecutor alone(1);
  double least = alone.trace(step).sum();
  repeat(repetitions, [&] { least = std::min(least, alone.trace(step).sum()); });
  return least;
}

bench::Trace trace_of(const Step& step, std::size_t threads, const Settings& settings) {
  bench::TracingExecutor executor(threads);
  executor.trace(step);  // memory is taken here
  bench::Trace least = executor.trace(step, settings.regions);
  repeat(settings.repetitions, [&] { least.keep_least(executor.trace(step)); });
  return least;
}

// Where the time of a step on P threads goes. The parts add up to it.
struct Replay {
  double serial = 0;
  double calls = 0;  // the cost of regions
  double idle = 0;   // in regions, less what P busy threads would take
  double work = 0;   // the items, over P

  Replay(const bench::Trace& trace, std::size_t threads, const RegionCost& cost)
      : serial(trace.serial()) {
    for (const bench::Region& region : trace.regions) {
      const double best = region.sum() / static_cast<double>(threads);
      calls += cost(region.shares);
      idle += region.replayed() - best;
      work += best;
    }
  }
  double step() const { return serial + calls + idle + work; }
  double percent(double part) const { return 100 * part / step(); }
};

void print_row(const Row& row, std::size_t threads, const bench::Trace& trace, const Replay& replay,
               double one_thread) {
  std::printf(
      "%-22s threads %3zu speedup %5.1f tasks %5zu regions %3zu serial %7.3f ms step %8.3f ms   "
      "of it serial %2.0f %% calls %2.0f %% idle %2.0f %% work %2.0f %%\n",
      row.name.c_str(), threads, one_thread / replay.step(), trace.tasks(), trace.regions.size(),
      1e3 * replay.serial, 1e3 * replay.step(), replay.percent(replay.serial),
      replay.percent(replay.calls), replay.percent(replay.idle), replay.percent(replay.work));
}

// Each region with the stretch before it, and what they lose: all but the items over P.
void print_regions(const bench::Trace& trace, std::size_t threads, const Replay& replay,
                   const RegionCost& cost) {
  std::printf("      before us  items     sum us largest us  replay us  lost %%  called at\n");
  for (std::size_t r = 0; r < trace.regions.size(); ++r) {
    const bench::Region& region = trace.regions[r];
    const double replayed = region.replayed();
    const double lost = region.before + cost(region.shares) + replayed -
                        region.sum() / static_cast<double>(threads);
    std::printf("  %3zu %9.1f %6zu %10.1f %10.1f %10.1f %7.1f  %s\n", r + 1, 1e6 * region.before,
                region.items.size(), 1e6 * region.sum(), 1e6 * region.largest(), 1e6 * replayed,
                replay.percent(lost), bench::call_site(region.callers).c_str());
  }
  std::printf("  end %9.1f %39s %7.1f\n\n", 1e6 * trace.after, "", replay.percent(trace.after));
}

void measure(const Row& row, const Settings& settings) {
  const Step step = row.make();
  step();
  const double plain = time_on_one_thread(step, settings.repetitions);
  for (const std::size_t threads : settings.threads) {
    const bench::Trace trace = trace_of(step, threads, settings);
    const Replay replay(trace, threads, settings.region_cost);
    // In a long step something always disturbs, in each of its items hardly ever: that is no gain
    // of many threads.
    print_row(row, threads, trace, replay, std::min(plain, trace.sum()));
    if (settings.regions) print_regions(trace, threads, replay, settings.region_cost);
    std::fflush(stdout);
  }
}

void print_notes(const RegionCost& cost) {
  const std::size_t here = selfsup::max_threads();
  std::printf(
      "A model: items are timed alone on one thread and replayed. What is bound by memory scales "
      "less.\n"
      "One parallel call costs %.0f µs with 2 threads, %.0f with 16, %.0f with 64; an empty one "
      "here, with %zu: %.1f µs at least.\n"
      "Parts of the step: serial, outside calls; calls, their cost; idle, threads without an item; "
      "work, what all threads do.\n",
      1e6 * cost(2), 1e6 * cost(16), 1e6 * cost(64), here, 1e6 * measured_region_cost(here));
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Models how the losses' steps scale to many threads, from times of one.",
               "scaling_model"};
  Settings settings;
  app.add_option("--threads", settings.threads, "numbers of threads, as 16,64")
      ->delimiter(',')
      ->check(CLI::Range(1, 4096));
  app.add_option("--filter", settings.filter, "only rows that contain it: vicreg, 'vicreg 256x'");
  app.add_option("--repetitions", settings.repetitions, "of each step, of which the least counts")
      ->check(CLI::Range(1, 10000));
  double region_cost = 0;
  auto* const given =
      app.add_option("--region-cost", region_cost, "of a parallel call, in µs, for any threads")
          ->check(CLI::NonNegativeNumber);
  app.add_flag("--regions", settings.regions, "list every parallel call and the time before it");
  CLI11_PARSE(app, argc, argv);
  if (given->count() > 0) settings.region_cost.given = 1e-6 * region_cost;

  try {
    bool any = false;
    for (const Row& row : all_rows()) {
      if (row.name.find(settings.filter) == std::string::npos) continue;
      any = true;
      measure(row, settings);
    }
    if (!any) {
      std::fprintf(stderr, "scaling_model: no row contains '%s'\n", settings.filter.c_str());
      return 1;
    }
    print_notes(settings.region_cost);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "scaling_model: %s\n", error.what());
    return 1;
  }
}

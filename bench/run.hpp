// What every benchmark program runs, and what it says was measured against what.
#pragma once

#include "bench/bound.hpp"
#include "selfsup/version.hpp"

#include <benchmark/benchmark.h>

#include <string>

#define BENCH_TEXT_(x) #x
#define BENCH_TEXT(x) BENCH_TEXT_(x)

namespace bench {

/// Google Benchmark's main. Returns the exit status.
inline int run(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::AddCustomContext(
      "selfsup",
      BENCH_TEXT(SELFSUP_VERSION_MAJOR) "." BENCH_TEXT(SELFSUP_VERSION_MINOR) "." BENCH_TEXT(
          SELFSUP_VERSION_PATCH) " " BENCH_TEXT(SELFSUP_ABI));
  benchmark::AddCustomContext("compiler", __VERSION__);
  benchmark::AddCustomContext("threads", std::to_string(selfsup::max_threads()));
  benchmark::AddCustomContext("multiply-add peak, GFLOP/s",
                              std::to_string(multiply_add_peak() / 1e9));
  benchmark::AddCustomContext("memcpy of 48 MiB, GB/s", std::to_string(copy_rate() / 1e9));
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}

}  // namespace bench

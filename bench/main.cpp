// Google Benchmark's main, which also says what was measured against what.
#include "bench/bound.hpp"
#include "selfsup/version.hpp"

#include <benchmark/benchmark.h>

#include <string>

#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::AddCustomContext("selfsup",
                              TEXT(SELFSUP_VERSION_MAJOR) "." TEXT(SELFSUP_VERSION_MINOR) "." TEXT(
                                  SELFSUP_VERSION_PATCH) " " TEXT(SELFSUP_ABI));
  benchmark::AddCustomContext("compiler", __VERSION__);
  benchmark::AddCustomContext("threads", std::to_string(selfsup::max_threads()));
  benchmark::AddCustomContext("multiply-add peak, GFLOP/s",
                              std::to_string(bench::multiply_add_peak() / 1e9));
  benchmark::AddCustomContext("memcpy of 48 MiB, GB/s", std::to_string(bench::copy_rate() / 1e9));
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}

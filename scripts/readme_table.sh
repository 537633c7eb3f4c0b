#!/usr/bin/env bash
# Measures every loss on one thread and writes the README's table of speed and error.
#
#   scripts/readme_table.sh         into README.md, between its two markers
#   scripts/readme_table.sh --help  this text
#
# Run it on an otherwise idle machine: the medians of nine runs are written.
set -euo pipefail

if [[ "${1:-}" == -h || "${1:-}" == --help ]]; then
  awk 'NR > 1 { if (!/^#/) exit; sub(/^# ?/, ""); print }' "$0"
  exit 0
fi
cd "$(dirname "${BASH_SOURCE[0]}")/.."
build=build/bench
cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DSELFSUP_MARCH=native \
  -DSELFSUP_BUILD_TESTS=OFF -DSELFSUP_BUILD_EXAMPLES=OFF >/dev/null
cmake --build "$build" >/dev/null

shapes='N:256/D:128/|N:1024/D:(128|256)/|N:4096/D:(128|256|512|2048)/|N:256/D:8192/'
rows="$(mktemp)"
context="$(mktemp)"
table="$(mktemp)"
trap 'rm -f "$rows" "$context" "$table"' EXIT
for loss in nt_xent info_nce byol simsiam vicreg; do
  OMP_NUM_THREADS=1 "$build/bench/bench_$loss" --benchmark_filter="$shapes" \
    --benchmark_min_time=0.2 --benchmark_repetitions=9 --benchmark_report_aggregates_only=true \
    --benchmark_format=csv 2>"$context" | awk -F, '
      /^name,/ { for (i = 1; i <= NF; ++i) { gsub(/"/, "", $i); column[$i] = i } }
      /_median"/ {
        name = $1; gsub(/"|_median|\/real_time/, "", name)
        split(name, part, "/"); split(part[2], N, ":"); split(part[3], D, ":")
        printf "| `%s` | %d x %d | %.3g ms | %.2f | %.0e | %.0e |\n", part[1], N[2], D[2],
          $column["real_time"] / 1e6, $column["of_bound"], $column["value_error"],
          $column["gradient_error"]
      }' >>"$rows"
done

{
  machine="$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)"
  echo "One thread of ${machine:-$(uname -m)}, $(c++ --version | head -n 1)," \
    "$(sed -n 's/^selfsup: //p' "$context"):"
  echo
  echo "| step, forward and backward | N x D | time | of the bound | value error | gradient error |"
  echo "|---|---|---|---|---|---|"
  cat "$rows"
} >"$table"
awk -v table="$table" '
  /^<!-- speed and error: / { print; while ((getline line < table) > 0) print line; skip = 1; next }
  /^<!-- end of speed and error -->/ { skip = 0 }
  !skip' README.md >"$rows"
cp "$rows" README.md
cat "$table"

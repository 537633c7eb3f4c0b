#!/usr/bin/env bash
# Measures selfsup, alone and beside PyTorch and plain Eigen, and writes what it found:
# docs/measured/performance.md, docs/measured/pictures/ and the README's table of speed and error.
#
#   scripts/report.sh                        everything, about 15 minutes; keep the machine idle
#   scripts/report.sh --quick                small shapes only, written under build/report-quick
#   scripts/report.sh --threads 1,2,4,8      numbers of threads, 1 among them; else 1 and its doubles
#                                            up to the number of cores
#   scripts/report.sh --torch-python PYTHON  a Python that has PyTorch; "none" leaves it out
#   scripts/report.sh --help                 this text
#
# Where compare.py was run on a machine with more cores, its result laid down as
# build/report/scaling.json takes the place of this machine's in the section about threads.
#
# Without --torch-python, python3 serves when it has PyTorch, else a virtual environment made under
# build/. The pictures need matplotlib (Debian: python3-matplotlib).
set -euo pipefail

quick=""
torch_python=""
threads=""
while [[ $# -gt 0 ]]; do
  case "$1" in
    --quick) quick=yes ;;
    --threads) threads="${2:?report: --threads needs numbers such as 1,2,4}"; shift ;;
    --torch-python) torch_python="${2:?report: --torch-python needs a program}"; shift ;;
    -h | --help) awk 'NR > 1 { if (!/^#/) exit; sub(/^# ?/, ""); print }' "$0"; exit 0 ;;
    *) echo "report: unknown argument '$1', see --help" >&2; exit 2 ;;
  esac
  shift
done
if [[ -n "$threads" && ! ",$threads," =~ ^,([1-9][0-9]*,)*1,([1-9][0-9]*,)*$ ]]; then
  echo "report: --threads is $threads, numbers such as 1,2,4 with a 1 among them expected" >&2
  exit 2
fi
cd "$(dirname "${BASH_SOURCE[0]}")/.."

plot_python=""
for python in python3 /usr/bin/python3; do
  if "$python" -c "import matplotlib" 2>/dev/null; then
    plot_python="$python"
    break
  fi
done
if [[ -z "$plot_python" ]]; then
  echo "report: no Python with matplotlib for the pictures (Debian: python3-matplotlib)" >&2
  exit 1
fi

if [[ -z "$torch_python" ]]; then
  if python3 -c "import torch" 2>/dev/null; then
    torch_python=python3
  else
    torch_python=build/torch-venv/bin/python
    if ! "$torch_python" -c "import torch" 2>/dev/null; then
      python3 -m venv build/torch-venv
      "$torch_python" -m pip install --quiet torch==2.13.0
    fi
  fi
fi

build=build/bench
cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DSELFSUP_MARCH=native \
  -DSELFSUP_BUILD_TESTS=OFF >/dev/null
cmake --build "$build" >/dev/null

results=build/report
docs=docs/measured
readme=README.md
repetitions=(--benchmark_repetitions=5 --benchmark_min_time=0.1)
compare=(--cap 5)
# 32,768 samples take half a minute a repetition; covariance.cpp is read at one batch size.
declare -A filters=([nt_xent]="-N:32768" [covariance]="N:256/")
if [[ -n "$quick" ]]; then
  results=build/report-quick
  docs="$results/docs"
  readme="$results/README.md"
  repetitions=(--benchmark_repetitions=1 --benchmark_min_time=0.01)
  compare=(--quick --rounds 3)
  mkdir -p "$results"
  cp README.md "$readme"
fi
rm -f "$results"/bench-*.json "$results"/rivals.json
mkdir -p "$results"

if [[ -z "$threads" ]]; then
  threads=1
  for ((count = 2; count <= $(nproc); count *= 2)); do threads+=",$count"; done
fi
for program in "$build"/bench/bench_*; do
  stem="${program##*/bench_}"
  filter="${filters[$stem]:-.}"
  if [[ -n "$quick" ]]; then filter="(N:256/D:128/|N:256/D:512/|D:65536/|K:)"; fi
  for count in ${threads//,/ }; do
    # These two are read at one thread only.
    if [[ "$count" != 1 && "$stem" =~ ^(covariance|micro_kernel)$ ]]; then continue; fi
    echo "report: $stem, threads: $count"
    OMP_NUM_THREADS="$count" "$program" --benchmark_filter="$filter" "${repetitions[@]}" \
      --benchmark_out="$results/bench-$stem-$count.json" --benchmark_out_format=json >/dev/null \
      2>"$results/log" || { cat "$results/log" >&2; exit 1; }
  done
done
python3 bench/rivals/compare.py "${compare[@]}" --busy --threads "$threads" --json "$results/rivals.json" \
  --torch-python "$torch_python" --worker "$build/bench/rivals/rivals_worker"
"$plot_python" scripts/report/report.py "$results" --docs "$docs" --readme "$readme"

#!/usr/bin/env bash
# Trains an encoder with each family of losses on the embedded digits and reports what it learned.
#
#   scripts/demo.sh            results in build/demo/results
#   scripts/demo.sh --help     this text
#
# Installs missing packages first (scripts/setup.sh), then builds selfsup-train for this machine.
# Build and training take less than three minutes on two cores.
set -euo pipefail

if [[ "${1:-}" == -h || "${1:-}" == --help ]]; then
  awk 'NR > 1 { if (!/^#/) exit; sub(/^# ?/, ""); print }' "$0"
  exit 0
elif [[ $# != 0 ]]; then
  echo "demo: unknown argument '$1', see --help" >&2
  exit 2
fi
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Threads that wait spin for half a millisecond, then sleep: on a busy machine a longer spin starves
# those that they wait for.
export GOMP_SPINCOUNT="${GOMP_SPINCOUNT:-10000}"

SECONDS=0
scripts/setup.sh demo
setup_seconds=$SECONDS

SECONDS=0
build=build/demo
results="$build/results"
cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DSELFSUP_MARCH=native \
  -DSELFSUP_BUILD_TESTS=OFF -DSELFSUP_BUILD_BENCH=OFF
cmake --build "$build" --target selfsup-train
trainer="$(find "$build" -name selfsup-train -type f -perm -u+x | head -n 1)"
"$trainer" --method all --out "$results"

for python in python3 /usr/bin/python3; do
  if "$python" -c "import matplotlib" 2>/dev/null; then
    "$python" scripts/runs/plot.py "$results"
    break
  fi
done

echo
echo "results, under $PWD/$results:"
find "$results" -type f \( -name '*.csv' -o -name '*.png' -o -name '*.html' \) -printf '  %P\n' |
  sort
if [[ -f "$results/report.html" ]]; then
  echo "to read in a browser: $PWD/$results/report.html"
fi
echo "packages: $setup_seconds s; build, training and pictures: $SECONDS s"

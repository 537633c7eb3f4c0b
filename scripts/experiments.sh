#!/usr/bin/env bash
# Trains what the papers' claims are about and checks whether they hold here.
#
#   scripts/experiments.sh --data FOLDER   on MNIST's files in FOLDER; writes docs/measured/experiments.md
#   scripts/experiments.sh                 on the built-in digits; writes build/experiments/
#   scripts/experiments.sh --quick         a reduced set on them, in less than five minutes
#   scripts/experiments.sh --help          this text
#
# More options go to examples/experiments/experiments.py. The exit status is 0 when as many claims
# hold as examples/experiments/claims.json expects.
set -euo pipefail

if [[ "${1:-}" == -h || "${1:-}" == --help ]]; then
  awk 'NR > 1 { if (!/^#/) exit; sub(/^# ?/, ""); print }' "$0"
  exit 0
fi
cd "$(dirname "${BASH_SOURCE[0]}")/.."

quick=no page=build/experiments/experiments.md
if [[ " $*" == *" --quick"* ]]; then quick=yes; fi
if [[ " $*" == *" --data"* && " $*" != *" --only"* ]]; then page=docs/measured/experiments.md; fi

scripts/setup.sh
build=build/experiments
cmake -S . -B "$build/trainer" -G Ninja -DCMAKE_BUILD_TYPE=Release -DSELFSUP_MARCH=native \
  -DSELFSUP_BUILD_TESTS=OFF -DSELFSUP_BUILD_BENCH=OFF >/dev/null
cmake --build "$build/trainer" --target selfsup-train
status=0
python3 examples/experiments/experiments.py "$build/trainer/examples/trainer/selfsup-train" \
  --out "$build" "$@" || status=$?
if [[ "$quick" == no && -f "$build/results.json" ]]; then
  scripts/setup.sh demo
  python=python3
  python3 -c "import matplotlib" 2>/dev/null || python=/usr/bin/python3
  mkdir -p "$(dirname "$page")/pictures"
  "$python" examples/experiments/render.py "$build/results.json" --page "$page" \
    --picture "$(dirname "$page")/pictures/claims.svg"
fi
exit "$status"

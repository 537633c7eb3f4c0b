#!/usr/bin/env bash
# Builds selfsup and runs every test.
#
#   scripts/test.sh             in build/default
#   scripts/test.sh PRESET...   in build/PRESET each, presets of CMakePresets.json
#   scripts/test.sh --long …    and the tests that are labelled long
#   scripts/test.sh --help      this text
#
# Installs missing packages first (scripts/setup.sh). The exit status is 0 when all tests passed.
set -euo pipefail

if [[ "${1:-}" == -h || "${1:-}" == --help ]]; then
  awk 'NR > 1 { if (!/^#/) exit; sub(/^# ?/, ""); print }' "$0"
  exit 0
fi
cd "$(dirname "${BASH_SOURCE[0]}")/.."

left_out=(--label-exclude long)
if [[ "${1:-}" == --long ]]; then
  left_out=()
  shift
fi

# Tests run side by side: a thread that waits must not spin on the core that another test needs.
export OMP_WAIT_POLICY="${OMP_WAIT_POLICY:-passive}"

scripts/setup.sh
for preset in "${@:-default}"; do
  cmake --preset "$preset"
  cmake --build "build/$preset"
  ctest --test-dir "build/$preset" --output-on-failure --no-tests=error --parallel "$(nproc)" \
    "${left_out[@]}"
done

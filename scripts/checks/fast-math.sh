#!/usr/bin/env bash
# Checks that the losses whose exponentials, angles and means -ffast-math would spoil are right under
# -Ofast: with g++ for AVX2, where the machine has it, and with Clang for the baseline. Every test so:
# scripts/test.sh fast-math clang-fast-math.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
export OMP_WAIT_POLICY="${OMP_WAIT_POLICY:-passive}"

presets=(clang-fast-math)
if grep -qw avx2 /proc/cpuinfo; then presets+=(fast-math); fi
for preset in "${presets[@]}"; do
  cmake --preset "$preset" >"build/$preset.log" || { cat "build/$preset.log" >&2; exit 1; }
  cmake --build "build/$preset" --target test_fast_math
  "build/$preset/tests/test_fast_math"
done

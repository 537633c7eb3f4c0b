#!/usr/bin/env bash
# Runs the losses' tests as programs are compiled: by g++ at -O3 for this machine's instruction set.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
export OMP_WAIT_POLICY="${OMP_WAIT_POLICY:-passive}"

scripts/setup.sh
cmake --preset native
cmake --build build/native --target test_losses
ctest --test-dir build/native --output-on-failure --no-tests=error --parallel "$(nproc)" \
  --label-exclude long --tests-regex '^test_losses'

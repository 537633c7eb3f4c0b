#!/usr/bin/env bash
# Plants faults in the arithmetic of every loss, one at a time, and expects the tests to find each.
#
#   scripts/canary.sh                       every fault
#   scripts/canary.sh --sample N --seed S   N of them, drawn at random
#   scripts/canary.sh --losses K --seed S   by the tests of K losses
#   scripts/canary.sh --help                the rest
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
scripts/setup.sh
exec python3 scripts/canary.py "$@"

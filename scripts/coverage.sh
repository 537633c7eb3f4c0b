#!/usr/bin/env bash
# Measures which lines and branches of the headers the tests reach, and fails below 98 % of the lines
# or 90 % of the branches. Branches that only an exception takes are not counted: tests/losses/
# allocation.cpp fails every allocation of a loss once.
#
#   scripts/coverage.sh          in build/coverage; the lines that were missed in build/coverage/missed.txt
#   scripts/coverage.sh --help   this text
set -euo pipefail

if [[ "${1:-}" == -h || "${1:-}" == --help ]]; then
  awk 'NR > 1 { if (!/^#/) exit; sub(/^# ?/, ""); print }' "$0"
  exit 0
fi
cd "$(dirname "${BASH_SOURCE[0]}")/.."

scripts/setup.sh coverage
cmake --preset coverage
cmake --build build/coverage
find build/coverage -name '*.gcda' -delete
OMP_WAIT_POLICY=passive ctest --test-dir build/coverage --output-on-failure --no-tests=error \
  --parallel "$(nproc)"

# Templates have one instance a type: a line is reached when it is in any of them.
gcovr --root . --object-directory build/coverage --filter 'include/selfsup/' \
  --exclude-throw-branches --exclude-unreachable-branches --merge-mode-functions=merge-use-line-0 \
  --txt build/coverage/missed.txt --print-summary --fail-under-line 98 --fail-under-branch 90

#!/usr/bin/env bash
# Which lines and branches of include/selfsup/ no test runs.
#
#   scripts/coverage.sh          in build/coverage; prints a table, writes index.html there
#   scripts/coverage.sh --help   this text
#
# The exit status is 0 when at least 98 % of the lines and 90 % of the branches run. Branches that
# the compiler makes for exceptions do not count.
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
# Each program as a whole: a program a test would write its counts hundreds of times.
for program in core simd product kernels momentum monitors testing reference losses; do
  "build/coverage/tests/test_$program" >/dev/null
done
gcovr --root . --filter include/selfsup/ --exclude-throw-branches --exclude-unreachable-branches \
  --gcov-ignore-parse-errors --sort-uncovered --print-summary \
  --html-details build/coverage/index.html --txt build/coverage/table.txt \
  --fail-under-line 98 --fail-under-branch 90 build/coverage && status=0 || status=$?
cat build/coverage/table.txt
exit "$status"

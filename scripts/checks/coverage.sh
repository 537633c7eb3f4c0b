#!/usr/bin/env bash
# Measures which lines and branches of the headers the tests reach, and fails below 98 % of the lines
# or 90 % of the branches.
#
#   scripts/check coverage          in build/coverage; lines that no test reaches, in red, are in
#                                     build/coverage/report/index.html
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."

scripts/setup.sh coverage
cmake --preset coverage
cmake --build build/coverage
rm -rf build/coverage/profiles
LLVM_PROFILE_FILE="$PWD/build/coverage/profiles/%4m.profraw" \
  ctest --test-dir build/coverage --output-on-failure --no-tests=error --parallel "$(nproc)"

llvm-profdata-14 merge -sparse build/coverage/profiles/*.profraw -o build/coverage/tests.profdata
programs=(build/coverage/tests/test_core)
for program in io simd random product kernels momentum monitors testing losses; do
  programs+=(-object "build/coverage/tests/test_$program")
done
reached=("${programs[@]}" -instr-profile build/coverage/tests.profdata include/selfsup)
llvm-cov-14 show "${reached[@]}" -format html -output-dir build/coverage/report \
  -show-branches count -show-instantiations=false
llvm-cov-14 report "${reached[@]}" -show-functions=false
llvm-cov-14 export "${reached[@]}" -summary-only | python3 -c '
import json, sys
totals = json.load(sys.stdin)["data"][0]["totals"]
lines, branches = (totals[what]["percent"] for what in ("lines", "branches"))
print(f"check coverage: {lines:.1f} % of the lines, {branches:.1f} % of the branches of the headers")
sys.exit(lines < 98 or branches < 90)'

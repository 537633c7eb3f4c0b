#!/usr/bin/env bash
# Checks that every C++ snippet of README.md, CONTRIBUTING.md and docs/ is a program that compiles
# without a warning and runs. One that includes oneTBB is left out where that is not installed.
#
#   scripts/check_docs.sh [COMPILER]    default: c++
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
compiler="${1:-c++}"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

# work/FILE-LINE.cpp for each block between ```cpp and ```
awk -v work="$work" '
  FNR == 1 { out = "" }
  /^```/ && out != "" { close(out); out = ""; next }
  /^```cpp$/ { name = FILENAME; gsub(/[^A-Za-z0-9]/, "_", name); out = work "/" name "-" FNR ".cpp"; next }
  out != "" { print > out }' README.md CONTRIBUTING.md docs/*.md

snippets=("$work"/*.cpp)
left_out=0
for snippet in "${snippets[@]}"; do
  name="$(basename "$snippet" .cpp)"
  libraries=()
  if grep -q '<catch2/' "$snippet"; then libraries=(-lCatch2WithMain); fi
  if grep -q '<gtest/' "$snippet"; then libraries=(-lgtest_main -lgtest); fi
  if grep -q '<tbb/' "$snippet"; then
    if ! echo '#include <tbb/parallel_for.h>' | "$compiler" -x c++ -E - >/dev/null 2>&1; then
      left_out=$((left_out + 1))
      continue
    fi
    libraries=(-ltbb)
  fi
  if ! "$compiler" -std=c++17 -O1 -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror -Iinclude \
    -isystem /usr/include/eigen3 "$snippet" -o "$work/$name" "${libraries[@]}"; then
    echo "check_docs: $name (file-line) does not compile" >&2
    exit 1
  fi
  if ! "$work/$name" >"$work/output"; then
    echo "check_docs: $name (file-line) fails" >&2
    exit 1
  fi
done
echo "check_docs: $((${#snippets[@]} - left_out)) snippets compile and run, $left_out left out"

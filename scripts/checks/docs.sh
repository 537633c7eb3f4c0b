#!/usr/bin/env bash
# Checks that every C++ snippet of README.md, CONTRIBUTING.md and docs/ is a program that compiles
# without a warning and runs. One that includes oneTBB is left out where that is not installed.
#
#   scripts/check docs [COMPILER]    default: c++
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

if [[ "${1:-}" == compile ]]; then  # compile COMPILER SNIPPET; leaves no program where it is left out
  snippet="$3"
  libraries=()
  if grep -q '<catch2/' "$snippet"; then libraries=(-lCatch2WithMain); fi
  if grep -q '<gtest/' "$snippet"; then libraries=(-lgtest_main -lgtest); fi
  if grep -q '<tbb/' "$snippet"; then
    if ! echo '#include <tbb/parallel_for.h>' | "$2" -x c++ -E - >/dev/null 2>&1; then exit; fi
    libraries=(-ltbb)
  fi
  if ! "$2" -std=c++17 -O1 -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror -Iinclude \
    -isystem /usr/include/eigen3 "$snippet" -o "${snippet%.cpp}" "${libraries[@]}"; then
    echo "check docs: $(basename "$snippet" .cpp) (file-line) does not compile" >&2
    exit 255  # ends xargs
  fi
  exit
fi

compiler="${1:-c++}"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

# work/FILE-LINE.cpp for each block between ```cpp and ```
awk -v work="$work" '
  FNR == 1 { out = "" }
  /^```/ && out != "" { close(out); out = ""; next }
  /^```cpp$/ { name = FILENAME; gsub(/[^A-Za-z0-9]/, "_", name); out = work "/" name "-" FNR ".cpp"; next }
  out != "" { print > out }' README.md CONTRIBUTING.md $(find docs -name '*.md')

snippets=("$work"/*.cpp)
printf '%s\0' "${snippets[@]}" |
  xargs -0 -n 1 -P "$(nproc)" scripts/checks/docs.sh compile "$compiler"

left_out=0
for snippet in "${snippets[@]}"; do
  program="${snippet%.cpp}"
  if [[ ! -x "$program" ]]; then
    left_out=$((left_out + 1))
  elif ! "$program" >"$work/output"; then
    echo "check docs: $(basename "$program") (file-line) fails" >&2
    exit 1
  fi
done
echo "check docs: $((${#snippets[@]} - left_out)) snippets compile and run, $left_out left out"

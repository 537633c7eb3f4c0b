#!/usr/bin/env bash
# Builds the tests for AArch64 (NEON) and runs them under qemu.
#
#   scripts/test_aarch64.sh          in build/aarch64
#   scripts/test_aarch64.sh --help   this text
#
# The headers of xsimd, Eigen and Catch2 2 are the same for every processor: links to them, alone,
# are on the include path, so that no header of this machine's C library is.
set -euo pipefail

if [[ "${1:-}" == -h || "${1:-}" == --help ]]; then
  awk 'NR > 1 { if (!/^#/) exit; sub(/^# ?/, ""); print }' "$0"
  exit 0
fi
cd "$(dirname "${BASH_SOURCE[0]}")/.."

scripts/setup.sh aarch64
build=build/aarch64
mkdir -p "$build/include"
for header in xsimd/xsimd.hpp Eigen/Core unsupported/Eigen/FFT catch2/catch.hpp; do
  path="$(printf '#include <%s>\n' "$header" |
    c++ -M -x c++ -I/usr/include/eigen3 -I/usr/local/include/eigen3 - 2>/dev/null |
    grep -o "[^ ]*/$header" | head -n 1)" || true
  if [[ -z "$path" ]]; then
    echo "test_aarch64: no $header" >&2
    exit 1
  fi
  mkdir -p "$(dirname "$build/include/$(dirname "$header")")"
  ln -sfn "$(dirname "$path")" "$build/include/$(dirname "$header")"
done

compile() {  # compile SOURCE OBJECT
  mkdir -p "$(dirname "$2")"
  aarch64-linux-gnu-g++ -std=c++17 -O1 -Wno-psabi -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror \
    -DTESTS_LOSS_HEADERS="\"$stems\"" -DTESTS_GOLDEN_FILE='"tests/golden/losses.txt"' -Iinclude -Itests -isystem "$build/include" -c "$1" -o "$2"
}
stems="$(cd include/selfsup/losses && echo *.hpp | sed 's/\.hpp//g')"
export -f compile
export build stems

echo '#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>' >"$build/main.cpp"
folders=(core simd product kernels momentum monitors testing reference losses)
{
  echo "$build/main.cpp $build/main.o"
  for folder in "${folders[@]}"; do
    for source in tests/"$folder"/*.cpp; do echo "$source $build/${source%.cpp}.o"; done
  done
} | xargs -P "$(nproc)" -L 1 bash -c 'compile "$0" "$1"'

emulated() {  # emulated FOLDER TEST...
  local folder="$1"
  shift
  aarch64-linux-gnu-g++ "$build"/tests/"$folder"/*.o "$build/main.o" -o "$build/test_$folder"
  qemu-aarch64 -L /usr/aarch64-linux-gnu "$build/test_$folder" "$@"
}
for folder in core simd product kernels momentum monitors testing reference; do emulated "$folder"; done
emulated losses "~any number of threads*" "~float keeps its accuracy*"  # ten million entries
echo "test_aarch64: the tests of ${folders[*]} pass on AArch64, on one thread, without the largest batches"

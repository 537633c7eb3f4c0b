#!/usr/bin/env bash
# Builds the tests for AArch64 (NEON) and runs them under qemu.
#
#   scripts/check aarch64          in build/aarch64
#
# The headers of xsimd, Eigen and Catch2 2 are the same for every processor: links to them, alone,
# are on the include path, so that no header of this machine's C library is.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."

scripts/setup.sh aarch64
build=build/aarch64
mkdir -p "$build/include"
for header in xsimd/xsimd.hpp Eigen/Core unsupported/Eigen/FFT catch2/catch.hpp; do
  path="$(printf '#include <%s>\n' "$header" |
    c++ -M -x c++ -I/usr/include/eigen3 -I/usr/local/include/eigen3 - 2>/dev/null |
    grep -o "[^ ]*/$header" | head -n 1)" || true
  if [[ -z "$path" ]]; then
    echo "check aarch64: no $header" >&2
    exit 1
  fi
  mkdir -p "$(dirname "$build/include/$(dirname "$header")")"
  ln -sfn "$(dirname "$path")" "$build/include/$(dirname "$header")"
done

compile() {  # compile SOURCE OBJECT
  mkdir -p "$(dirname "$2")"
  aarch64-linux-gnu-g++ -std=c++17 -O1 -Wno-psabi -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror \
    -DTESTS_EMULATED -DTESTS_LOSS_HEADERS="\"$stems\"" -DTESTS_GOLDEN_FILE='"tests/golden/losses.txt"' -Iinclude -Itests -isystem "$build/include" -c "$1" -o "$2"
}
stems="$(cd include/selfsup/losses && echo *.hpp | sed 's/\.hpp//g')"
export -f compile
export build stems

echo '#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>' >"$build/main.cpp"
folders=(core io simd random product kernels momentum monitors testing reference losses)
{
  echo "$build/main.cpp $build/main.o"
  for folder in "${folders[@]}"; do
    # Not what is a program of its own.
    find "tests/$folder" -name '*.cpp' ! -path 'tests/core/exit.cpp' ! -path 'tests/core/plugin*' |
      sort | while read -r source; do echo "$source $build/${source%.cpp}.o"; done
  done
} | xargs -P "$(nproc)" -L 1 bash -c 'compile "$0" "$1"'

# Each test in a process of its own, some side by side. The emulator has no threads after fork, and
# many threads take it many minutes: of the losses' tests those of threads are left out.
run() {  # run PROGRAM TEST
  local name="${2//,/\\,}"
  qemu-aarch64 -L /usr/aarch64-linux-gnu "$1" "${name//[/\\[}" >"$1.log.$$" ||
    { cat "$1.log.$$" >&2; return 255; }
  rm "$1.log.$$"
}
export -f run
export OMP_NUM_THREADS=2
for folder in "${folders[@]}"; do
  program="$build/test_$folder"
  mapfile -t objects < <(find "$build/tests/$folder" -name '*.o')
  aarch64-linux-gnu-g++ "${objects[@]}" "$build/main.o" -o "$program"
  qemu-aarch64 -L /usr/aarch64-linux-gnu "$program" --list-test-names-only |
    grep -v fork >"$program.tests" || true
  if [[ "$folder" == losses ]]; then sed -i '/threads/d; /executor/d' "$program.tests"; fi
  tr '\n' '\0' <"$program.tests" | xargs -0 -P "$(nproc)" -I '{}' bash -c 'run "$0" "$1"' "$program" '{}'
  echo "check aarch64: $folder, $(wc -l <"$program.tests") tests"
done
echo "check aarch64: the tests of ${folders[*]} pass on AArch64, without fork, threads of losses and the largest batches"

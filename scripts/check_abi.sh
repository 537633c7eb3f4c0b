#!/usr/bin/env bash
# Checks that one program may hold selfsup compiled with different flags: tests/abi/step.cpp is
# compiled for several instruction sets, with and without OpenMP, and linked into one program.
#   - No two of the objects share a weak symbol of selfsup, of which the linker would keep any one.
#   - The steps that this machine can run agree.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
work=build/abi
rm -rf "$work"
mkdir -p "$work"

declare -A flags=([baseline]="" [openmp]="-fopenmp")
steps=(baseline openmp)
runnable=(baseline openmp)
if [[ "$(uname -m)" == x86_64 ]]; then
  flags+=([v3]="-march=x86-64-v3" [v4]="-march=x86-64-v4")
  steps+=(v3 v4)
  machine="$(grep -m 1 '^flags' /proc/cpuinfo)"
  if [[ "$machine" == *" avx2 "* && "$machine" == *" fma "* ]]; then runnable+=(v3); fi
  if [[ "$machine" == *" avx512vl "* && "$machine" == *" avx512bw "* ]]; then runnable+=(v4); fi
fi

# At -O0 nothing is inlined, so every function shows as a symbol.
compile="-std=c++17 -O0 -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror"
compile+=" -Iinclude -isystem /usr/include/eigen3"
for compiler in g++ clang++-14; do
  for step in "${steps[@]}"; do
    object="$work/$step-$compiler.o"
    # shellcheck disable=SC2086  # lists of flags
    "$compiler" $compile ${flags[$step]} -DSTEP="step_$step" -c tests/abi/step.cpp -o "$object"
    nm --defined-only "$object" | awk '$2 ~ /^[WVu]$/ { print $3 }' | grep -F 7selfsup |
      sort >"$work/$step-$compiler.symbols"
  done
  shared="$(sort "$work"/*-"$compiler".symbols | uniq -d)"
  if [[ -n "$shared" ]]; then
    echo "check_abi: objects compiled by $compiler with different flags share:" >&2
    c++filt <<<"$shared" >&2
    exit 1
  fi

  # shellcheck disable=SC2086
  "$compiler" $compile -fopenmp -DSTEPS="$(printf 'X(%s) ' "${steps[@]}")" tests/abi/main.cpp \
    "$work"/*-"$compiler".o -o "$work/abi-$compiler"
  if ! "$work/abi-$compiler" "${runnable[@]}" >"$work/run.log"; then
    echo "check_abi: the steps of $work/abi-$compiler differ:" >&2
    cat "$work/run.log" >&2
    exit 1
  fi
done

symbols="$(cat "$work"/*.symbols | wc -l)"
echo "check_abi: ${#steps[@]} builds by 2 compilers share none of $symbols weak symbols," \
  "${#runnable[@]} agree here"

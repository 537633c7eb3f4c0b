#!/usr/bin/env bash
# Checks that every header compiles alone, and twice in one file, without a warning: with g++ for
# the baseline and with Clang for the widest instruction set and OpenMP. All of selfsup.hpp and
# testing/ does so with either compiler for both, and everything together
#   - where the program has macros named as core/enter.hpp lists, which are the same afterwards;
#   - with fast-math, single-precision constants or no run-time types.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

warnings=(-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror)
narrow="" wide="-fopenmp"
if [[ "$(uname -m)" == x86_64 ]]; then wide+=" -march=x86-64-v4"; fi

compile() {  # compile COMPILER HEADER VARIANT
  # shellcheck disable=SC2086  # a variant is a list of flags
  if ! printf '#include "%s"\n#include "%s"\n' "$2" "$2" |
    "$1" -std=c++17 -fsyntax-only "${warnings[@]}" $3 -Iinclude -isystem /usr/include/eigen3 \
      -x c++ -; then
    echo "check headers: $2 does not compile alone with $1 $3" >&2
    return 255  # ends xargs
  fi
}

# Everything in one program with one compiler.
together() {  # together COMPILER
  local compiler="$1" all includes macros with_macros left flags shown wrong refusal
  all=(selfsup/selfsup.hpp selfsup/testing/{catch,gradcheck}.hpp selfsup/losses/fft_covariance.hpp
    selfsup/monitors/effective_rank.hpp)
  includes="$(printf '#include "%s"\n' "${all[@]}")"
  # Those that are functions elsewhere take an argument. The first standard header undefines min and
  # max by itself.
  macros="$(sed -n 's/^#pragma push_macro("\(.*\)")$/\1/p' include/selfsup/core/enter.hpp |
    sed -E 's/^(min|max|abs|check|require)$/\1(argument)/; s/.*/#define & ] a macro of the program [/')"
  with_macros="#include <cstddef>"$'\n'"$macros"$'\n'"$includes"
  if ! "$compiler" -std=c++17 -fsyntax-only "${warnings[@]}" -Iinclude -isystem \
    /usr/include/eigen3 -x c++ - <<<"$with_macros"; then
    echo "check headers: macros of the program break the headers with $compiler" >&2
    exit 1
  fi
  if ! left="$("$compiler" -std=c++17 -E -dM -Iinclude -isystem /usr/include/eigen3 -x c++ - \
    <<<"$with_macros" | grep -F 'a macro of the program' | sort | diff - <(sort <<<"$macros"))"; then
    echo "check headers: the headers change macros of the program with $compiler:" >&2
    echo "$left" >&2
    exit 1
  fi
  for flags in "-Ofast" "-fno-rtti" "-fsingle-precision-constant"; do
    if [[ "$compiler" == clang* && "$flags" == *constant ]]; then continue; fi  # it has none
    if [[ "$flags" == -fno-rtti ]]; then shown="$(grep -v catch <<<"$includes")"; else
      shown="$includes"
    fi
    if ! "$compiler" -std=c++17 -fsyntax-only "${warnings[@]}" "$flags" -Iinclude -isystem \
      /usr/include/eigen3 -x c++ - <<<"$shown"; then
      echo "check headers: the headers do not compile with $compiler $flags" >&2
      exit 1
    fi
  done
  # xsimd that was read with the program's flags is refused, exceptions that are switched off, too.
  for wrong in "-Ofast -include xsimd/xsimd.hpp" "-fno-exceptions"; do
    # shellcheck disable=SC2086  # a list of flags
    refusal="$("$compiler" -std=c++17 -fsyntax-only $wrong -Iinclude -x c++ - 2>&1 \
      <<<'#include "selfsup/losses/byol.hpp"' || true)"
    if ! grep -q 'error.*"selfsup ' <<<"$refusal"; then
      echo "check headers: $compiler $wrong is not refused in our words" >&2
      exit 1
    fi
  done
}

case "${1:-}" in
  compile | together)
    "$@"
    exit
    ;;
esac

mapfile -t headers < <(cd include && find selfsup -name '*.hpp' ! -name enter.hpp ! -name leave.hpp |
  sort)
{
  for header in "${headers[@]}"; do
    printf '%s\0' compile g++ "$header" "$narrow" compile clang++-14 "$header" "$wide"
  done
  for header in selfsup/selfsup.hpp selfsup/testing/{catch,gradcheck}.hpp; do
    printf '%s\0' compile g++ "$header" "$wide" compile clang++-14 "$header" "$narrow"
  done
} | xargs -0 -n 4 -P "$(nproc)" scripts/check headers
printf '%s\0' g++ clang++-14 | xargs -0 -n 1 -P "$(nproc)" scripts/check headers together

echo "check headers: ${#headers[@]} headers compile alone, selfsup.hpp with g++ and Clang for two" \
  "instruction sets each"

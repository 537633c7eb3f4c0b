#!/usr/bin/env bash
# Checks that every header compiles alone, and twice in one file, without a warning: with g++ and
# Clang, for the baseline and for the widest instruction set, with and without OpenMP.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

warnings=(-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror)
variants=("")
if [[ "$(uname -m)" == x86_64 ]]; then
  variants+=("-march=x86-64-v4 -fopenmp")
else
  variants+=("-fopenmp")
fi

compile() {  # compile COMPILER HEADER VARIANT
  # shellcheck disable=SC2086  # a variant is a list of flags
  if ! printf '#include "%s"\n#include "%s"\n' "$2" "$2" |
    "$1" -std=c++17 -fsyntax-only "${warnings[@]}" $3 -Iinclude -isystem /usr/include/eigen3 \
      -x c++ -; then
    echo "check_headers: $2 does not compile alone with $1 $3" >&2
    return 255  # ends xargs
  fi
}

if [[ "${1:-}" == compile ]]; then
  shift
  compile "$@"
  exit
fi

mapfile -t headers < <(cd include && find selfsup -name '*.hpp' | sort)
compilers=(g++ clang++-14)
for compiler in "${compilers[@]}"; do
  for header in "${headers[@]}"; do
    for variant in "${variants[@]}"; do
      printf '%s\0' compile "$compiler" "$header" "$variant"
    done
  done
done | xargs -0 -n 4 -P "$(nproc)" scripts/check_headers.sh
echo "check_headers: ${#headers[@]} headers compile alone (${compilers[*]}," \
  "${#variants[@]} instruction sets)"

#!/usr/bin/env bash
# Checks that every header compiles alone, and twice in one file, without a warning: with g++ for
# the baseline and with Clang for the widest instruction set and OpenMP. All of selfsup.hpp and
# testing/ does so with either compiler for both.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

warnings=(-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror)
narrow="" wide="-fopenmp"
if [[ "$(uname -m)" == x86_64 ]]; then wide+=" -march=x86-64-v4"; fi

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
{
  for header in "${headers[@]}"; do
    printf '%s\0' compile g++ "$header" "$narrow" compile clang++-14 "$header" "$wide"
  done
  for header in selfsup/selfsup.hpp selfsup/testing/{catch,gradcheck}.hpp; do
    printf '%s\0' compile g++ "$header" "$wide" compile clang++-14 "$header" "$narrow"
  done
} | xargs -0 -n 4 -P "$(nproc)" scripts/check_headers.sh
echo "check_headers: ${#headers[@]} headers compile alone, selfsup.hpp with g++ and Clang for two" \
  "instruction sets each"

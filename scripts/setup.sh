#!/usr/bin/env bash
# Installs what selfsup's build needs and this machine lacks.
#
#   scripts/setup.sh          what the build and the tests need
#   scripts/setup.sh demo     that, and what the demo's pictures need (optional there)
#   scripts/setup.sh checks   that, and what the checks of .ci/run need
#   scripts/setup.sh threads | valgrind | aarch64 | coverage
#                             that, and what scripts/test_....sh needs
#   scripts/setup.sh fuzz     that, and what scripts/check fuzz needs
#   scripts/setup.sh --help   this text
#
# On Debian and Ubuntu it runs apt-get for exactly the packages that are missing, by sudo when it is
# not run by root. On other systems it names what is missing, and fails unless nothing is.
set -euo pipefail

group="${1:-}"
case "$group" in
  "" | demo | checks | threads | valgrind | aarch64 | coverage | fuzz) ;;
  -h | --help) awk 'NR > 1 { if (!/^#/) exit; sub(/^# ?/, ""); print }' "$0"; exit 0 ;;
  *) echo "setup: unknown argument '$group', see --help" >&2; exit 2 ;;
esac

has() { command -v "$1" >/dev/null; }
has_header() {
  printf '#include <%s>\n' "$1" |
    c++ -E -x c++ -I/usr/include/eigen3 -I/usr/local/include/eigen3 - >/dev/null 2>&1
}
has_catch() { has_header catch2/catch.hpp || has_header catch2/catch_test_macros.hpp; }
has_matplotlib() {
  python3 -c "import matplotlib" 2>/dev/null || /usr/bin/python3 -c "import matplotlib" 2>/dev/null
}
clang_links() { echo 'int main() {}' | clang++-14 "$@" -x c++ - -o /dev/null 2>/dev/null; }

missing=()
need() {  # need PACKAGE PROBE...
  local package="$1"
  shift
  "$@" || missing+=("$package")
}
find_missing() {
  missing=()
  need build-essential has c++
  need cmake has cmake
  need ninja-build has ninja
  need libxsimd-dev has_header xsimd/xsimd.hpp
  need libeigen3-dev has_header Eigen/Core
  need catch2 has_catch
  need libbenchmark-dev has_header benchmark/benchmark.h
  need libcli11-dev has_header CLI/CLI.hpp
  need zlib1g-dev has_header zlib.h
  if [[ "$group" == checks ]]; then
    need clang-14 has clang++-14
    need clang-format-14 has clang-format-14
    need libclang-rt-14-dev clang_links -fsanitize=address
    need libomp-14-dev clang_links -fopenmp
    need pkg-config has pkg-config
    need libgtest-dev has_header gtest/gtest.h
    need strace has strace
  fi
  if [[ "$group" == threads ]]; then
    need clang-14 has clang++-14
    need libclang-rt-14-dev clang_links -fsanitize=thread
    need libomp-14-dev clang_links -fopenmp
  fi
  if [[ "$group" == fuzz ]]; then
    need clang-14 has clang++-14
    need libclang-rt-14-dev clang_links -fsanitize=address
  fi
  if [[ "$group" == valgrind ]]; then
    need valgrind has valgrind
  fi
  if [[ "$group" == aarch64 ]]; then
    need g++-aarch64-linux-gnu has aarch64-linux-gnu-g++
    need qemu-user has qemu-aarch64
  fi
  if [[ "$group" == coverage ]]; then
    need clang-14 has clang++-14
    need libclang-rt-14-dev clang_links -fprofile-instr-generate
    need libomp-14-dev clang_links -fopenmp
    need llvm-14 has llvm-cov-14
  fi
  if [[ "$group" == demo ]]; then
    need python3-matplotlib has_matplotlib
  fi
}

find_missing
if [[ ${#missing[@]} == 0 ]]; then exit 0; fi

as_root=()
if [[ "$(id -u)" != 0 ]]; then as_root=(sudo); fi
if has apt-get && { [[ "$(id -u)" == 0 ]] || has sudo; }; then
  echo "setup: installing ${missing[*]}"
  apt() { "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get "$@" </dev/null; }
  apt -qq update
  apt -qq install -y --no-install-recommends "${missing[@]}" >/dev/null
  find_missing
fi

if [[ "${missing[*]}" == python3-matplotlib ]]; then
  echo "setup: no Python with matplotlib: the demo will draw no pictures"
elif [[ ${#missing[@]} != 0 ]]; then
  echo "setup: please install, by these names in Debian: ${missing[*]}" >&2
  exit 1
fi

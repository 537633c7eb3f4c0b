#!/usr/bin/env bash
# Runs what has threads under ThreadSanitizer, on every executor of tests/executors.hpp: Clang 14
# with libomp and its archer tool, which tells the sanitizer of OpenMP's barriers (with g++ and
# libgomp correct programs are reported). The library's own pool and std::thread need no such tool.
#
#   scripts/check threads          in build/threads
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."

scripts/setup.sh threads
archer=/usr/lib/llvm-14/lib/libarcher.so
if [[ ! -e "$archer" ]]; then
  echo "check threads: no $archer" >&2
  exit 1
fi
export OMP_TOOL_LIBRARIES="$archer" OMP_NUM_THREADS=3 OMP_WAIT_POLICY=passive
# Tests of fork start threads in the child, which the sanitizer would end.
export TSAN_OPTIONS="ignore_noninstrumented_modules=1 halt_on_error=1 die_after_fork=0 ${TSAN_OPTIONS:-}"

# The preset lets the sanitizer's operator new win over the one of the tests that count allocations.
cmake --preset threads
cmake --build build/threads --target test_core test_product test_momentum test_losses race

# Without the tool correct programs are reported, without the sanitizer wrong ones are not.
if build/threads/tests/race wrong >/dev/null 2>&1 || ! build/threads/tests/race right; then
  echo "check threads: the sanitizer does not tell a race from a barrier" >&2
  exit 1
fi
build/threads/tests/test_core
build/threads/tests/test_product
build/threads/tests/test_momentum "*threads*"
build/threads/tests/test_losses "*threads*"
echo "check threads: no race in test_core, test_product, and the tests of threads of test_momentum and test_losses"

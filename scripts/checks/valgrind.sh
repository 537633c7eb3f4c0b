#!/usr/bin/env bash
# Runs a pass over every product and every loss under valgrind, which sees reads of memory that was
# never written, where AddressSanitizer does not.
#
#   scripts/check valgrind          in build/valgrind
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."

scripts/setup.sh valgrind
cmake --preset valgrind
cmake --build build/valgrind --target test_core test_io test_product test_momentum test_losses

watched() {  # watched PROGRAM TEST...
  local program="$1"
  shift
  valgrind --quiet --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=definite,possible \
    "build/valgrind/tests/$program" "$@"
}
watched test_core "~*child of fork*"  # which has what the parent's threads held
watched test_io
watched test_momentum
watched test_product "~a product meets the triple loop at every size*"
watched test_losses "every loss meets its golden numbers,every layout of inputs*,a skipped output changes*,\
an object serves batches*,a gradient may be written over*,a copy and a moved object*,an entry that is not*"
echo "check valgrind: nothing found in test_core (without fork), test_io, test_momentum, test_product (without every size) and seven tests of every loss"

#!/usr/bin/env bash
# Feeds mutated files to everything that selfsup-train reads, by Clang 14's libFuzzer with
# AddressSanitizer and UndefinedBehaviorSanitizer. It begins with the corpus in tests/fuzz/corpus,
# which every build replays as a test, and goes on from what earlier runs found in build/fuzz/corpus.
#
#   scripts/check fuzz [SECONDS]   in build/fuzz, so long for each of the targets (60)
#   scripts/check fuzz --seeds     writes the sound and damaged files of tests/fuzz/corpus anew, for
#                                  when a format changes
#
# A finding ends it, with the name of the file that shows it: once mended, the file belongs in
# tests/fuzz/corpus.
set -euo pipefail

seconds="${1:-60}"
if [[ "$seconds" != --seeds && ! "$seconds" =~ ^[1-9][0-9]*$ ]]; then
  echo "check fuzz: '$seconds' is no number of seconds, see --help" >&2
  exit 2
fi
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

scripts/setup.sh fuzz
cmake --preset fuzz
targets=(idx cifar gzip checkpoint)
if [[ "$seconds" == --seeds ]]; then
  cmake --build build/fuzz --target fuzz_seeds
  build/fuzz/tests/fuzz/fuzz_seeds tests/fuzz/corpus
  exit 0
fi
cmake --build build/fuzz --target "${targets[@]/#/fuzz_}"

for target in "${targets[@]}"; do
  found="build/fuzz/corpus/$target"
  mkdir -p "$found" build/fuzz/findings
  length=2048
  if [[ "$target" == cifar ]]; then length=9219; fi  # three images
  build/fuzz/tests/fuzz/"fuzz_$target" -max_total_time="$seconds" -max_len="$length" -timeout=10 \
    -malloc_limit_mb=256 -print_final_stats=1 -verbosity=0 \
    -artifact_prefix="build/fuzz/findings/$target-" "$found" "tests/fuzz/corpus/$target"
done
echo "check fuzz: nothing found in $seconds s each of ${targets[*]}"

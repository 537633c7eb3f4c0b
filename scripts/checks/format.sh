#!/usr/bin/env bash
# Checks that every C++ file is as clang-format 14 writes it (.clang-format).
#   scripts/check format         names the differences
#   scripts/check format --fix   rewrites the files
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

how=(--dry-run --Werror)
if [[ "${1:-}" == --fix ]]; then how=(-i); fi
mapfile -d '' -t files < <(find include tests bench examples -name '*.[hc]pp' -print0)
clang-format-14 "${how[@]}" "${files[@]}"
echo "check format: ${#files[@]} files are formatted"

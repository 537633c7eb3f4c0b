#!/usr/bin/env bash
# The same seed gives the same files, times apart, with one and with two threads; another seed
# gives others.
set -euo pipefail
program=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

for method in ntxent infonce byol simsiam vicreg barlow; do
  for threads in 1 2; do
    "$program" --method "$method" --epochs 2 --encoder 48,40 --projector 40,20 --seed 7 \
      --threads "$threads" --out "$folder/$method-$threads" > "$folder/log" ||
      { cat "$folder/log"; exit 1; }
  done
  for file in metrics.csv evaluation.csv embedding.csv weights.bin; do
    cmp "$folder/$method-1/$file" "$folder/$method-2/$file"
  done
  [ "$(wc -l < "$folder/$method-1/metrics.csv")" = 3 ]
  [ "$(wc -l < "$folder/$method-1/evaluation.csv")" = 4 ]
done

"$program" --epochs 2 --encoder 48,40 --projector 40,20 --seed 8 --out "$folder/other" > /dev/null
if cmp -s "$folder/ntxent-1/metrics.csv" "$folder/other/metrics.csv"; then
  echo "another seed gives the same numbers"
  exit 1
fi

# Elsewhere, and all four families: the embedded data needs no path.
cd "$folder"
"$program" --method all --epochs 1 --encoder 16 --projector 8 --out all > table
for method in ntxent byol simsiam vicreg; do
  [ -s "all/$method/weights.bin" ]
  grep -q "^$method " table
done
grep -q '^raw pixels ' table
grep -q '^untrained encoder ' table

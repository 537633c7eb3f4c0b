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
  for file in metrics.csv evaluation.csv embedding.csv retrieval.csv images.bin weights.bin; do
    cmp "$folder/$method-1/$file" "$folder/$method-2/$file"
  done
  # The settings differ in what was asked for only.
  if diff "$folder/$method-1/settings.csv" "$folder/$method-2/settings.csv" > "$folder/diff"; then
    echo "settings of two commands are the same"
    exit 1
  fi
  differences=$(sed -n 's/^> \([^,]*\),.*/\1/p' "$folder/diff" | xargs)
  case "$differences" in
    "command threads" | command) ;;  # a build without OpenMP has one thread
    *) echo "settings differ: $differences"; exit 1 ;;
  esac
  [ "$(wc -l < "$folder/$method-1/metrics.csv")" = 3 ]
  [ "$(wc -l < "$folder/$method-1/evaluation.csv")" = 4 ]
  [ "$(wc -l < "$folder/$method-1/retrieval.csv")" = $((1 + 3 * 12 * 8)) ]
done

"$program" --epochs 2 --encoder 48,40 --projector 40,20 --seed 8 --out "$folder/other" > /dev/null
if cmp -s "$folder/ntxent-1/metrics.csv" "$folder/other/metrics.csv"; then
  echo "another seed, the same metrics"
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

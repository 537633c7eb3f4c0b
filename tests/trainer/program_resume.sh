#!/usr/bin/env bash
# A training that was killed at any moment, as often as you like, or interrupted, goes on to the same
# bits as one that never stopped.
set -euo pipefail
program=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
options=(--epochs 40 --encoder 48,40 --projector 40,20 --seed 5)
RANDOM=1

same() {  # same FOLDER FOLDER
  local file
  for file in weights.bin metrics.csv evaluation.csv embedding.csv retrieval.csv images.bin; do
    cmp "$1/$file" "$2/$file"
  done
}

kills=0
for method in ntxent moco byol simsiam lejepa barlow; do
  "$program" --method "$method" "${options[@]}" --out "$folder/whole" > /dev/null
  rm -rf "$folder/killed"
  killed=0
  for ((attempt = 0; attempt < 40 && killed < 4; ++attempt)); do
    moment=$(printf '0.%03d' $((RANDOM % 300 + 50)))
    if timeout -s KILL "$moment" "$program" --method "$method" "${options[@]}" --checkpoint 0 \
      --resume --out "$folder/killed" > /dev/null 2>&1; then
      rm -rf "$folder/killed"  # it was faster: begin again
    else
      killed=$((killed + 1))
    fi
  done
  "$program" --method "$method" "${options[@]}" --resume --out "$folder/killed" > "$folder/log"
  same "$folder/whole" "$folder/killed"
  kills=$((kills + killed))
done 2> "$folder/killed.log"
echo "$kills runs killed"
[ "$kills" -ge 20 ]

# What is finished is not trained again; other options are refused, and the checkpoint stays.
"$program" --method barlow "${options[@]}" --resume --out "$folder/killed" > "$folder/log"
grep -q 'goes on after 440 of 440' "$folder/log"
cp "$folder/killed/checkpoint.bin" "$folder/before"
code=0
"$program" --method barlow "${options[@]}" --batch 64 --resume --out "$folder/killed" \
  > /dev/null 2> "$folder/errors" || code=$?
[ "$code" = 2 ]
grep -q 'was made with batch=128, this run has batch=64$' "$folder/errors"
cmp "$folder/before" "$folder/killed/checkpoint.bin"

# All four families: those before the kill are kept, those after it begun.
"$program" --method all "${options[@]}" --out "$folder/all" > /dev/null
code=0
timeout -s KILL 0.5 "$program" --method all "${options[@]}" --checkpoint 0 --out "$folder/some" \
  > /dev/null 2>&1 || code=$?
[ "$code" = 137 ]  # killed, not finished
[ ! -e "$folder/some/vicreg/weights.bin" ]
"$program" --method all "${options[@]}" --resume --out "$folder/some" > /dev/null
for method in ntxent byol simsiam vicreg; do same "$folder/all/$method" "$folder/some/$method"; done

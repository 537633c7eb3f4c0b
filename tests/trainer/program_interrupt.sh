#!/usr/bin/env bash
# Ctrl-C ends the training after the current step, with everything saved and exit code 130.
set -euo pipefail
program=$1
folder=$(mktemp -d)
pid=
trap 'if [ -n "$pid" ]; then kill -9 "$pid"; fi; rm -rf "$folder"' EXIT

for signal in INT TERM; do
  out=$folder/$signal
  "$program" --method all --epochs 100000 --encoder 32,16 --projector 16,8 --threads 1 \
    --out "$out" > "$folder/log" 2> "$folder/errors" &
  pid=$!
  for _ in $(seq 3000); do
    grep -q 'ntxent: epoch 1/' "$folder/log" && break
    sleep 0.1
  done
  grep -q 'ntxent: epoch 1/' "$folder/log"
  kill -s "$signal" "$pid"
  code=0
  wait "$pid" || code=$?
  pid=
  [ "$code" = 130 ] || { echo "exit code $code"; cat "$folder/errors"; exit 1; }
  grep -q 'interrupted, what was learned is in' "$folder/errors"
  for file in weights.bin metrics.csv evaluation.csv embedding.csv retrieval.csv images.bin \
    settings.csv times.csv; do
    [ -s "$out/ntxent/$file" ] || { echo "no $file"; exit 1; }
  done
  [ "$(head -c 8 "$out/ntxent/weights.bin")" = selfsup1 ]
  [ "$(wc -l < "$out/ntxent/metrics.csv")" -ge 2 ]
  [ "$(wc -l < "$out/ntxent/evaluation.csv")" = 4 ]
  grep -q '^ntxent ' "$folder/log"
  # The methods after it were not begun, and no temporary file is left.
  [ ! -e "$out/byol/weights.bin" ]
  [ -z "$(find "$out" -name '*tmp*')" ]
done

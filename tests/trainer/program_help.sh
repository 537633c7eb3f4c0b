#!/usr/bin/env bash
# --help names every method, option and default, and fits a terminal of 100 columns.
set -euo pipefail
program=$1
help=$("$program" --help)
for word in ntxent infonce byol simsiam vicreg barlow all --data --epochs --batch --learning-rate \
  --temperature --seed --threads --out --encoder --projector --predictor --rotation --scale \
  --shift --intensity --noise --brightness --contrast --saturation --hue --grey --jitter-rotation \
  --neighbours Ctrl-C metrics.csv evaluation.csv embedding.csv retrieval.csv images.bin \
  settings.csv times.csv weights.bin; do
  grep -q -- "$word" <<< "$help" || { echo "--help lacks $word"; exit 1; }
done
longest=$(awk '{ if (length($0) > n) n = length($0) } END { print n }' <<< "$help")
[ "$longest" -le 100 ] || { echo "--help has a line of $longest columns"; exit 1; }
"$program" --version | grep -q '^[0-9]*\.[0-9]*\.[0-9]*$'

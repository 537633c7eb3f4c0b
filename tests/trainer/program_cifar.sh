#!/usr/bin/env bash
# Colour images from CIFAR-10's batches: the same files with one and with two threads.
set -euo pipefail
program=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
options=(--epochs 2 --encoder 24,16 --projector 12,8 --seed 3)

# batch FIRST COUNT: images whose bytes are digits of numbers counted up, labelled 0 to 9 in turn
batch() {
  local i
  for ((i = $1; i < $1 + $2; ++i)); do
    printf "\\x0$((i % 10))"
    head -c 3072 < <(seq "$((i * 37))" "$((i * 37 + 2000))" 2> "$folder/ignored")
  done
}

data=$folder/data
mkdir "$data"
batch 0 30 > "$data/data_batch_1.bin"
batch 30 30 | gzip > "$data/data_batch_2.bin.gz"
batch 60 20 > "$data/test_batch.bin"
for threads in 1 2; do
  "$program" --data "$data" "${options[@]}" --threads "$threads" --out "$folder/$threads" \
    > "$folder/log"
  grep -q ', 60 images for training, 20 for testing, 16x16 pixels in colour$' "$folder/log"
done
for file in metrics.csv evaluation.csv embedding.csv weights.bin; do
  cmp "$folder/1/$file" "$folder/2/$file"
done

# One set alone is split.
rm "$data/test_batch.bin"
"$program" --data "$data" "${options[@]}" --out "$folder/split" > "$folder/log"
grep -q ', 48 images for training, 12 for testing, ' "$folder/log"

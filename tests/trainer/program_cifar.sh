#!/usr/bin/env bash
# Colour images from CIFAR-10's batches: the same files with one and with two threads, and colour
# options that change them and that a checkpoint remembers; grey images they leave alone.
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

for option in brightness contrast saturation hue grey; do
  "$program" --data "$data" "${options[@]}" "--$option" 0 --out "$folder/$option" > "$folder/log"
  if cmp -s "$folder/1/weights.bin" "$folder/$option/weights.bin"; then
    echo "--$option 0 changes nothing"
    exit 1
  fi
  code=0
  "$program" --data "$data" "${options[@]}" --resume --out "$folder/$option" \
    > "$folder/log" 2> "$folder/errors" || code=$?
  [ "$code" = 2 ]
  grep -q "was made with $option=0, this run has $option=0\.[0-9]*$" "$folder/errors"
done
for hue in 0 0.5; do
  "$program" "${options[@]}" --hue "$hue" --out "$folder/digits-$hue" > "$folder/log"
done
cmp "$folder/digits-0/weights.bin" "$folder/digits-0.5/weights.bin"

# One set alone is split.
rm "$data/test_batch.bin"
"$program" --data "$data" "${options[@]}" --out "$folder/split" > "$folder/log"
grep -q ', 48 images for training, 12 for testing, ' "$folder/log"

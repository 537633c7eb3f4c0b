#!/usr/bin/env bash
# Colour images from CIFAR-10's batches: the same files with one and with two threads, and colour
# options that change them and that a checkpoint remembers; grey images they leave alone.
set -euo pipefail
program=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
options=(--epochs 2 --encoder 16,8 --projector 8,4 --downsample 4 --seed 3)

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
batch 0 20 > "$data/data_batch_1.bin"
{ batch 20 7 | gzip; batch 27 13 | gzip; } > "$data/data_batch_2.bin.gz"
batch 40 10 > "$data/test_batch.bin"
for threads in 1 2; do
  "$program" --data "$data" "${options[@]}" --threads "$threads" --out "$folder/$threads" \
    > "$folder/log"
  grep -q ', 40 images for training, 10 for testing, 8x8 pixels in colour$' "$folder/log"
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

# The same bytes as IDX files of 40 grey images, 16x16.
idx=$folder/idx
mkdir "$idx"
{
  printf '\0\0\x8\x3\0\0\0\x28\0\0\0\x10\0\0\0\x10'
  head -c 10240 "$data/data_batch_1.bin"
} > "$idx/train-images-idx3-ubyte"
{
  printf '\0\0\x8\x1\0\0\0\x28'
  for ((i = 0; i < 40; ++i)); do printf "\\x0$((i % 10))"; done
} > "$idx/train-labels-idx1-ubyte"
for hue in 0 0.5; do
  "$program" --data "$idx" "${options[@]}" --hue "$hue" --resume --out "$folder/idx-$hue" \
    > "$folder/log"
done
cmp "$folder/idx-0/weights.bin" "$folder/idx-0.5/weights.bin"
"$program" --data "$idx" "${options[@]}" --hue 0.1 --resume --out "$folder/idx-0" > "$folder/log"
grep -q 'goes on after' "$folder/log"

# One set alone is split.
rm "$data/test_batch.bin"
"$program" --data "$data" "${options[@]}" --out "$folder/split" > "$folder/log"
grep -q ', 32 images for training, 8 for testing, ' "$folder/log"

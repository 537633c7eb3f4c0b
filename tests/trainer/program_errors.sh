#!/usr/bin/env bash
# Bad input: exit code 2, one line on stderr that says what was wrong, no folder of results.
set -uo pipefail
program=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
out=$folder/out
failures=0

# expect PATTERN ARGUMENT…
expect() {
  local pattern=$1
  shift
  "$program" --out "$out" "$@" > "$folder/stdout" 2> "$folder/stderr"
  local code=$?
  if [ $code != 2 ] || [ "$(wc -l < "$folder/stderr")" != 1 ] || [ -e "$out" ] ||
    ! grep -q -- "$pattern" "$folder/stderr"; then
    echo "FAILED: $*: exit code $code, wanted 2 and '$pattern', stderr was:"
    cat "$folder/stderr"
    failures=$((failures + 1))
    rm -rf "$out"
  fi
}

# number VALUE: four bytes, big-endian, as printf escapes
number() { printf '\\x%02x\\x%02x\\x%02x\\x%02x' $(($1 >> 24)) $(($1 >> 16 & 255)) \
  $(($1 >> 8 & 255)) $(($1 & 255)); }
# images NAME COUNT ROWS COLS BYTES
images() {
  printf "$(number 0x803)$(number "$2")$(number "$3")$(number "$4")" > "$1"
  head -c "$5" /dev/zero >> "$1"
}
# labels NAME COUNT BYTES
labels() {
  printf "$(number 0x801)$(number "$2")" > "$1"
  head -c "$3" /dev/zero >> "$1"
}

expect '--method is mocov9; one of ntxent, dcl' --method mocov9
expect '--epochs is 0, a whole number from 1' --epochs 0
expect '--epochs is -3, a whole number from 1' --epochs -3
expect '--epochs' --epochs many
expect '--epochs' --epochs 99999999999999999999999
expect '--batch is 1, a whole number from 2' --batch 1
expect '--batch is 1438, at most the 1437 training images' --batch 1438
expect '--temperature is 0, a number from 0.001' --temperature 0
expect '--temperature is -1, a number from 0.001' --temperature -1
expect '--temperature is nan, a number' --temperature nan
expect '--learning-rate is 0' --learning-rate 0
expect '--learning-rate is inf' --learning-rate inf
expect '--target-rate is 2' --method byol --target-rate 2
expect '--weight-decay is -1' --weight-decay -1
expect '--warm-up is 91' --warm-up 91
expect '--threads is 0' --threads 0
expect '--encoder is 0' --encoder 64,0
expect '--projector is -1' --projector -1
expect '--predictor is -1' --method byol --predictor -1
expect '--bank is no setting of byol' --method byol --bank 8
expect '--bank is 2.5, a whole number was expected' --method moco --bank 2.5
expect '--group-size is 1, a number from 2' --method vicreg-grouped --group-size 1
expect '--neighbours is 0' --neighbours 0
expect '--classes is 1' --classes 1
expect 'label .* was expected' --classes 9
expect '--downsample is 0' --downsample 0
expect '--seed' --seed -1
expect '--rotation is 181' --rotation 181
expect '--scale is 0' --scale 0,1
expect '--scale: the first number is above the second' --scale 1.2,0.8
expect '--jitter-noise is -0.1' --jitter-noise -0.1
expect '--brightness is 1.5, a number from 0 to 1' --brightness 1.5
expect '--contrast is -1, a number from 0 to 1' --contrast -1
expect '--saturation is nan, a number from 0 to 1' --saturation nan
expect '--hue is 0.6, a number from 0 to 0.5' --hue 0.6
expect '--grey is 2, a number from 0 to 1' --grey 2
expect '--unknown' --unknown 1
expect 'extra' extra

data=$folder/data
expect 'data is no folder' --data "$data"
mkdir "$data"
expect 'none of train-images' --data "$data"
images "$data/t10k-images-idx3-ubyte" 20 4 4 320
expect 'but not t10k-labels-idx1-ubyte' --data "$data"
labels "$data/t10k-labels-idx1-ubyte" 19 19
expect 'has 19 labels' --data "$data"
labels "$data/t10k-labels-idx1-ubyte" 20 20
expect '--batch is 17, at most the 16' --data "$data" --batch 17
images "$data/t10k-images-idx3-ubyte" 20 4 4 319
expect 'promises 20 images of 4x4' --data "$data"
images "$data/t10k-images-idx3-ubyte" 20 4 4 321
expect 'more bytes follow' --data "$data"
images "$data/t10k-images-idx3-ubyte" 0x7fffffff 0x7fffffff 0x7fffffff 320
expect 'promises 2147483647 images' --data "$data"
labels "$data/t10k-images-idx3-ubyte" 20 20
expect 'magic number 0x00000801, 0x00000803' --data "$data"
rm "$data/t10k-images-idx3-ubyte"
images "$folder/sound" 20 4 4 320
gzip -c "$folder/sound" | head -c 30 > "$data/t10k-images-idx3-ubyte.gz"
expect 'truncated gzip' --data "$data"
printf '<!DOCTYPE html><title>404</title>' | gzip > "$data/t10k-images-idx3-ubyte.gz"
expect 'idx3-ubyte.gz: holds an HTML page, IDX images were expected' --data "$data"
printf "$(number 0xd03)" > "$data/t10k-images-idx3-ubyte"
expect 'holds IDX entries of type float (0x0d), unsigned byte (0x08) was' --data "$data"
rm "$data/t10k-images-idx3-ubyte"
mkfifo "$data/t10k-images-idx3-ubyte"
expect 'no regular file' --data "$data"

head -c 3073 /dev/zero > "$data/test_batch.bin"
expect 'holds IDX files (.*) and CIFAR-10 batches (test_batch.bin), one kind' --data "$data"
batches=$folder/batches
mkdir "$batches"
head -c 61460 /dev/zero > "$batches/data_batch_2.bin"
expect 'data_batch_2.bin is there, but not data_batch_1.bin' --data "$batches"
: > "$batches/data_batch_1.bin"
expect 'data_batch_1.bin: holds no image' --data "$batches"
head -c 61461 /dev/zero > "$batches/data_batch_1.bin"
expect 'data_batch_1.bin: holds 61461 bytes, a multiple of 3073' --data "$batches"
printf 'version https://git-lfs.github.com/spec/v1\noid' > "$batches/data_batch_1.bin"
expect 'data_batch_1.bin: holds a Git LFS pointer, a batch of CIFAR-10 was' --data "$batches"
rm "$batches/data_batch_1.bin"
gzip -c "$batches/data_batch_2.bin" | head -c 60 > "$batches/data_batch_1.bin.gz"
expect 'data_batch_1.bin.gz: truncated gzip' --data "$batches"

# A file where the folder of results should be; a folder that cannot be made.
: > "$folder/file"
for bad in "$folder/file" "$folder/file/below" /proc/selfsup; do
  "$program" --epochs 1 --out "$bad" > /dev/null 2> "$folder/stderr"
  code=$?
  if [ $code != 2 ] || [ "$(wc -l < "$folder/stderr")" != 1 ]; then
    echo "FAILED: --out $bad: exit code $code"
    failures=$((failures + 1))
  fi
done
[ ! -s "$folder/file" ] || failures=$((failures + 1))

# A rate that makes the numbers overflow is no bad input, but ends with a sentence all the same.
"$program" --learning-rate 1000 --epochs 40 --warm-up 0 --method vicreg --out "$folder/diverged" \
  > /dev/null 2> "$folder/stderr"
code=$?
if [ $code != 1 ] || ! grep -q 'diverged in epoch' "$folder/stderr"; then
  echo "FAILED: divergence: exit code $code"
  cat "$folder/stderr"
  failures=$((failures + 1))
fi
[ $failures = 0 ]

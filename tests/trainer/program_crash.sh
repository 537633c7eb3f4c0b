#!/usr/bin/env bash
# The writer of files fails, or the program is killed, at each of its system calls in turn: what was
# there stays, and the run can go on to the same bits. Needs strace; exit code 77 without.
set -euo pipefail
program=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
options=(--epochs 1 --batch 512 --encoder 16 --projector 8 --threads 1)
export ASAN_OPTIONS="${ASAN_OPTIONS:-}:detect_leaks=0"  # it cannot work under strace
calls=openat,write,fsync,close,rename

if ! strace -qq -o /dev/null true 2> /dev/null; then
  echo "no strace that may trace"
  exit 77
fi
"$program" "${options[@]}" --out "$folder/whole" > /dev/null

# The calls that write the checkpoints and weights.bin: the name of each, and its number among those
# of that name.
strace -qq -e trace=$calls -o "$folder/trace" "$program" "${options[@]}" --checkpoint 0 \
  --out "$folder/traced" > /dev/null
awk -F'(' '{ ++count[$1] } /checkpoint\.bin\.[0-9]+-[0-9]+\.tmp/ { begun = 1 }
  /metrics\.csv\.[0-9]+-[0-9]+\.tmp/ { exit }
  begun { print $1, count[$1] }' \
  "$folder/trace" > "$folder/points"
[ "$(wc -l < "$folder/points")" -ge 20 ]

# An intact checkpoint is there or none, and the run goes on from it.
goes_on() {  # goes_on WHAT
  "$program" "${options[@]}" --resume --out "$folder/hurt" > /dev/null || { echo "after $1"; exit 1; }
  for file in weights.bin metrics.csv evaluation.csv embedding.csv retrieval.csv images.bin; do
    cmp "$folder/whole/$file" "$folder/hurt/$file" || { echo "after $1"; exit 1; }
  done
}
hurt() {  # hurt INJECTION
  rm -rf "$folder/hurt"
  code=0
  strace -qq -e trace=$calls -e inject="$1" -o /dev/null "$program" "${options[@]}" \
    --checkpoint 0 --out "$folder/hurt" > /dev/null 2> "$folder/errors" || code=$?
}

killed=0 refused=0
while read -r call number; do
  hurt "$call:signal=SIGKILL:when=$number"
  [ "$code" = 137 ] && killed=$((killed + 1))
  goes_on "a kill at $call $number"
  if [ "$call" = write ]; then
    hurt "$call:error=EINTR:when=$number"
    [ "$code" = 0 ]
    goes_on "EINTR in $call $number"
  fi
  for error in ENOSPC EIO; do
    hurt "$call:error=$error:when=$number"
    if [ "$code" != 0 ]; then
      refused=$((refused + 1))
      [ "$code" = 2 ] && [ "$(wc -l < "$folder/errors")" = 1 ] &&
        grep -q 'cannot be written' "$folder/errors" || { cat "$folder/errors"; exit 1; }
    fi
    [ -z "$(find "$folder/hurt" -name '*.tmp')" ] || { echo "$error in $call $number left a file"; exit 1; }
    goes_on "$error in $call $number"
  done
done < "$folder/points" 2> "$folder/killed.log"
echo "$killed kills, $refused errors told"
[ "$killed" -ge 20 ] && [ "$refused" -ge 25 ]

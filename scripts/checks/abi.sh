#!/usr/bin/env bash
# Checks that one program may hold selfsup compiled with different flags: tests/abi/step.cpp is
# compiled for several instruction sets, with and without OpenMP, parts of fast-math and the debug
# containers of the standard library, and linked into one program.
#   - No two of the objects share a weak symbol of selfsup, of which the linker would keep any one.
#     Clang shows parts of fast-math by no macro; there the steps agree in either order of linking.
#   - No weak function that a lower instruction set shares, whose ever, holds an instruction of a
#     higher one. That needs optimisation: without it no function of the standard library is inlined.
#   - The steps that this machine can run agree, and so does FftCovariance with debug containers.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
work=build/abi
warnings=(-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror)

if [[ "${1:-}" == compile ]]; then  # compile COMPILER SOURCE OBJECT FLAGS
  # shellcheck disable=SC2086  # a list of flags
  "$2" -std=c++17 "${warnings[@]}" -Iinclude $5 -c "tests/abi/$3" -o "$work/$4-$2.o" || exit 255
  exit  # 255 ends xargs
fi

rm -rf "$work"
mkdir -p "$work"

# At -O0 nothing is inlined, so every function of ours shows as a symbol.
declare -A flags=(
  [plain]="-O0" [openmp]="-O0 -fopenmp" [baseline]="-O2"
  [unsafe]="-O2 -funsafe-math-optimizations" [finite]="-O2 -ffinite-math-only"
  [debug]="-O2 -D_GLIBCXX_DEBUG")
steps=(baseline plain openmp unsafe finite debug)
alike=(plain openmp)  # their flags differ in what the namespace names, and nothing is inlined
runnable=("${steps[@]}")
wide=()
if [[ "$(uname -m)" == x86_64 ]]; then
  flags+=([plain_v3]="-O0 -march=x86-64-v3" [plain_v4]="-O0 -march=x86-64-v4"
    [v3]="-O2 -march=x86-64-v3" [v4]="-O2 -march=x86-64-v4")
  steps+=(plain_v3 plain_v4 v3 v4)
  alike+=(plain_v3 plain_v4)
  wide=(v3 v4)
  machine="$(grep -m 1 '^flags' /proc/cpuinfo)"
  if [[ "$machine" == *" avx2 "* && "$machine" == *" fma "* ]]; then runnable+=(plain_v3 v3); fi
  if [[ "$machine" == *" avx512vl "* && "$machine" == *" avx512bw "* ]]; then
    runnable+=(plain_v4 v4)
  fi
fi

# Functions of others that a wide object may define although a lower one does, each with its reason.
harmless='^std::__cxx11::to_string\(' # std's digits, by mulx: asked for in messages of errors only

weak() {  # weak OBJECT
  nm --defined-only "$1" | awk '$2 ~ /^[WVu]$/ { print $3 }' | sort -u
}
# The functions of an object that hold an instruction beyond the baseline.
beyond_baseline() {  # beyond_baseline OBJECT
  objdump -d --no-show-raw-insn "$1" | awk -F '\t' '
    /^[0-9a-f]+ </ { name = $1; gsub(/^[^<]*<|>:$/, "", name); next }
    $2 ~ /^(v[a-z]|k(mov|or|and|x|not|test|unpck|shift|add)|(shl|shr|sar|ror|mul)x|andn|bextr|bls|bzhi|pdep|pext|[tl]zcnt|movbe)/ {
      print name }' | sort -u
}

for compiler in g++ clang++-14; do
  for step in "${steps[@]}"; do
    printf '%s\0' compile "$compiler" step.cpp "$step" "${flags[$step]} -DSTEP=step_$step"
  done
  printf '%s\0' compile "$compiler" main.cpp main \
    "-fopenmp -DSTEPS=$(printf 'X(%s)' "${steps[@]}")"
  # Eigen's Fourier transform holds std containers.
  fourier="-O2 -isystem /usr/include/eigen3"
  printf '%s\0' compile "$compiler" fourier.cpp fourier_plain "$fourier -DSTEP=plain_step" \
    compile "$compiler" fourier.cpp fourier_debug "$fourier -DSTEP=debug_step -D_GLIBCXX_DEBUG" \
    compile "$compiler" fourier_main.cpp fourier_main ""
done | xargs -0 -n 5 -P "$(nproc)" scripts/check abi

for compiler in g++ clang++-14; do
  for step in "${steps[@]}"; do weak "$work/$step-$compiler.o" >"$work/$step-$compiler.symbols"; done
  named=("${alike[@]}" debug "${wide[@]}")
  if [[ "$compiler" == g++ ]]; then named+=(unsafe); fi
  for step in "${named[@]}"; do
    for other in "${named[@]}"; do
      if [[ "$step" == "$other" || "plain_$step" == "$other" || "plain_$other" == "$step" ]]; then
        continue
      fi
      shared="$(comm -12 "$work/$step-$compiler.symbols" "$work/$other-$compiler.symbols" |
        grep -F 7selfsup || true)"
      if [[ -n "$shared" ]]; then
        echo "check abi: $step and $other, compiled by $compiler with different flags, share:" >&2
        c++filt <<<"$shared" >&2
        exit 1
      fi
    done
  done

  for step in "${wide[@]}"; do
    beyond_baseline "$work/$step-$compiler.o" >"$work/beyond"
    found="$(cat "$work"/{baseline,unsafe,finite,debug}-"$compiler".symbols | sort -u |
      comm -12 - "$work/$step-$compiler.symbols" | comm -12 - "$work/beyond" | c++filt |
      grep -Ev "$harmless" || true)"
    if [[ -n "$found" ]]; then
      echo "check abi: $step, compiled by $compiler, shares functions with the baseline that no" \
        "baseline machine runs:" >&2
      echo "$found" >&2
      exit 1
    fi
  done

  objects=()
  for step in "${steps[@]}"; do objects+=("$work/$step-$compiler.o"); done
  reversed=()
  for object in "${objects[@]}"; do reversed=("$object" "${reversed[@]}"); done
  for order in objects reversed; do
    declare -n linked="$order"
    "$compiler" -fopenmp "$work/main-$compiler.o" "${linked[@]}" -o "$work/abi-$compiler-$order"
    if ! "$work/abi-$compiler-$order" "${runnable[@]}" >"$work/run.log"; then
      echo "check abi: the steps of $work/abi-$compiler-$order differ:" >&2
      cat "$work/run.log" >&2
      exit 1
    fi
  done
done

for compiler in g++ clang++-14; do
  for order in "plain debug" "debug plain"; do
    read -r first second <<<"$order"
    "$compiler" "$work/fourier_main-$compiler.o" "$work/fourier_$first-$compiler.o" \
      "$work/fourier_$second-$compiler.o" -o "$work/fourier"
    if ! "$work/fourier"; then
      echo "check abi: FftCovariance, by $compiler, differs with _GLIBCXX_DEBUG in one file" >&2
      exit 1
    fi
  done
done

symbols="$(cat "$work"/*.symbols | grep -cF 7selfsup)"
echo "check abi: ${#steps[@]} builds by 2 compilers, $symbols weak symbols of ours, none shared by" \
  "different flags and no wide function shared with the baseline; ${#runnable[@]} agree here"

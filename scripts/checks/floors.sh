#!/usr/bin/env bash
# Checks the order of include/selfsup and prints every line that breaks it:
#   - a header includes lower floors only, and no cycle. A folder may include itself,
#     except on floor 4, where a header never includes a neighbour (shared code sinks).
#   - kernels/ holds families, a folder each, which do not include one another, but softmax/ pairs/
#     and estimates/ columns/.
#   - one door a dependency: <xsimd/...> and intrinsics in simd/, Eigen in linalg/, <mpi.h> in
#     distributed/.
#   - the instruction set is asked for in simd/ and core/abi.hpp only.
#   - losses/ holds no loop and no intrinsic.
#   - a header opens with core/enter.hpp and ends with core/leave.hpp.
#   - the umbrella header names neither testing/ nor distributed/, but every loss, unless it needs
#     linalg/; fwd.hpp declares the class of every loss.
#
#   scripts/check floors [INCLUDE_FOLDER]    default: this project's include/
set -euo pipefail
cd "${1:-$(dirname "${BASH_SOURCE[0]}")/../../include}"

mapfile -t headers < <(find selfsup -name '*.hpp' | sort)

# The text of all headers as FILE:LINE:TEXT, without comments and string contents (include names are
# kept), continued lines joined to their first.
code() {
  awk '
    FNR == 1 { comment = 0; joined = "" }
    {
      text = $0
      if (text !~ /^[ \t]*#[ \t]*include/) gsub(/"([^"\\]|\\.)*"/, "\"\"", text)
      out = ""
      while (text != "") {
        if (comment) {
          end = index(text, "*/")
          if (!end) break
          text = substr(text, end + 2); comment = 0
        } else {
          block = index(text, "/*"); line = index(text, "//")
          if (line && (!block || line < block)) { out = out substr(text, 1, line - 1); break }
          if (!block) { out = out text; break }
          out = out substr(text, 1, block - 1) " "
          text = substr(text, block + 2); comment = 1
        }
      }
      if (joined == "") first = FNR
      joined = joined out
      if (sub(/\\$/, " ", joined)) next
      if (joined ~ /[^ \t]/) print FILENAME ":" first ":" joined
      joined = ""
    }' "${headers[@]}"
}

code | awk '
  BEGIN {
    floor["core"] = 0; floor["simd"] = floor["io"] = 1; floor["product"] = floor["random"] = floor["linalg"] = 2
    floor["kernels"] = 3; arrow["softmax>pairs"] = arrow["estimates>columns"] = 1
    floor["losses"] = floor["momentum"] = floor["monitors"] = 4
    floor["testing"] = floor["distributed"] = 5
    floor["selfsup.hpp"] = 6; floor["fwd.hpp"] = 1; floor["version.hpp"] = -1
    isa = "__AVX|__SSE|__FMA__|__F16C__|__ARM_|__aarch64__|__x86_64__|__i386__|_M_X64|_M_ARM64"
    isa = isa "|SELFSUP_ISA_|XSIMD_WITH_|XSIMD_X86|XSIMD_ARM"
    intrinsic = "(^|[^A-Za-z0-9_])(_mm[0-9]*_|__m(128|256|512)|__builtin_ia32_)"
    intrinsic = intrinsic "|<[a-z0-9]*intrin\\.h>|<arm_neon\\.h>"
  }
  function folder(path,   parts) { split(path, parts, "/"); return parts[2] }
  function family(path,   parts) { return split(path, parts, "/") == 4 ? parts[3] : "" }
  function bad(why) { print "check floors: include/" file ":" line ": " why; failures++ }
  {
    split($0, at, ":"); file = at[1]; line = at[2]
    text = substr($0, length(file) + length(line) + 3)
    here = folder(file)
    if (here == "kernels" && family(file) == "") bad("kernels/ holds families, a folder each")
    if (!(here in floor)) bad(here " has no floor: give it one in scripts/check floors")

    if (text ~ /^[ \t]*#[ \t]*include/) {
      target = text; gsub(/^[^<"]*[<"]|[>"][^>"]*$/, "", target)
      if (target ~ /^selfsup\//) {
        there = folder(target)
        if (text !~ /"/) bad("write #include \"" target "\", with quotes")
        if (!(there in floor)) bad("includes " target ", which has no floor")
        else if (here == there && floor[here] == 4)
          bad(here "/ includes its neighbour " target)
        else if (here == "kernels" && there == "kernels" && family(file) != family(target) &&
                 !(family(file) ">" family(target) in arrow))
          bad("kernels/" family(file) "/ includes " target ": no arrow leads there")
        else if (here != there && floor[there] >= floor[here])
          bad("floor " floor[here] " (" here ") includes floor " floor[there] " (" target ")")
        else if (here == "selfsup.hpp" && there ~ /^(testing|distributed)$/)
          bad("the umbrella includes " target)
      }
      if (target ~ /^xsimd\// && here != "simd") bad("<" target "> has its door in simd/")
      if (target ~ /^(unsupported\/)?Eigen\// && here != "linalg")
        bad("<" target "> has its door in linalg/")
      if (target == "mpi.h" && here != "distributed")
        bad("<" target "> has its door in distributed/")
    }
    if (text ~ intrinsic && here != "simd") bad("intrinsics live in simd/:" text)
    if (text ~ /^[ \t]*#[ \t]*(if|ifdef|ifndef|elif)/ && text ~ isa && here != "simd" &&
        file != "selfsup/core/abi.hpp")
      bad("the instruction set is asked for in simd/ and core/abi.hpp only:" text)
    if (here == "losses" && text ~ /(^|[^A-Za-z0-9_])(for|while|do|goto)[ \t]*[({]/)
      bad("a loss names kernels and holds no loop:" text)
    if (here == "losses" && text ~ /xsimd::/) bad("a loss holds no SIMD:" text)
  }
  END { exit failures > 0 }'

# Those that hold no code of their own.
bare=" core/abi.hpp core/enter.hpp core/inline.hpp core/leave.hpp selfsup.hpp version.hpp "
for header in "${headers[@]}"; do
  if [[ "$bare" == *" ${header#selfsup/} "* ]]; then continue; fi
  if [[ "$(grep -m 1 '^#include' "$header")" != '#include "selfsup/core/enter.hpp"' ||
    "$(tail -n 1 "$header")" != '#include "selfsup/core/leave.hpp"' ]]; then
    echo "check floors: include/$header: core/enter.hpp as the first include and core/leave.hpp as" \
      "the last line expected"
    exit 1
  fi
done

for header in selfsup/losses/*.hpp; do
  if ! grep -q '"selfsup/linalg/' <(cat "$header" $(grep -o 'selfsup/kernels/[^"]*' "$header")) &&
    ! grep -q "\"$header\"" selfsup/selfsup.hpp; then
    echo "check floors: include/selfsup/selfsup.hpp does not name $header"
    exit 1
  fi
  class="$(sed -n 's/^class \([A-Za-z]*\).* {$/\1/p' "$header" | tail -n 1)"
  if ! grep -q "^class $class;" selfsup/fwd.hpp; then
    echo "check floors: include/selfsup/fwd.hpp does not declare class $class of $header"
    exit 1
  fi
done

# tsort names the headers of a cycle and fails.
edges="$(code | awk -F: '
  match($3 $4, /^[ \t]*#[ \t]*include "selfsup\/[^"]*"/) {
    target = $3; sub(/^[^"]*"/, "", target); sub(/".*$/, "", target); print $1, target
  }')"
if ! cycle="$(tsort <<<"$edges" 2>&1 >/dev/null)"; then
  echo "check floors: headers include each other in a circle:"
  echo "$cycle"
  exit 1
fi
echo "check floors: ${#headers[@]} headers, $(wc -l <<<"$edges") includes, all downwards"

#!/usr/bin/env bash
# scripts/runs/plot.py draws each run and writes pages that need no other file. Needs a Python with
# matplotlib; exit code 77 without.
set -euo pipefail
program=$1
plot=$(cd "$(dirname "$0")/../.." && pwd)/scripts/runs/plot.py
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

python=
for candidate in python3 /usr/bin/python3; do
  if "$candidate" -c 'import matplotlib' 2> /dev/null; then python=$candidate; break; fi
done
if [ -z "$python" ]; then
  echo "no Python with matplotlib"
  exit 77
fi
export MPLCONFIGDIR=$folder/matplotlib

"$program" --method all --epochs 1 --encoder 16 --projector 8 --out "$folder/all" > /dev/null
mv "$folder/all/vicreg" "$folder/all/new & <own>"
sed -i 's/^method,.*/method,new \& <own>/' "$folder/all/new & <own>/settings.csv"
"$python" "$plot" "$folder/all" > "$folder/written"
[ "$(tail -n 1 "$folder/written")" = "$folder/all/report.html" ]

# One run alone, elsewhere, in colour: images.bin with three channels.
"$python" - "$folder/all/byol/images.bin" << 'END'
import struct, sys, zlib
content = open(sys.argv[1], "rb").read()[:-4]
version, channels, rows, columns, count = struct.unpack_from("<5I", content, 8)
size = channels * rows * columns
colour = content[:8] + struct.pack("<5I", version, 3, rows, columns, count)
for start in range(28, len(content), 8 + size):
    grey = content[start + 8 : start + 8 + size]
    colour += content[start : start + 8] + grey + bytes(255 - pixel for pixel in grey) + grey
open(sys.argv[1], "wb").write(colour + struct.pack("<I", zlib.crc32(colour)))
END
"$python" "$plot" "$folder/all/byol" --out "$folder/elsewhere" > /dev/null
if cmp -s "$folder/all/byol/retrieval.png" "$folder/elsewhere/retrieval.png"; then
  echo "three channels look like one"
  exit 1
fi

cat > "$folder/check.py" << 'END'
import base64, html.parser, pathlib, sys
from urllib.parse import unquote

EMPTY = {"meta", "img"}


class Page(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.pictures, self.text = [], 0, ""

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag not in EMPTY:
            self.open.append(tag)
        assert tag not in ("script", "link", "iframe", "object"), tag
        if tag == "img":
            kind, data = attributes["src"].split(",")
            assert kind == "data:image/png;base64", kind
            assert base64.b64decode(data, validate=True)[:8] == b"\x89PNG\r\n\x1a\n"
            assert len(attributes["alt"]) > 20
            self.pictures += 1
        else:
            assert "src" not in attributes and "srcset" not in attributes
        if tag == "a":
            assert (pathlib.Path(sys.argv[1]).parent / unquote(attributes["href"])).is_file()

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, tag

    def handle_data(self, data):
        self.text += data


content = open(sys.argv[1], encoding="utf-8").read()
page = Page()
page.feed(content)
page.close()
assert not page.open, page.open
assert page.pictures == int(sys.argv[2]), page.pictures
for word in ("http", "url(", "@import"):
    assert word not in content, word
for word in sys.argv[3:]:
    assert word in page.text, word
END
check() { "$python" "$folder/check.py" "$@" || { echo "in $1"; exit 1; }; }
score=$(awk -F, '/^trained encoder/ { printf "%.1f ± %.1f", 100 * $2, 100 * $3 }' \
  "$folder/all/ntxent/evaluation.csv")
check "$folder/all/report.html" 2 NT-Xent BYOL SimSiam 'new & <own>' 'collapse' "$score"
check "$folder/all/ntxent/report.html" 3 NT-Xent '1,437 training' "$score" 'collapse' \
  'temperature' 'images a second' "selfsup-train --method all --epochs 1"
check "$folder/all/new & <own>/report.html" 3 'new & <own>'
check "$folder/elsewhere/report.html" 3 BYOL 'target rate'
for picture in curves embeddings retrieval; do [ -s "$folder/elsewhere/$picture.png" ]; done

# Whether it collapsed is told from the data.
cp -r "$folder/all/ntxent" "$folder/collapsed"
printf '%s\n1,5,0.1,0.003,0.35,1.01\n' "$(head -n 1 "$folder/all/ntxent/metrics.csv")" \
  > "$folder/collapsed/metrics.csv"
"$python" "$plot" "$folder/collapsed" > /dev/null
check "$folder/collapsed/report.html" 3 'The embeddings collapsed to nearly one point.'

# What is missing or damaged is told in one sentence.
refused() {  # refused PATTERN FOLDER
  local code=0
  "$python" "$plot" "$2" --out "$folder/refused" > /dev/null 2> "$folder/errors" || code=$?
  if [ "$code" != 1 ] || [ "$(wc -l < "$folder/errors")" != 1 ] ||
    ! grep -q -- "$1" "$folder/errors"; then
    echo "FAILED: exit code $code, wanted 1 and '$1', stderr was:"
    cat "$folder/errors"
    exit 1
  fi
}
refused 'no metrics.csv, nor a subfolder' "$folder/matplotlib"
for file in settings.csv evaluation.csv embedding.csv retrieval.csv images.bin times.csv; do
  rm -rf "$folder/hurt"
  cp -r "$folder/all/ntxent" "$folder/hurt"
  rm "$folder/hurt/$file"
  refused "$file: is missing" "$folder/hurt"
done
cp "$folder/all/ntxent/images.bin" "$folder/hurt/images.bin"
cp "$folder/all/ntxent/times.csv" "$folder/hurt/times.csv"
printf 'x' >> "$folder/hurt/images.bin"
refused 'images.bin: is damaged' "$folder/hurt"
sed -i 's/^seed,.*/seed,9/' "$folder/all/simsiam/settings.csv"
refused "the runs differ in 'seed'" "$folder/all"

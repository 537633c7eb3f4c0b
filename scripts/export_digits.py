#!/usr/bin/env python3
"""Exports the UCI handwritten digits (1,797 images of 8x8) as a gzip pair of IDX files.

The images come from scikit-learn (Debian: python3-sklearn), whose load_digits() is the test set of
the UCI data set "Optical Recognition of Handwritten Digits". Grey levels 0..16 become 0..255. The
same input gives the same bytes, so a second run changes nothing.

usage: scripts/export_digits.py [folder]      (default: examples/data/digits)
"""

import gzip
import io
import pathlib
import struct
import sys

from sklearn.datasets import load_digits

DEFAULT_FOLDER = pathlib.Path(__file__).resolve().parent.parent / "examples" / "data" / "digits"


def write_gzip(path, content):
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=buffer, mtime=0) as file:
        file.write(content)
    path.write_bytes(buffer.getvalue())


def main():
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    digits = load_digits()
    count, rows, columns = digits.images.shape
    pixels = (digits.images * 255 / 16).round().astype("uint8")
    images = struct.pack(">IIII", 0x00000803, count, rows, columns) + pixels.tobytes()
    labels = struct.pack(">II", 0x00000801, count) + digits.target.astype("uint8").tobytes()
    write_gzip(folder / "train-images-idx3-ubyte.gz", images)
    write_gzip(folder / "train-labels-idx1-ubyte.gz", labels)
    print(f"{folder}: {count} images of {rows}x{columns}")


if __name__ == "__main__":
    main()

"""Reads what selfsup-train writes into the folder of a run."""

import csv
import functools
import statistics
import struct
import sys
import zlib

import numpy

# Names as their papers write them; a method that is not here is called as on the command line.
NAMES = {
    "ntxent": "NT-Xent",
    "dcl": "DCL",
    "hcl": "HCL",
    "infonce": "InfoNCE",
    "moco": "MoCo",
    "supcon": "SupCon",
    "siglip": "SigLIP",
    "byol": "BYOL",
    "simsiam": "SimSiam",
    "vicreg": "VICReg",
    "vicreg-grouped": "VICReg, grouped",
    "vicreg-probed": "VICReg, probed",
    "vicreg-fft": "VICReg, by FFT",
    "barlow": "Barlow Twins",
    "align-uniform": "Alignment and uniformity",
    "lejepa": "LeJEPA",
}

REPRESENTATIONS = ("raw pixels", "untrained encoder", "trained encoder")


def give_up(path, what):
    sys.exit(f"plot.py: {path}: {what}")


def read_bytes(path):
    try:
        return path.read_bytes()
    except FileNotFoundError:
        give_up(path, "is missing, a run of selfsup-train writes it")
    except OSError as error:
        give_up(path, f"cannot be read: {error.strerror}")


def read_rows(path, *columns):
    """The rows of a CSV file that has at least these columns."""
    try:
        lines = read_bytes(path).decode("utf-8").splitlines()
    except UnicodeDecodeError:
        give_up(path, "is no text")
    rows = list(csv.DictReader(lines))
    if not rows:
        give_up(path, "has no rows")
    for column in columns:
        if any(row.get(column) is None for row in rows):
            give_up(path, f"lacks a value of '{column}'")
    return rows


def numbers(path, rows, column):
    try:
        return [float(row[column]) for row in rows]
    except ValueError:
        give_up(path, f"has no number where '{column}' was expected")


def read_images(path):
    """images.bin by its format in examples/trainer/retrieval.hpp: images by (part, row), each
    (rows, columns, channels) with entries from 0 to 255."""
    content = read_bytes(path)
    if content[:8] != b"selfsimg":
        give_up(path, "is no file of images of selfsup-train")
    if len(content) < 32 or struct.unpack("<I", content[-4:])[0] != zlib.crc32(content[:-4]):
        give_up(path, "is damaged, its checksum is another")
    version, channels, rows, columns, count = struct.unpack_from("<5I", content, 8)
    size = channels * rows * columns
    if version != 1 or len(content) != 32 + count * (8 + size):
        give_up(path, f"has version {version} or a length that this script does not know")
    images = {}
    for start in range(28, len(content) - 4, 8 + size):
        planes = numpy.frombuffer(content, numpy.uint8, size, start + 8)
        image = numpy.moveaxis(planes.reshape(channels, rows, columns), 0, 2)
        images[struct.unpack_from("<2I", content, start)] = image
    return images


class Run:
    """The results of one method. Each file is read when it is first asked for."""

    def __init__(self, folder):
        self.folder = folder

    @functools.cached_property
    def settings(self):
        rows = read_rows(self.folder / "settings.csv", "setting", "value")
        return {row["setting"]: row["value"] for row in rows}

    def setting(self, name):
        if name not in self.settings:
            give_up(self.folder / "settings.csv", f"has no setting '{name}'")
        return self.settings[name]

    def wholes(self, name):
        try:
            return [int(word) for word in self.setting(name).split(",")]
        except ValueError:
            give_up(self.folder / "settings.csv", f"has no whole number for '{name}'")

    def whole(self, name):
        return self.wholes(name)[0]

    @property
    def title(self):
        return NAMES.get(self.setting("method"), self.setting("method"))

    @functools.cached_property
    def metrics(self):
        """Columns by name, an entry an epoch."""
        path = self.folder / "metrics.csv"
        names = ("epoch", "loss", "learning_rate", "embedding_std", "healthy_std", "effective_rank")
        rows = read_rows(path, *names)
        return {name: numbers(path, rows, name) for name in names}

    @functools.cached_property
    def spreads(self):
        """The standard deviation of the embeddings over its healthy value, epoch by epoch."""
        pairs = zip(self.metrics["embedding_std"], self.metrics["healthy_std"])
        return [std / healthy for std, healthy in pairs]

    @property
    def largest_rank(self):
        return min(self.whole("batch"), self.wholes("projector")[-1])

    @functools.cached_property
    def scores(self):
        """(mean, deviation) in percent by representation and column, such as "knn_1"."""
        path = self.folder / "evaluation.csv"
        scores = {}
        for row in read_rows(path, "representation"):
            for name in row:
                if f"{name}_std" in row:
                    pair = (numbers(path, [row], name)[0], numbers(path, [row], f"{name}_std")[0])
                    scores[row["representation"], name] = tuple(100 * number for number in pair)
        return scores

    def score(self, representation, column):
        if (representation, column) not in self.scores:
            give_up(self.folder / "evaluation.csv", f"has no {column} of '{representation}'")
        return self.scores[representation, column]

    @property
    def shares(self):
        """(percent of the labels as evaluation.csv writes it, draws, images in each)"""
        percents = self.setting("label_percents").split(",")
        return list(zip(percents, self.wholes("label_draws"), self.wholes("label_images")))

    @functools.cached_property
    def embedding(self):
        """(x, y, label) lists by representation."""
        path = self.folder / "embedding.csv"
        rows = read_rows(path, "representation", "x", "y", "label")
        planes = {}
        for name in REPRESENTATIONS:
            chosen = [row for row in rows if row["representation"] == name]
            planes[name] = tuple(numbers(path, chosen, column) for column in ("x", "y", "label"))
        return planes

    @functools.cached_property
    def retrieval(self):
        """By query (its row among the test images) and representation: the neighbours."""
        path = self.folder / "retrieval.csv"
        names = ("query", "label", "neighbour", "neighbour_label", "similarity")
        found = {}
        for row in read_rows(path, "representation", *names):
            values = {name: numbers(path, [row], name)[0] for name in names}
            empty = {name: [] for name in REPRESENTATIONS}
            of_query = found.setdefault(int(values["query"]), empty)
            of_query.setdefault(row["representation"], []).append(values)
        if not all(query[name] for query in found.values() for name in REPRESENTATIONS):
            give_up(path, "lacks neighbours of an image by one of the representations")
        return found

    def hits(self, representation):
        """How many neighbours are of their query's class, and of how many."""
        rows = [row for query in self.retrieval.values() for row in query[representation]]
        return sum(row["label"] == row["neighbour_label"] for row in rows), len(rows)

    @functools.cached_property
    def images(self):
        return read_images(self.folder / "images.bin")

    @functools.cached_property
    def seconds(self):
        """Lists by phase: an entry an epoch of training, one of evaluation."""
        path = self.folder / "times.csv"
        rows = read_rows(path, "phase", "seconds")
        seconds = {"training": [], "evaluation": []}
        for row in rows:
            seconds.setdefault(row["phase"], []).append(numbers(path, [row], "seconds")[0])
        return seconds

    @property
    def images_per_second(self):
        """By the median epoch: one that was interrupted or held up says nothing about the rate."""
        epoch = statistics.median(self.seconds["training"])
        return self.whole("batch") * self.whole("steps_per_epoch") / epoch


def find_runs(folder):
    """The runs in the folder of --out, by subfolder; "" names a run that has no subfolder."""
    if (folder / "metrics.csv").is_file():
        return {"": Run(folder)}
    found = sorted(path.parent.name for path in folder.glob("*/metrics.csv"))
    if not found:
        give_up(folder, "no metrics.csv, nor a subfolder that has one")
    known = [name for name in NAMES if name in found]
    runs = {name: Run(folder / name) for name in known + [n for n in found if n not in NAMES]}
    for setting in ("data", "training_images", "test_images", "classes", "seed", "encoder"):
        if len({run.setting(setting) for run in runs.values()}) > 1:
            give_up(folder, f"the runs differ in '{setting}' and cannot be compared; name one")
    return runs

"""What scripts/report.sh measured, as its page and its pictures read it."""

import dataclasses
import json
import math
import sys

TITLES = {
    "selfsup": "selfsup",
    "eigen": "plain Eigen",
    "torch_released": "PyTorch, released code",
    "torch_best": "PyTorch, fastest form",
}
RIVALS = [name for name in TITLES if name != "selfsup"]

ROUTES = {"vicreg_sample": "-", "vicreg_feature": "--"}  # cases of a forced route, their lines
MILLISECONDS = {"ns": 1e-6, "us": 1e-3, "ms": 1}
NOT_A_LOSS = ("micro_kernel", "covariance")
NUMBER_WORDS = {1: "one", 2: "two"}


@dataclasses.dataclass
class Step:
    """One benchmark of one loss: medians over its repetitions."""

    program: str
    name: str
    N: int
    D: int
    threads: int
    milliseconds: float
    of_bound: float
    in_memory: bool  # the bound is the copy rate, not the multiply-add peak
    value_error: float
    gradient_error: float  # NaN where there is no gradient

    @property
    def key(self):
        return self.name, self.N, self.D

    @property
    def shape(self):
        return f"{self.N} x {self.D}"


@dataclasses.dataclass
class Results:
    steps: list
    contexts: dict  # of Google Benchmark, by threads
    rivals: dict
    elsewhere: dict  # the rivals on a machine with more cores, or None

    @property
    def most_threads(self):
        """Of the benchmarks."""
        return max(self.contexts)

    def shown_threads(self):
        """Of the comparisons that have a table: the fewest and the most threads."""
        counts = {result["threads"] for result in self.rivals["results"]}
        return sorted({min(counts), max(counts)}) if counts else []

    def losses(self, threads):
        return [s for s in self.steps if s.threads == threads and s.program not in NOT_A_LOSS]

    def compared(self, threads, routes=False):
        """Comparisons on so many threads; those of a forced route only if asked."""
        return [
            result
            for result in self.rivals["results"]
            if result["threads"] == threads and (result["case"] in ROUTES) == routes
        ]


@dataclasses.dataclass
class Scaling:
    """One loss at one shape, on several numbers of threads."""

    case: str
    N: int
    D: int
    seconds: dict  # by column, by threads

    @property
    def shape(self):
        return f"{self.N} x {self.D}"

    def threads(self):
        return sorted({count for times in self.seconds.values() for count in times})


def scaling_of(rivals):
    """Of each case the largest of the shapes that were timed on more than one number of threads."""
    found = {}
    for result in rivals["results"]:
        scaling = found.setdefault(
            (result["case"], result["N"], result["D"]),
            Scaling(result["case"], result["N"], result["D"], {}),
        )
        for name, column in result["columns"].items():
            scaling.seconds.setdefault(name, {})[result["threads"]] = column["seconds"]
    largest = {}
    for scaling in found.values():
        before = largest.get(scaling.case)
        if len(scaling.threads()) > 1 and (
            before is None or scaling.N * scaling.D >= before.N * before.D
        ):
            largest[scaling.case] = scaling
    return list(largest.values())


def threads_text(count):
    return f"{NUMBER_WORDS.get(count, count)} {'thread' if count == 1 else 'threads'}"


def read_benchmarks(path):
    report = json.loads(path.read_text(encoding="utf-8"))
    program, threads = path.stem.removeprefix("bench-").rsplit("-", 1)
    entries = report["benchmarks"]
    # Repetitions end with their median; one repetition stands alone.
    medians = [entry for entry in entries if entry.get("aggregate_name") == "median"]
    steps = []
    for entry in medians or entries:
        parts = entry["run_name"].split("/")
        sizes = dict(part.split(":") for part in parts if ":" in part)
        if "N" not in sizes:
            continue  # the micro-kernel
        name = "/".join(part for part in parts if ":" not in part and part != "real_time")
        steps.append(
            Step(
                program=program,
                name=name,
                N=int(sizes["N"]),
                D=int(sizes["D"]),
                threads=int(threads),
                milliseconds=entry["real_time"] * MILLISECONDS[entry["time_unit"]],
                of_bound=entry["of_bound"],
                in_memory="GB/s" in entry,
                value_error=entry["value_error"],
                gradient_error=entry.get("gradient_error", math.nan),
            )
        )
    return steps, int(threads), report["context"]


def place(path):
    """As in the README's table of losses, then any other."""
    program = path.stem.removeprefix("bench-").rsplit("-", 1)[0]
    order = ("nt_xent", "info_nce", "sup_con", "siglip", "alignment", "uniformity", "byol", "simsiam",
             "vicreg", "barlow_twins", "sigreg", "lejepa", "ema")
    return order.index(program) if program in order else len(order), path.name


def read_results(folder):
    paths = list(folder.glob("bench-*.json"))
    if not paths:
        sys.exit(f"report.py: {folder} holds no bench-PROGRAM-THREADS.json")
    steps, contexts = [], {}
    for path in sorted(paths, key=place):
        found, threads, context = read_benchmarks(path)
        steps += found
        contexts.setdefault(threads, []).append(context)
    rivals = folder / "rivals.json"
    if not rivals.is_file():
        sys.exit(f"report.py: {folder} holds no rivals.json")
    elsewhere = folder / "scaling.json"
    return Results(
        steps,
        contexts,
        json.loads(rivals.read_text(encoding="utf-8")),
        json.loads(elsewhere.read_text(encoding="utf-8")) if elsewhere.is_file() else None,
    )


def ratios_of(result):
    """Of each rival's time to selfsup's."""
    columns = result["columns"]
    return {name: columns[name]["ratio"] for name in RIVALS if "ratio" in columns.get(name, {})}

#!/usr/bin/env python3
"""Trains what claims.json lists, over its seeds, and checks what the papers claim.

A claim has arms, the command lines of selfsup-train that differ by what the claim is about, and
checks. A check compares two numbers, or one with a bound; a comparison holds when the difference of
the means over the seeds is at least the pooled standard deviation. All checks of a claim decide
whether it holds; those under "beyond" are what the paper reports besides, and only shown. The checks
are printed; results.json holds everything that was measured, for render.py. The exit status is 0
when enough claims hold (claims.json says how many), 1 otherwise.

Trainings are kept in OUT/runs, by the trainer's checksum and their options, and not made twice.
"""

import argparse
import concurrent.futures
import csv
import hashlib
import json
import os
import pathlib
import shlex
import statistics
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
REPRESENTATIONS = {"pixels": "raw pixels", "untrained": "untrained encoder"}


class Trainings:
    """Trainings of one program on one data set, each made once."""

    def __init__(self, program, data, folder, common):
        self.program, self.data, self.common = program, data, common
        checksum = hashlib.sha256(pathlib.Path(program).read_bytes()).hexdigest()
        self.folder = folder / "runs" / checksum[:12]

    def options(self, arm, seed):
        data = ["--data", str(self.data)] if self.data else []
        # Of an option that is given twice the trainer would refuse the second: the arm's own wins.
        own = shlex.split(arm)
        names = {word for word in own if word.startswith("--")}
        common = shlex.split(self.common)
        kept = []
        for name, value in zip(common[::2], common[1::2]):
            if name not in names:
                kept += [name, value]
        return own + kept + data + ["--seed", str(seed)]

    def place(self, arm, seed):
        text = " ".join(self.options(arm, seed))
        return self.folder / hashlib.sha256(text.encode()).hexdigest()[:16]

    def run(self, arm, seed, threads):
        """Trains unless it was done. A training that ends early leaves a sentence, no numbers."""
        place = self.place(arm, seed)
        if (place / "done").is_file():
            return
        place.mkdir(parents=True, exist_ok=True)
        command = [str(self.program), *self.options(arm, seed), "--threads", str(threads),
                   "--checkpoint", "1e9", "--out", str(place)]
        environment = {**os.environ, "OMP_WAIT_POLICY": "passive"}
        result = subprocess.run(command, env=environment, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True)
        if result.returncode and "diverged" not in result.stderr:
            sys.exit(f"experiments: {shlex.join(command)}\n{result.stderr.strip()}")
        (place / "checkpoint.bin").unlink(missing_ok=True)
        (place / "done").write_text(result.stderr)

    def processor(self):
        """As the trainings wrote it down."""
        for path in self.folder.glob("*/settings.csv"):
            return {row["setting"]: row["value"] for row in rows(path)}.get("processor", "unknown")

    def measures(self, arm, seed):
        """What a training left behind, by name; {} when it diverged."""
        place = self.place(arm, seed)
        if not (place / "metrics.csv").is_file():
            return {}
        last = rows(place / "metrics.csv")[-1]
        found = {
            "loss": float(last["loss"]),
            "spread": float(last["embedding_std"]) / float(last["healthy_std"]),
            "rank": float(last["effective_rank"]),
            "seconds": sum(float(row["seconds"]) for row in rows(place / "times.csv")
                           if row["phase"] == "training"),
        }
        for row in rows(place / "evaluation.csv"):
            prefix = {name: key + "." for key, name in REPRESENTATIONS.items()}.get(
                row["representation"], "")
            for key, value in row.items():
                if key.startswith(("knn", "probe")) and not key.endswith("_std"):
                    found[prefix + key] = 100 * float(value)
        return found


def rows(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


class Number:
    """Mean and standard deviation (divisor n − 1) over the seeds."""

    def __init__(self, values):
        self.mean = statistics.fmean(values) if values else float("nan")
        self.deviation = statistics.stdev(values) if len(values) > 1 else 0.0

    def __str__(self):
        digits = 3 if abs(self.mean) < 10 else 1
        return f"{self.mean:.{digits}f} ± {self.deviation:.{digits}f}"


class Claim:
    def __init__(self, description, trainings, seeds):
        self.description, self.trainings, self.seeds = description, trainings, seeds

    def run(self):
        jobs = [(arm, seed) for arm in self.description["arms"].values() for seed in self.seeds]
        if self.description.get("timed"):  # one at a time, with all cores
            for arm, seed in jobs:
                self.trainings.run(arm, seed, os.cpu_count())
            return
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(lambda job: self.trainings.run(*job, 1), jobs))

    def measured(self, arm):
        """One dictionary a seed."""
        return [self.trainings.measures(self.description["arms"][arm], seed) for seed in self.seeds]

    def number(self, term):
        """Of "arm: measure", or of "arm: measure / other arm", the measure as a share of the
        other's, seed by seed. The other may be "best NAME": of the arms that begin with NAME, the
        one whose mean is the highest."""
        arm, measure = term.split(": ")
        measure, _, other = measure.partition(" / ")
        values = [found.get(measure) for found in self.measured(arm)]
        if other.startswith("best "):
            family = [name for name in self.description["arms"] if name.startswith(other[5:])]
            other = max(family, key=lambda name: self.number(f"{name}: {measure}").mean)
        if other:
            below = [found.get(measure) for found in self.measured(other)]
            values = [a / b if a is not None and b else None for a, b in zip(values, below)]
        return Number([] if None in values else values)  # one that diverged: no number

    def check(self, check):
        """(what was expected, what was found, whether it holds)."""
        if "greater" in check:
            high, low = self.number(check["greater"]), self.number(check["than"])
            pooled = ((high.deviation**2 + low.deviation**2) / 2) ** 0.5
            holds = high.mean - low.mean >= pooled and high.mean > low.mean
            return (f"{check['greater']} > {check['than']}", f"{high} > {low}", holds)
        number = self.number(check["number"])
        if "at_least" in check:
            return (f"{check['number']} ≥ {check['at_least']}", str(number),
                    number.mean >= check["at_least"])
        return (f"{check['number']} ≤ {check['at_most']}", str(number),
                number.mean <= check["at_most"])

    def result(self):
        def judged(kind):
            names = ("expected", "found", "holds")
            return [dict(zip(names, self.check(c))) for c in self.description.get(kind, [])]

        checks = judged("checks")
        arms = {}
        for arm in self.description["arms"]:
            found = self.measured(arm)
            names = sorted({name for one in found for name in one})
            numbers = {name: Number([one[name] for one in found if name in one]) for name in names}
            arms[arm] = {"options": self.description["arms"][arm],
                         "diverged": sum(not one for one in found),
                         "measures": {name: [number.mean, number.deviation]
                                      for name, number in numbers.items()}}
        return {"arms": arms, "checks": checks, "beyond": judged("beyond"),
                "holds": bool(checks) and all(check["holds"] for check in checks)}


def is_goal(book, name):
    """True for what is no paper's claim but a goal of this trainer."""
    return book["claims"][name].get("goal", False)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trainer", type=pathlib.Path)
    parser.add_argument("--data", type=pathlib.Path, help="as for selfsup-train")
    parser.add_argument("--quick", action="store_true", help="the reduced set, on built-in digits")
    parser.add_argument("--claims", type=pathlib.Path, default=HERE / "claims.json")
    parser.add_argument("--only", nargs="+", metavar="CLAIM", help="names of claims")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("build/experiments"))
    options = parser.parse_args()

    book = json.loads(options.claims.read_text(encoding="utf-8"))
    plan = {**book, **book["quick"]} if options.quick else book
    wanted = options.only or plan.get("names", list(book["claims"]))
    unknown = [name for name in wanted if name not in book["claims"]]
    if unknown:
        parser.error(f"{unknown[0]} is no claim; one of {', '.join(book['claims'])} was expected")
    if options.quick and options.data:
        parser.error("--quick takes the built-in digits, --data was given")
    trainings = Trainings(options.trainer, options.data, options.out, plan["options"])
    begin = time.monotonic()
    results = {}
    for name in wanted:
        description = book["claims"][name]
        claim = Claim(description, trainings, plan["seeds"])
        claim.run()
        results[name] = claim.result()
        print(f"{description['title']}: {'holds' if results[name]['holds'] else 'does not hold'}")
        for kind in ("checks", "beyond"):
            for check in results[name][kind]:
                verdict = "yes" if check["holds"] else "NO "
                aside = "  (beyond)" if kind == "beyond" else ""
                print(f"  {verdict}  {check['expected']}    {check['found']}{aside}")
        sys.stdout.flush()
    claims = [result for name, result in results.items() if not is_goal(book, name)]
    holding = sum(result["holds"] for result in claims)
    least = min(plan["least_holding"], len(claims))
    goals_met = all(result["holds"] for name, result in results.items() if is_goal(book, name))
    print(f"experiments: {holding} of {len(claims)} claims hold, {least} were expected; "
          f"{time.monotonic() - begin:.0f} s")
    options.out.mkdir(parents=True, exist_ok=True)
    text = {"seeds": plan["seeds"], "options": plan["options"],
            "data": options.data.name if options.data else "the built-in digits",
            "machine": f"{trainings.processor()}, {os.cpu_count()} cores", "results": results}
    (options.out / "results.json").write_text(json.dumps(text, indent=1), encoding="utf-8")
    return 0 if holding >= least and goals_met else 1


if __name__ == "__main__":
    sys.exit(main())

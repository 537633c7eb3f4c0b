#!/usr/bin/env python3
"""Writes docs/measured/experiments.md and its picture from what experiments.py measured."""

import argparse
import json
import math
import pathlib
import textwrap

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt  # noqa: E402: the backend must be chosen first

HERE = pathlib.Path(__file__).resolve().parent
MEASURES = {
    "knn_1": "1-NN, 1 % of labels",
    "knn_100": "1-NN, all labels",
    "probe_1": "probe, 1 % of labels",
    "probe_100": "probe, all labels",
    "spread": "std / healthy",
    "rank": "effective rank",
    "loss": "loss",
    "seconds": "seconds",
}
COLOUR, BASELINE = "#0072B2", "#D55E00"  # Okabe and Ito's


def text_of(number):
    mean, deviation = number
    digits = 1 if abs(mean) >= 10 else 2 if abs(mean) >= 1 else 3
    return f"{mean:.{digits}f} ± {deviation:.{digits}f}"


def arms_table(claim, result):
    shown = claim["shown"]
    lines = ["| | " + " | ".join(MEASURES[name] for name in shown) + " |",
             "|---|" + "---|" * len(shown)]
    for arm, found in result["arms"].items():
        cells = [text_of(found["measures"][name]) if name in found["measures"] else "–"
                 for name in shown]
        failed = f" ({found['diverged']} diverged)" if found["diverged"] else ""
        lines.append(f"| {arm}{failed} | " + " | ".join(cells) + " |")
    some = next(iter(result["arms"].values()))["measures"]
    for prefix, name in (("untrained.", "untrained encoder"), ("pixels.", "raw pixels")):
        cells = [text_of(some[prefix + measure]) if prefix + measure in some else "–"
                 for measure in shown]
        lines.append(f"| *{name}* | " + " | ".join(cells) + " |")
    return lines


def verdict(holds):
    return "yes" if holds else "**no**"


def checks_table(result):
    lines = ["| expected | measured | holds |", "|---|---|---|"]
    lines += [f"| {check['expected']} | {check['found']} | {verdict(check['holds'])} |"
              for check in result["checks"]]
    lines += [f"| *beyond the verdict:* {check['expected']} | {check['found']} | "
              f"{verdict(check['holds'])} |" for check in result["beyond"]]
    return lines


def summary(book, results):
    lines = ["| claim | a check of it | measured | holds | checks that hold |",
             "|---|---|---|---|---|"]
    for name, result in results.items():
        first = next((c for c in result["checks"] if not c["holds"]), result["checks"][0])
        count = sum(c["holds"] for c in result["checks"])
        lines.append(f"| [{book['claims'][name]['title']}](#{name}) | {first['expected']} | "
                     f"{first['found']} | {verdict(result['holds'])} | "
                     f"{count} of {len(result['checks'])} |")
    return lines


def write_page(book, measured, notes, picture, path):
    results = measured["results"]
    claims = [name for name in results if not book["claims"][name].get("goal")]
    holding = sum(results[name]["holds"] for name in claims)
    lines = [
        "# What the papers claim, on this machine", "",
        *textwrap.wrap(
            "Eight claims of the papers behind these losses, each trained small and checked by "
            "code. Reproduced are orderings and collapse, not the papers' numbers. The claims, "
            "their arms, checks and seeds are in "
            "[claims.json](../../examples/experiments/claims.json), which was written before the "
            "first full run, but for what \"Negatives cost\" says; this page is generated.", 100), "",
        *textwrap.wrap(
            "A comparison holds when the difference of the means over the seeds is at least the "
            "pooled standard deviation; a claim holds when all of its checks do. What a paper "
            "reports besides is shown, too, and does not decide. Arms and hyperparameters were "
            "settled in trials with seed 100, which is none of those below. Accuracies are "
            "percentages on test images in random poses, which no training saw: of a "
            "nearest-neighbour classifier (1-NN) and a linear probe on the encoder's output. "
            "\"std / healthy\" is the deviation of the normalised embeddings as a share of 1/√D: "
            "1 is healthy, 0 collapsed.", 100), "",
        "    scripts/experiments.sh --data mnist     # all, half an hour on two cores",
        "    scripts/experiments.sh --quick          # a reduced set on the built-in digits", "",
        f"Data: {measured['data']}. Seeds: {', '.join(map(str, measured['seeds']))}. Common "
        f"options: `{measured['options']}`. Machine: {measured['machine']}.", "",
        f"**{holding} of {len(claims)} claims hold.** Of each a check is shown, one that does not "
        "hold where there is one.", "",
        *summary(book, results), "",
        f"![Accuracy of every arm]({picture})", ""]
    for name, result in results.items():
        claim = book["claims"][name]
        lines += [f'<a id="{name}"></a>', "", f"## {claim['title']}", "",
                  *textwrap.wrap(f"{claim['source']}: {claim['paper']}", 100), "",
                  *arms_table(claim, result), "", *checks_table(result), ""]
        if name in notes:
            lines += [*textwrap.wrap(notes[name], 100), ""]
    path.write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")


def draw(book, results, path):
    """A panel a claim: the accuracy of every arm, beside both baselines."""
    columns = 2
    heights = [len(result["arms"]) for result in results.values()]
    lines = math.ceil(len(results) / columns)
    ratios = [max(heights[columns * i:columns * (i + 1)]) + 2.5 for i in range(lines)]
    plt.rcParams["svg.hashsalt"] = "selfsup"  # the same picture from the same numbers
    figure, axes = plt.subplots(lines, columns, figsize=(12, 0.27 * sum(ratios) + 0.6),
                                squeeze=False, gridspec_kw={"height_ratios": ratios})
    for axis in axes.flat[len(results):]:
        axis.set_visible(False)
    for panel, (axis, (name, result)) in enumerate(zip(axes.flat, results.items())):
        measure = book["claims"][name]["shown"][0]
        measure = measure if measure.startswith(("knn", "probe")) else "knn_1"
        arms = list(result["arms"].items())
        for place, (_, found) in enumerate(arms):
            if measure not in found["measures"]:
                continue
            mean, deviation = found["measures"][measure]
            axis.barh(place, mean, xerr=deviation, color=COLOUR, height=0.7,
                      error_kw={"ecolor": "0.25", "capsize": 2})
        for prefix, style, label in (("untrained.", ":", "untrained encoder"),
                                     ("pixels.", "--", "raw pixels")):
            axis.axvline(arms[0][1]["measures"][prefix + measure][0], color=BASELINE,
                         linestyle=style, linewidth=1.4, label=label)
        axis.set_yticks(range(len(arms)), [arm for arm, _ in arms], fontsize=9)
        axis.set_ylim(ratios[panel // columns] - 2.5, -1)  # bars of one width in all panels
        axis.set_xlim(0, 100)
        axis.set_title(textwrap.fill(book["claims"][name]["title"], 42), fontsize=11, loc="left")
        axis.set_xlabel(f"accuracy in percent: {MEASURES[measure]}", fontsize=9)
        axis.spines[["top", "right"]].set_visible(False)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="upper right", ncol=2, frameon=False, fontsize=9)
    figure.tight_layout(rect=(0, 0, 1, 0.985))
    figure.savefig(path, metadata={"Date": None})
    print(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=pathlib.Path, help="results.json of experiments.py")
    parser.add_argument("--claims", type=pathlib.Path, default=HERE / "claims.json")
    parser.add_argument("--page", type=pathlib.Path, required=True)
    parser.add_argument("--picture", type=pathlib.Path, required=True)
    options = parser.parse_args()
    measured = json.loads(options.results.read_text(encoding="utf-8"))
    book = json.loads(options.claims.read_text(encoding="utf-8"))
    notes_file = HERE / "notes.json"
    notes = json.loads(notes_file.read_text(encoding="utf-8")) if notes_file.is_file() else {}
    draw(book, measured["results"], options.picture)
    relative = options.picture.resolve().relative_to(options.page.resolve().parent)
    write_page(book, measured, notes, relative.as_posix(), options.page)
    print(options.page)


if __name__ == "__main__":
    main()

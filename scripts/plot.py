#!/usr/bin/env python3
"""Draws the results of selfsup-train: training curves and embeddings in the plane.

usage: scripts/plot.py FOLDER [--out FOLDER]

FOLDER is what --out of selfsup-train named: the results of one method, or one subfolder a method
(--method all). Writes curves.png and embeddings.png, there unless --out says otherwise.
Needs matplotlib (Debian: python3-matplotlib).
"""

import argparse
import csv
import pathlib
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402: the backend must be chosen first

NAMES = {
    "ntxent": "NT-Xent",
    "infonce": "InfoNCE",
    "byol": "BYOL",
    "simsiam": "SimSiam",
    "vicreg": "VICReg",
    "barlow": "Barlow Twins",
}

# Okabe and Ito's colours, told apart with every kind of colour vision, dark enough on white.
METHOD_COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00"]

# Ten classes are too many for colour alone: colour and marker together tell them apart.
CLASS_COLOURS = ["#000000", "#E69F00", "#56B4E9", "#009E73", "#0072B2"]
CLASS_MARKERS = ["o", "^"]


def read_rows(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def find_runs(folder):
    """The folders with results, by the name of their method."""
    if (folder / "metrics.csv").is_file():
        return {folder.resolve().name: folder}
    runs = {name: folder / name for name in NAMES if (folder / name / "metrics.csv").is_file()}
    if not runs:
        sys.exit(f"plot.py: {folder}: no metrics.csv, nor a subfolder of a method that has one")
    return runs


def title_of(name):
    return NAMES.get(name, name)


def column(rows, name):
    return [float(row[name]) for row in rows]


def draw_curves(runs, path):
    """One row a quantity, one column a method: losses of different methods share no scale."""
    figure, axes = plt.subplots(
        3, len(runs), figsize=(3.3 * len(runs) + 0.6, 7.2), squeeze=False, sharex="col"
    )
    rank_top = 0
    for column_index, (name, folder) in enumerate(runs.items()):
        rows = read_rows(folder / "metrics.csv")
        epochs = column(rows, "epoch")
        colour = METHOD_COLOURS[column_index % len(METHOD_COLOURS)]
        loss, spread, rank = axes[:, column_index]
        loss.plot(epochs, column(rows, "loss"), color=colour)
        loss.set_title(title_of(name))
        healthy = column(rows, "healthy_std")
        # Each spread is divided by its healthy value, so that all methods share one scale.
        ratios = [std / reference for std, reference in zip(column(rows, "embedding_std"), healthy)]
        spread.plot(epochs, ratios, color=colour)
        spread.axhline(1, color="0.4", linestyle="--", linewidth=1)
        spread.axhline(0, color="0.4", linestyle=":", linewidth=1)
        spread.set_ylim(-0.05, 1.15)
        ranks = column(rows, "effective_rank")
        rank.plot(epochs, ranks, color=colour)
        rank.set_xlabel("epoch")
        rank_top = max(rank_top, max(ranks))
    for rank in axes[2]:
        rank.set_ylim(0, 1.1 * rank_top)
    first = axes[1, 0]
    for text, level in (("healthy", 1.02), ("collapsed", 0.02)):
        first.annotate(
            text, (0.98, level), xycoords=("axes fraction", "data"), ha="right", color="0.3"
        )
    axes[0, 0].set_ylabel("loss")
    axes[1, 0].set_ylabel("spread of the embeddings\n(std / healthy std)")
    axes[2, 0].set_ylabel("effective rank\nof the embeddings")
    figure.suptitle("Training without labels: loss, and two monitors of collapse")
    finish(figure, path)


def scatter(axis, rows, classes):
    for index in classes:
        chosen = [row for row in rows if int(row["label"]) == index]
        axis.scatter(
            column(chosen, "x"),
            column(chosen, "y"),
            s=9,
            linewidths=0,
            alpha=0.75,
            color=CLASS_COLOURS[index % len(CLASS_COLOURS)],
            marker=CLASS_MARKERS[index // len(CLASS_COLOURS) % len(CLASS_MARKERS)],
            label=str(index),
        )
    axis.set_xticks([])
    axis.set_yticks([])


def accuracy_text(folder, representation):
    for row in read_rows(folder / "evaluation.csv"):
        if row["representation"] == representation:
            mean, deviation = 100 * float(row["knn_1"]), 100 * float(row["knn_1_std"])
            return f"{mean:.1f} ± {deviation:.1f} % right with 1 % of the labels"
    sys.exit(f"plot.py: {folder}/evaluation.csv has no row '{representation}'")


def draw_embeddings(runs, path):
    """Raw pixels and the untrained encoder beside each trained encoder."""
    some_folder = next(iter(runs.values()))
    panels = [
        ("raw pixels", some_folder, "raw pixels"),
        ("untrained encoder", some_folder, "untrained encoder"),
    ]
    panels += [(title_of(name), folder, "trained encoder") for name, folder in runs.items()]
    columns = 3
    lines = -(-len(panels) // columns)
    figure, axes = plt.subplots(
        lines, columns, figsize=(4 * columns, 4.1 * lines + 0.9), squeeze=False
    )
    for axis in axes.flat[len(panels):]:
        axis.set_visible(False)
    for axis, (title, folder, representation) in zip(axes.flat, panels):
        rows = [
            row
            for row in read_rows(folder / "embedding.csv")
            if row["representation"] == representation
        ]
        classes = sorted({int(row["label"]) for row in rows})
        scatter(axis, rows, classes)
        axis.set_title(f"{title}\n{accuracy_text(folder, representation)}", fontsize=11)
        axis.set_xlabel("first principal component")
        axis.set_ylabel("second principal component")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.suptitle(
        "Test images in random poses, by class: two principal components of each representation"
    )
    finish(figure, path, handles, labels)


def finish(figure, path, handles=None, labels=None):
    bottom = 0.0
    if handles:
        figure.legend(handles, labels, loc="lower center", ncol=10, markerscale=2, frameon=False)
        bottom = 0.04
    figure.tight_layout(rect=(0, bottom, 1, 0.98))
    figure.savefig(path, dpi=110)
    plt.close(figure)
    print(path)


def main():
    parser = argparse.ArgumentParser(description="Draws the results of selfsup-train.")
    parser.add_argument("folder", type=pathlib.Path, help="what --out of selfsup-train named")
    parser.add_argument("--out", type=pathlib.Path, help="folder for the pictures (default: same)")
    arguments = parser.parse_args()
    out = arguments.out or arguments.folder
    runs = find_runs(arguments.folder)
    out.mkdir(parents=True, exist_ok=True)
    draw_curves(runs, out / "curves.png")
    draw_embeddings(runs, out / "embeddings.png")


if __name__ == "__main__":
    main()

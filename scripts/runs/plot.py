#!/usr/bin/env python3
"""Draws the results of selfsup-train, and writes a report of them.

usage: scripts/runs/plot.py FOLDER [--out FOLDER]

FOLDER is what --out of selfsup-train named: the results of one method, or one subfolder a method
(--method all). Writes curves.png, embeddings.png, retrieval.png and report.html, a page that needs
no other file, there unless --out says otherwise; for several methods that in each subfolder, and
curves.png, embeddings.png and report.html of all beside them.
Needs matplotlib (Debian: python3-matplotlib).
"""

import argparse
import pathlib
import sys

sys.dont_write_bytecode = True

try:
    import matplotlib
except ModuleNotFoundError:
    sys.exit("plot.py: no matplotlib (Debian: python3-matplotlib)")

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402: the backend must be chosen first
from matplotlib.patches import Rectangle  # noqa: E402

import run_html  # noqa: E402
from run_files import REPRESENTATIONS, find_runs, give_up  # noqa: E402

# Okabe and Ito's colours, told apart with every kind of colour vision, dark enough on white.
METHOD_COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00"]
RIGHT_COLOUR, WRONG_COLOUR = "#0072B2", "#D55E00"

# Ten classes are too many for colour alone: colour and marker together tell them apart.
CLASS_COLOURS = ["#000000", "#E69F00", "#56B4E9", "#009E73", "#0072B2"]
CLASS_MARKERS = ["o", "^", "s", "D", "v", "P"]


def draw_curves(runs, path):
    """Losses of different methods share no scale, so each method has its own axes: up to four stand
    side by side, one or more than four below each other."""
    below = len(runs) == 1 or len(runs) > 4
    shape = (len(runs), 3) if below else (3, len(runs))
    size = (11, 2.2 * len(runs) + 1.3) if below else (3.3 * len(runs) + 0.6, 7.2)
    figure, axes = plt.subplots(*shape, figsize=size, squeeze=False)
    if below:
        axes = axes.T  # by quantity, then by method
    ranks_top = 1.1 * max(max(run.metrics["effective_rank"]) for run in runs)
    for index, run in enumerate(runs):
        loss, spread, rank = axes[:, index]
        epochs = run.metrics["epoch"]
        for axis, values in (
            (loss, run.metrics["loss"]),
            (spread, run.spreads),  # over the healthy value, so that all methods share one scale
            (rank, run.metrics["effective_rank"]),
        ):
            colour = METHOD_COLOURS[index % len(METHOD_COLOURS)]
            axis.plot(epochs, values, color=colour, marker="." if len(epochs) < 10 else None)
            axis.xaxis.get_major_locator().set_params(integer=True)
        spread.axhline(1, color="0.4", linestyle="--", linewidth=1)
        spread.axhline(0, color="0.4", linestyle=":", linewidth=1)
        spread.set_ylim(-0.05, 1.2)
        rank.set_ylim(0, ranks_top)
    for text, level in (("healthy", 1.03), ("collapsed", 0.03)):
        axes[1, 0].annotate(
            text, (0.98, level), xycoords=("axes fraction", "data"), ha="right", color="0.3"
        )
    quantities = (
        "loss",
        "spread of the embeddings\n(std / healthy std)",
        "effective rank\nof the embeddings",
    )
    if len(runs) == 1:
        title = f"{runs[0].title}: loss, and two monitors of collapse"
    else:
        title = "Training: loss, and two monitors of collapse"
    for row, quantity in zip(axes, quantities):
        if below:
            row[0].set_title(quantity, fontsize=10)
        else:
            row[0].set_ylabel(quantity)
    for run, axis in zip(runs, axes[0]):
        if below and len(runs) > 1:
            axis.set_ylabel(run.title, fontsize=12)
        elif not below:
            axis.set_title(run.title)
    for axis in axes[:, -1] if below else axes[2]:
        axis.set_xlabel("epoch")
    figure.align_ylabels()
    finish(figure, path, title)


def scatter(axis, xs, ys, labels):
    for index in sorted({int(label) for label in labels}):
        chosen = [i for i, label in enumerate(labels) if label == index]
        axis.scatter(
            [xs[i] for i in chosen],
            [ys[i] for i in chosen],
            s=9,
            linewidths=0,
            alpha=0.75,
            color=CLASS_COLOURS[index % len(CLASS_COLOURS)],
            marker=CLASS_MARKERS[index // len(CLASS_COLOURS) % len(CLASS_MARKERS)],
            label=str(index),
        )
    axis.set_xticks([])
    axis.set_yticks([])


def draw_embeddings(runs, path):
    """Raw pixels and the untrained encoder beside each trained encoder."""
    panels = [(name, runs[0], name) for name in REPRESENTATIONS[:2]]
    panels += [(run.title, run, "trained encoder") for run in runs]
    columns = 3
    lines = -(-len(panels) // columns)
    figure, axes = plt.subplots(
        lines, columns, figsize=(4 * columns, 4.1 * lines + 0.9), squeeze=False
    )
    for axis in axes.flat[len(panels):]:
        axis.set_visible(False)
    for axis, (title, run, representation) in zip(axes.flat, panels):
        scatter(axis, *run.embedding[representation])
        percent = run.shares[0][0]
        mean, deviation = run.score(representation, f"knn_{percent}")
        accuracy = f"{mean:.1f} ± {deviation:.1f} % right with {percent} % of the labels"
        axis.set_title(f"{title}\n{accuracy}", fontsize=11)
        axis.set_xlabel("first principal component")
        axis.set_ylabel("second principal component")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    title = "Test images in random poses, by class: two principal components of each representation"
    finish(figure, path, title, handles, labels)


def draw_image(axis, image, left, top, side):
    """In a square of that side, whatever its own shape."""
    rows, columns, channels = image.shape
    width, height = side * columns / max(rows, columns), side * rows / max(rows, columns)
    left, top = left + (side - width) / 2, top + (side - height) / 2
    pixels = image if channels == 3 else image[:, :, 0]
    extent = (left, left + width, top + height, top)
    axis.imshow(pixels, cmap="gray", vmin=0, vmax=255, extent=extent, interpolation="nearest")


# From one neighbour to the next, where a picture's side is 1.
PITCH = 1.2


def draw_neighbours(axis, run, neighbours, left, top):
    for place, found in enumerate(neighbours):
        x = left + PITCH * place
        right = found["label"] == found["neighbour_label"]
        colour, mark = (RIGHT_COLOUR, "✓") if right else (WRONG_COLOUR, "✗")
        draw_image(axis, run.images[0, int(found["neighbour"])], x, top, 1)
        frame = Rectangle((x, top), 1, 1, fill=False, linewidth=2, edgecolor=colour)
        frame.set_linestyle("solid" if right else (0, (2.5, 1)))
        axis.add_patch(frame)
        label = f"{mark} {found['neighbour_label']:.0f}"
        size = {3: 10, 4: 8}.get(len(label), 7)
        axis.text(x, top + 1.27, label, color=colour, fontsize=size, weight="bold", va="center")
        similarity = f"{found['similarity']:.2f}".replace("0.", ".")
        end = x + 1.06
        axis.text(end, top + 1.27, similarity, color="0.35", fontsize=7.5, ha="right", va="center")


def draw_retrieval(run, path):
    """A block a test image, two side by side: the image, and below each other what is found by each
    representation."""
    line, names, images = 1.6, 2.3, 4.2  # in sides of a neighbour's picture
    most = max(len(found) for query in run.retrieval.values() for found in query.values())
    width, height = images + PITCH * most + 0.7, len(REPRESENTATIONS) * line + 0.5
    blocks = -(-len(run.retrieval) // 2)
    unit = 0.46  # inches
    figure = plt.figure(figsize=(unit * 2 * width, unit * blocks * height + 1.1))
    bottom = 1 - 1.1 / figure.get_figheight()
    axis = figure.add_axes((0, 0, 1, bottom))
    try:
        for index, (query, found) in enumerate(run.retrieval.items()):
            left, top = index // blocks * width + 0.3, index % blocks * height
            label = next(iter(found.values()))[0]["label"]
            draw_image(axis, run.images[1, query], left, top + 1.1, 2)
            axis.text(left + 1, top + 3.4, f"class {label:.0f}", fontsize=10, weight="bold",
                      ha="center", va="center")  # fmt: skip
            for number, name in enumerate(REPRESENTATIONS):
                y = top + number * line
                right = sum(row["label"] == row["neighbour_label"] for row in found[name])
                text = f"{name}\n".replace(" ", "\n") + f"{right} of {len(found[name])}"
                axis.text(left + names, y + 0.5, text, fontsize=9, va="center", linespacing=1.15)
                draw_neighbours(axis, run, found[name], left + images, y)
    except KeyError:
        give_up(run.folder / "images.bin", "lacks an image that retrieval.csv names")
    # Pictures set the limits as they come; y runs downwards.
    axis.set_xlim(0, 2 * width)
    axis.set_ylim(blocks * height, -0.1)
    axis.axis("off")
    inches = figure.get_figheight()
    title = f"{run.title}: test images and the training images nearest to each"
    figure.text(0.5, 1 - 0.3 / inches, title, fontsize=14, ha="center", va="center")
    key = (
        "✓ in a solid frame: of the same class    ✗ in a dashed frame: of another class    "
        "small number: cosine similarity"
    )
    figure.text(0.5, 1 - 0.68 / inches, key, fontsize=10, color="0.25", ha="center", va="center")
    save(figure, path)


def finish(figure, path, title, handles=None, labels=None):
    inches = figure.get_figheight()
    figure.suptitle(title, y=1 - 0.15 / inches, va="top")
    bottom = 0.0
    if handles:
        legend_columns = 10
        figure.legend(
            handles, labels, loc="lower center", ncol=legend_columns, markerscale=2, frameon=False
        )
        bottom = (0.1 + 0.25 * -(-len(handles) // legend_columns)) / inches
    figure.tight_layout(rect=(0, bottom, 1, 1 - 0.1 / inches))
    save(figure, path)


def save(figure, path):
    figure.savefig(path, dpi=110)
    plt.close(figure)
    print(path)


def main():
    parser = argparse.ArgumentParser(
        description="Draws the results of selfsup-train, and writes a report of them."
    )
    parser.add_argument("folder", type=pathlib.Path, help="what --out of selfsup-train named")
    parser.add_argument("--out", type=pathlib.Path, help="folder for what is made (default: same)")
    arguments = parser.parse_args()
    out = arguments.out or arguments.folder
    runs = find_runs(arguments.folder)
    for name, run in runs.items():
        folder = out / name
        folder.mkdir(parents=True, exist_ok=True)
        draw_curves([run], folder / "curves.png")
        draw_embeddings([run], folder / "embeddings.png")
        draw_retrieval(run, folder / "retrieval.png")
        print(run_html.write_run(run, folder))
    if "" not in runs:
        draw_curves(list(runs.values()), out / "curves.png")
        draw_embeddings(list(runs.values()), out / "embeddings.png")
        print(run_html.write_overview(runs, out))


if __name__ == "__main__":
    main()

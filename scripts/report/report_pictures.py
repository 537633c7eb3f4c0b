"""The pictures of docs/measured/performance.md."""

import math
import sys

from report_results import RIVALS, ROUTES, TITLES, ratios_of, scaling_of, threads_text

try:
    import matplotlib
except ModuleNotFoundError:
    sys.exit("report.py: no matplotlib (Debian: python3-matplotlib)")

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402: the backend must be chosen first
from matplotlib.ticker import FuncFormatter, NullFormatter  # noqa: E402

# Okabe and Ito's colours, as in plot.py.
COLOURS = {
    "selfsup": "#0072B2",
    "eigen": "#009E73",
    "torch_released": "#CC79A7",
    "torch_best": "#D55E00",
}
MARKERS = {"selfsup": "o", "eigen": "s", "torch_released": "v", "torch_best": "D"}


def plain_log_axis(axis):
    """10, 100, 1000 instead of powers."""
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def power_of_two_axis(axes, values):
    axes.set_xscale("log", base=2)
    axes.set_xticks(values)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def quiet_frame(axes):
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(True, which="major", color="0.9", linewidth=0.8)
    axes.set_axisbelow(True)


def save(figure, path):
    # No date and fixed ids: the same numbers give the same file.
    plt.rcParams["svg.hashsalt"] = "selfsup"
    figure.savefig(path, metadata={"Date": None}, bbox_inches="tight")
    plt.close(figure)
    print(path)


def draw_bounds(results, path):
    one = results.losses(1)
    most = results.most_threads
    all_threads = {s.key: s for s in results.losses(most)} if most > 1 else {}
    figure, axes = plt.subplots(figsize=(7.5, 0.23 * len(one) + 1.1))
    rows = range(len(one))
    axes.plot([s.of_bound for s in one], rows, "o", color="#0072B2", markersize=6,
              label="one thread")  # fmt: skip
    if all_threads:
        fractions = [all_threads[s.key].of_bound if s.key in all_threads else math.nan for s in one]
        axes.plot(fractions, rows, "s", color="#E69F00", markersize=5, label=threads_text(most))
    axes.axvline(1, color="0.4", linestyle="--", linewidth=1)
    axes.set_yticks(rows, [f"{s.name}  {s.N} × {s.D}" for s in one])
    axes.set_ylim(len(one) - 0.5, -0.5)
    axes.set_xlim(left=0)
    axes.set_xlabel("fraction of the bound (above 1: in a cache)")
    quiet_frame(axes)
    axes.legend(loc="lower center", ncol=2, frameon=False, bbox_to_anchor=(0.5, 1))
    save(figure, path)


def draw_rivals(results, path):
    panels = []
    for threads in results.shown_threads():
        shown = [r for r in results.compared(threads) if ratios_of(r)]
        if shown:
            panels.append((threads_text(threads), shown))
    height = max(len(shown) for _, shown in panels)
    highest = max(max(ratios_of(r).values()) for _, shown in panels for r in shown)
    figure, all_axes = plt.subplots(
        1, len(panels), sharey=True, squeeze=False, figsize=(9, 0.27 * height + 1.3)
    )
    for axes, (words, shown) in zip(all_axes[0], panels):
        for row, result in enumerate(shown):
            for name, ratio in ratios_of(result).items():
                axes.plot(ratio, row, MARKERS[name], color=COLOURS[name], markersize=6)
        axes.axvline(1, color=COLOURS["selfsup"], linewidth=1.5)
        axes.set_xscale("log")
        axes.set_xticks([tick for tick in (0.5, 1, 2, 5, 10, 20, 50, 100, 200) if tick <= highest])
        plain_log_axis(axes.xaxis)
        axes.set_yticks(range(len(shown)), [f"{r['case']}  {r['N']} × {r['D']}" for r in shown])
        axes.set_ylim(len(shown) - 0.5, -0.5)
        axes.set_xlabel("time as a multiple of selfsup's")
        axes.set_title(words, fontsize=11)
        quiet_frame(axes)
    handles = [
        plt.Line2D([], [], color=COLOURS[n], marker=MARKERS[n], linestyle="", label=TITLES[n])
        for n in RIVALS
    ]
    handles.insert(0, plt.Line2D([], [], color=COLOURS["selfsup"], label=TITLES["selfsup"]))
    figure.legend(handles=handles, loc="lower center", ncol=4, frameon=False,
                  bbox_to_anchor=(0.5, 0.97))  # fmt: skip
    figure.tight_layout()
    save(figure, path)


def draw_lines(axes, series):
    """series: (column, line style) -> [(x, y)]"""
    for (name, style), points in series.items():
        x, y = zip(*sorted(points))
        axes.plot(x, y, style, color=COLOURS[name], marker=MARKERS[name], markersize=5)
    axes.set_yscale("log")
    plain_log_axis(axes.yaxis)
    power_of_two_axis(axes, sorted({x for points in series.values() for x, _ in points}))
    quiet_frame(axes)


def line_handles(names):
    return [
        plt.Line2D([], [], color=COLOURS[n], marker=MARKERS[n], markersize=5, label=TITLES[n])
        for n in names
    ]


def draw_covariance(results, path):
    series = {}
    for result in results.compared(1, routes=True):
        for name, column in result["columns"].items():
            point = result["D"], 1e3 * column["seconds"]
            series.setdefault((name, ROUTES[result["case"]]), []).append(point)
    figure, axes = plt.subplots(figsize=(7.5, 4.6))
    draw_lines(axes, series)
    axes.set_xlabel("columns D (N = 256 samples)")
    axes.set_ylabel("VICReg, forward and backward (ms)")
    handles = line_handles([n for n in TITLES if any(n == name for name, _ in series)])
    handles += [
        plt.Line2D([], [], color="0.3", linestyle="-", label="over N × N samples"),
        plt.Line2D([], [], color="0.3", linestyle="--", label="over D × D features"),
    ]
    axes.legend(handles=handles, frameon=False, loc="upper left")
    save(figure, path)


def draw_nt_xent(results, path):
    times, memory = {}, {}
    for result in results.compared(1):
        if result["case"] == "nt_xent":
            for name, column in result["columns"].items():
                times.setdefault((name, "-"), []).append((result["N"], 1e3 * column["seconds"]))
    for result in results.rivals["memory"]:
        for name, size in result["columns"].items():
            memory.setdefault((name, "-"), []).append((result["N"], size / 2**20))
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 4.2))
    draw_lines(left, times)
    draw_lines(right, memory)
    left.set_ylabel("time of a step (ms)")
    right.set_ylabel("memory that a step adds (MiB)")
    for axes in (left, right):
        axes.set_xlabel("samples N (D = 128)")
    handles = line_handles([n for n in TITLES if any(n == name for name, _ in times)])
    figure.legend(handles=handles, ncol=4, frameon=False, loc="lower center",
                  bbox_to_anchor=(0.5, 0.97))  # fmt: skip
    figure.tight_layout()
    save(figure, path)


def draw_scaling(results, path):
    scalings = scaling_of(results.elsewhere or results.rivals)
    if not scalings:
        return
    across = min(3, len(scalings))
    down = math.ceil(len(scalings) / across)
    figure, all_axes = plt.subplots(
        down, across, squeeze=False, figsize=(3.3 * across, 2.8 * down + 0.5)
    )
    for axes, scaling in zip(all_axes.flat, scalings):
        series = {
            (name, "-"): [(count, 1e3 * seconds) for count, seconds in times.items()]
            for name, times in scaling.seconds.items()
        }
        draw_lines(axes, series)
        counts = scaling.threads()
        times = scaling.seconds.get("selfsup", {})
        if counts[0] in times:
            ideal = [1e3 * times[counts[0]] * counts[0] / count for count in counts]
            axes.plot(counts, ideal, ":", color="0.4", linewidth=1, zorder=1)
        axes.set_title(f"{scaling.case}  {scaling.N} × {scaling.D}", fontsize=10)
        axes.set_xlabel("threads")
    for axes in all_axes.flat[len(scalings) :]:
        axes.set_visible(False)
    for axes in all_axes[:, 0]:
        axes.set_ylabel("time of a step (ms)")
    drawn = [n for n in TITLES if any(n in scaling.seconds for scaling in scalings)]
    handles = line_handles(drawn)
    handles.append(
        plt.Line2D([], [], color="0.4", linestyle=":", label="selfsup, divided by the threads")
    )
    figure.legend(handles=handles, ncol=3, frameon=False, loc="lower center",
                  bbox_to_anchor=(0.5, 0.99))  # fmt: skip
    figure.tight_layout()
    save(figure, path)


def draw_all(results, folder):
    folder.mkdir(parents=True, exist_ok=True)
    draw_bounds(results, folder / "bounds.svg")
    draw_rivals(results, folder / "rivals.svg")
    draw_scaling(results, folder / "scaling.svg")
    draw_covariance(results, folder / "covariance.svg")
    draw_nt_xent(results, folder / "nt_xent.svg")

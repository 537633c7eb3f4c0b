#!/usr/bin/env python3
"""Writes docs/measured/performance.md, its pictures and the README's table from measured results.

usage: scripts/report/report.py FOLDER [--docs FOLDER] [--readme FILE]

FOLDER holds what scripts/report.sh measured: bench-PROGRAM-THREADS.json of Google Benchmark, and
rivals.json of bench/rivals/compare.py; scaling.json, where it is there, is the same of a machine with
more cores, for the section about threads. What is missing there is left out of the page. Every
number comes from these files. Needs matplotlib (Debian: python3-matplotlib).
"""

import argparse
import math
import pathlib
import statistics
import sys

import report_pictures
from report_results import RIVALS, TITLES, ratios_of, read_results, scaling_of, threads_text

ROOT = pathlib.Path(__file__).resolve().parents[2]

# The README shows each loss at its default, from small to large.
def time_text(milliseconds):
    return f"{milliseconds:.3g} ms" if milliseconds < 999.5 else f"{milliseconds / 1e3:.3g} s"


def size_text(size):
    mebibytes = size / 2**20
    return f"{mebibytes:.1f} MiB" if mebibytes < 10 else f"{mebibytes:.0f} MiB"


def range_text(numbers, form):
    low, high = format(min(numbers), form), format(max(numbers), form)
    return low if low == high else f"{low} to {high}"


def error_text(error):
    return "–" if math.isnan(error) else f"{error:.0e}"


def table(head, rows):
    """A table of Markdown; the columns after the first hold numbers."""
    lines = ["| " + " | ".join(head) + " |", "|---" + "|---:" * (len(head) - 1) + "|"]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines)


def context_medians(results, threads, key):
    return statistics.median(float(context[key]) for context in results.contexts[threads])


def libraries_text(results):
    build = results.contexts[1][0]["selfsup"].split()[-1]
    return f"{', '.join(results.rivals['libraries'])}, built as `{build}`"


def machine_text(results):
    cores = results.contexts[1][0]["num_cpus"]
    lines = [
        f"{results.rivals['processor']}, {cores} {'core' if cores == 1 else 'cores'}, "
        f"{results.rivals['date']}; {libraries_text(results)}.",
    ]
    for threads in sorted(results.contexts):
        peak = context_medians(results, threads, "multiply-add peak, GFLOP/s")
        rate = context_medians(results, threads, "memcpy of 48 MiB, GB/s")
        lines.append(
            f"* {threads} {'thread' if threads == 1 else 'threads'}: multiply-add peak "
            f"{peak:.0f} GFLOP/s, `memcpy` {rate:.0f} GB/s"
        )
    return "\n".join([lines[0], ""] + lines[1:])


def bounds_section(results):
    rows = [
        [f"`{s.name}`", s.shape, time_text(s.milliseconds), f"{s.of_bound:.2f}",
         error_text(s.value_error), error_text(s.gradient_error)]
        for s in results.losses(1)
    ]  # fmt: skip
    sentences = []
    for in_memory, bound in ((False, "the multiply-add peak"), (True, "the rate of `memcpy`")):
        chosen = [s for s in results.losses(1) if s.in_memory == in_memory]
        if chosen:
            lowest = min(chosen, key=lambda s: s.of_bound)
            sentences.append(
                f"The steps that are bound by {bound} reach "
                f"{range_text([s.of_bound for s in chosen], '.2f')} of it, the least with "
                f"`{lowest.name}` at {lowest.shape}."
            )
    return f"""## How near to the machine's limits?

One thread, forward and backward together; `ema` is one `ema_update`, of 25 million parameters or so
few that a cache holds them. {' '.join(sentences)}

{table(['step', 'N x D', 'time', 'of the bound', 'value error', 'gradient error'], rows)}

![Fraction of the bound that each step reaches](pictures/bounds.svg)
"""


def threads_section(results):
    one = {s.key: s for s in results.losses(1)}
    counts = sorted(count for count in results.contexts if count > 1 and results.losses(count))
    if not counts:
        return ""
    timed = {count: {s.key: s for s in results.losses(count)} for count in counts}
    most = counts[-1]
    rows, gains = [], []
    for key, alone in one.items():
        if key not in timed[most]:
            continue
        row = [f"`{alone.name}`", alone.shape, time_text(alone.milliseconds)]
        for count in counts:
            if key not in timed[count]:
                row.append("–")
                continue
            gain = alone.milliseconds / timed[count][key].milliseconds
            if count == most:
                gains.append(gain)
            row.append(f"{time_text(timed[count][key].milliseconds)} ({gain:.2f})")
        rows.append(row + [f"{timed[most][key].of_bound:.2f}"])
    head = ["step", "N x D", *(threads_text(count) for count in [1, *counts]), "of the bound"]
    return f"""## What do more threads bring?

The results are the same to the last bit. In brackets: how many times as fast as one thread. On
{threads_text(most)} that is {range_text(gains, '.2f')}, median {statistics.median(gains):.2f}; the bound in the last column is theirs.

{table(head, rows)}
"""


def scaling_section(results):
    rivals = results.elsewhere or results.rivals
    scalings = scaling_of(rivals)
    if not scalings:
        return ""
    counts = sorted({count for scaling in scalings for count in scaling.threads()})
    rows = []
    for scaling in scalings:
        for name in TITLES:
            times = scaling.seconds.get(name)
            if not times:
                continue
            cells = [time_text(1e3 * times[count]) if count in times else "–" for count in counts]
            gain = times[min(times)] / times[max(times)]
            rows.append([f"`{scaling.case}`", scaling.shape, TITLES[name], *cells, f"{gain:.1f}"])
    where = ""
    if results.elsewhere:
        where = (
            f" Measured on a machine of its own: {rivals['processor']}, {rivals['cores']} cores, "
            f"{rivals['date']}; {', '.join(rivals['libraries'])}."
        )
    head = ["step", "N x D", "library", *(threads_text(count) for count in counts), "times as fast"]
    return f"""## How does the time fall with the number of threads?

Of each step the largest shape of the comparison, beside the same rivals; the last column compares the
fewest threads with the most.{where}

{table(head, rows)}

![Time of a step against the number of threads, by loss and library](pictures/scaling.svg)
"""


def busy_section(results):
    busy = results.rivals.get("busy")
    if not busy:
        return ""
    columns = sorted({(name, result["threads"]) for result in busy for name in result["columns"]})
    found = {}
    for result in busy:
        of_threads = found.setdefault((result["N"], result["D"], result["loops"]), {})
        for name, seconds in result["columns"].items():
            of_threads[name, result["threads"]] = time_text(1e3 * seconds)
    rows = [
        [f"{N} x {D}", str(loops), *(cells.get(column, "–") for column in columns)]
        for (N, D, loops), cells in sorted(found.items())
    ]
    titles = {"selfsup": "selfsup", "torch_best": "PyTorch, by hand"}
    head = ["N x D", "busy loops beside it"]
    head += [f"{titles[name]}, {threads_text(count)}" for name, count in columns]
    return f"""## What on a busy machine?

A step of `nt_xent`, median, beside loops that keep cores busy; nothing is said about how threads wait.
[docs/guides/threads.md](../guides/threads.md) says why a second thread costs nothing then.

{table(head, rows)}
"""


def rival_cell(result, name):
    column = result["columns"].get(name)
    if not column:
        return "–"
    text = time_text(1e3 * column["seconds"])
    if name != "selfsup" and "ratio" in column:
        text += f" ({column['ratio']:.1f})"
    if name == "torch_best":
        text += f" {column['variant'].replace('_', ' ')}"
    return text


def ratio_sentence(compared, name):
    ratios = [ratios_of(result)[name] for result in compared if name in ratios_of(result)]
    if not ratios:
        return ""
    title = TITLES[name][0].upper() + TITLES[name][1:]
    return (
        f"{title}: {range_text(ratios, '.1f')} times selfsup's time, median "
        f"{statistics.median(ratios):.1f}."
    )


def rivals_section(results):
    parts = []
    for threads in results.shown_threads():
        compared = results.compared(threads)
        if not compared:
            continue
        names = [n for n in TITLES if any(n in result["columns"] for result in compared)]
        rows = [
            [f"`{result['case']}`", f"{result['N']} x {result['D']}"]
            + [rival_cell(result, name) for name in names]
            for result in compared
        ]
        sentences = " ".join(filter(None, (ratio_sentence(compared, name) for name in RIVALS)))
        parts.append(
            f"**{threads_text(threads).capitalize()}.** {sentences}\n\n"
            + table(["step", "N x D"] + [TITLES[name] for name in names], rows)
        )
    body = "\n\n".join(parts)
    return f"""## How fast beside PyTorch and plain Eigen?

The same inputs, the libraries taking turns in processes of their own, after a check that all agree
on the loss and on the norm of the gradient. In brackets: how many times selfsup's time, the median
of the ratios turn by turn. "Released code" is the authors' formulation. "Fastest form" is the best
of several, chosen for each shape by its time: the gradient by a formula in an autograd function
("by hand"), the covariance over samples or features, and either run through `torch.compile`, whose
compilation is not counted. Eigen's column is what one writes with whole matrices. "–": the
library has none, or it is not written. `training_step` is forward, backward and SGD of the trainer's
multilayer perceptron; `info_nce_bank` has 65,536 shared negatives.

{body}

![Time of each library as a multiple of selfsup's](pictures/rivals.svg)
"""


def covariance_section(results):
    term = {}
    for s in results.steps:
        if s.program == "covariance" and s.threads == 1 and s.N == 256:
            term.setdefault(s.D, {})[s.name] = s
    names = {
        "term/sample": "term, over samples",
        "term/feature": "term, over features",
        "vicreg/automatic": "whole loss",
        "vicreg/without_covariance": "loss without the term",
    }
    rows = [
        [f"{N_D}"]
        + [time_text(found[n].milliseconds) if n in found else "–" for n in names]
        for N_D, found in sorted(term.items())
    ]
    shares = [
        1 - found["vicreg/without_covariance"].milliseconds / found["vicreg/automatic"].milliseconds
        for found in term.values()
        if "vicreg/automatic" in found and "vicreg/without_covariance" in found
    ]
    sentence = ""
    if shares:
        percent = range_text([100 * share for share in shares], ".0f")
        sentence = f" The term makes up {percent} % of the whole loss's time."
    return f"""## What does the covariance term cost?

The sum of squares of VICReg's covariances can be taken over D x D features, as every released code
does, or over N x N samples, for the same number ([the maths](../losses/vicreg.md)); `automatic` takes the
smaller. Here N = 256, on one thread.{sentence}

{table(['D'] + list(names.values()), rows)}

![Time of a VICReg step against D, by route and library](pictures/covariance.svg)
"""


def memory_section(results):
    memory = results.rivals["memory"]
    if not memory:
        return ""
    names = [n for n in TITLES if n in memory[0]["columns"]]
    rows = [
        [f"{m['N']} x {m['D']}"] + [size_text(m["columns"][n]) for n in names]
        for m in memory
    ]
    last = memory[-1]
    multiples = [
        f"{TITLES[n]} {last['columns'][n] / last['columns']['selfsup']:.1f}"
        for n in names
        if n != "selfsup"
    ]
    return f"""## How much memory does a large batch take?

How far one step of NT-Xent, forward and backward, raises the peak of a fresh process that holds the
inputs. selfsup keeps tiles of similarities for backward up to `memory_budget`, 256 MiB unless set,
and makes the others again; the rest grows with N·D. PyTorch's fastest form is here the gradient by
hand, not compiled. At {last['N']} x {last['D']} the others take,
as a multiple of it: {', '.join(multiples)}.

{table(['N x D'] + [TITLES[n] for n in names], rows)}

![Time and memory of an NT-Xent step against N](pictures/nt_xent.svg)
"""


def page(results):
    sections = [
        f"""# Performance

<!-- Written by scripts/report.sh: edit scripts/report/report.py instead. -->

What a step costs, forward and backward, in float; where it stands against the limits of the
machine; and what the same step costs elsewhere. Times are medians.

**The bounds.** A loss made of matrix products cannot be faster than the multiply-add units: its
bound is the peak of multiply-adds from registers. A loss that reads each entry once cannot be faster than
memory: its bound is the rate of `memcpy` over 48 MiB, read and written bytes counted; arrays that
lie in a cache may pass it. Both are measured in the process that reports against them. Only the
work that the algorithm needs counts: half of a symmetric product, no padding, nothing done twice.
**The errors** are those of float against double: of the value, and of the gradient as a ratio of
2-norms.

{machine_text(results)}

    scripts/report.sh    # measures all of this again and writes this page
""",
        bounds_section(results),
        threads_section(results),
        rivals_section(results),
        scaling_section(results),
        busy_section(results),
        covariance_section(results),
        memory_section(results),
    ]
    return "\n".join(section for section in sections if section)


def readme_table(results):
    largest = {}  # one row a loss
    for s in results.losses(1):
        if s.name == s.program:
            largest[s.name] = max(s, largest.get(s.name, s), key=lambda step: step.N * step.D)
    rows = [
        [f"`{s.name}`", s.shape, time_text(s.milliseconds), f"{s.of_bound:.2f}",
         f"{s.value_error:.0e}", f"{s.gradient_error:.0e}"]
        for s in largest.values()
    ]  # fmt: skip
    head = ["step, forward and backward", "N x D", "time", "of the bound", "value error",
            "gradient error"]  # fmt: skip
    return (
        f"One thread of {results.rivals['processor']}; {libraries_text(results)}:\n\n"
        + table(head, rows)
        + "\n"
    )


def replace_between(path, begin, end, text):
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    first = next((k for k, line in enumerate(lines) if line.startswith(begin)), None)
    last = next((k for k, line in enumerate(lines) if line.startswith(end)), None)
    if first is None or last is None:
        sys.exit(f"report.py: {path} lacks the lines '{begin}' and '{end}'")
    path.write_text("".join(lines[: first + 1] + [text] + lines[last:]), encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n\nusage")[0] + __doc__.split("--readme FILE]")[1],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=pathlib.Path, help="what was measured")
    parser.add_argument("--docs", type=pathlib.Path, default=ROOT / "docs/measured")
    parser.add_argument("--readme", type=pathlib.Path, default=ROOT / "README.md")
    arguments = parser.parse_args()
    results = read_results(arguments.folder)
    report_pictures.draw_all(results, arguments.docs / "pictures")
    (arguments.docs / "performance.md").write_text(page(results), encoding="utf-8")
    replace_between(
        arguments.readme,
        "<!-- speed and error: ",
        "<!-- end of speed and error -->",
        readme_table(results),
    )


if __name__ == "__main__":
    main()

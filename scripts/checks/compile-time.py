#!/usr/bin/env python3
"""Measures what including selfsup costs a compiler, and writes docs/measured/compile_time.md.

A header is timed in a file that includes nothing else, beside one that includes Eigen/Core and
xsimd; then a file that makes one loss for float. User and system time, the median of --runs.
"""
import argparse
import os
import pathlib
import platform
import resource
import statistics
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
FLAGS = ["-std=c++17", "-O2", "-march=native", "-I", str(ROOT / "include"),
         "-isystem", "/usr/include/eigen3"]
EIGEN = "#include <Eigen/Core>\n"
XSIMD = "#include <xsimd/xsimd.hpp>\n"
LIMIT = 1.5  # of Eigen/Core and xsimd together, for one loss header


def children_time():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def seconds(compiler, source, runs):
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder, "one.cpp")
        file.write_text(source)
        times = []
        for _ in range(runs):
            start = children_time()
            subprocess.run([compiler, *FLAGS, "-c", str(file), "-o", os.devnull], check=True)
            times.append(children_time() - start)
    return statistics.median(times)


def including(header):
    return f'#include "selfsup/{header}"\n'


def instance(header, name):
    return including(header) + f"template class selfsup::{name}<float>;\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5, help="runs of each file (default: 5)")
    parser.add_argument("--compiler", default="c++", help="the compiler (default: c++)")
    parser.add_argument("--check", action="store_true",
                        help=f"write nothing; fail when a header costs more than {LIMIT} times "
                             "Eigen/Core and xsimd")
    arguments = parser.parse_args()

    def time_of(source):
        return seconds(arguments.compiler, source, arguments.runs)

    foreign = time_of(EIGEN + XSIMD)
    rows = [("`Eigen/Core`", time_of(EIGEN)), ("`xsimd/xsimd.hpp`", time_of(XSIMD)),
            ("both", foreign)]
    headers = sorted(path.name for path in (ROOT / "include/selfsup/losses").glob("*.hpp"))
    too_dear = []
    for header in headers:
        cost = time_of(including(f"losses/{header}"))
        rows.append((f"`losses/{header}`", cost))
        if cost > LIMIT * foreign:
            too_dear.append(f"{header} takes {cost:.2f} s, {cost / foreign:.2f} times Eigen/Core "
                            f"and xsimd, at most {LIMIT} expected")
    rows.append(("`selfsup.hpp`", time_of(including("selfsup.hpp"))))
    if arguments.check:
        dearest = max(cost for _, cost in rows[3:]) / foreign
        print("\n".join(too_dear) or f"check compile-time: {len(headers)} headers, the dearest "
              f"{dearest:.2f} times Eigen/Core and xsimd")
        return 1 if too_dear else 0
    for header, name in (("byol.hpp", "Byol"), ("nt_xent.hpp", "NtXent"), ("vicreg.hpp", "VicReg")):
        rows.append((f"`losses/{header}`, `{name}<float>` made",
                     time_of(instance(f"losses/{header}", name))))

    version = subprocess.run([arguments.compiler, "--version"], capture_output=True, text=True,
                             check=True)
    table = "\n".join(f"| {name} | {cost:.2f} s | {cost / foreign:.2f} |" for name, cost in rows)
    page = f"""# What including it costs

Processor time to compile one file, written by `scripts/check compile-time`: {version.stdout.splitlines()[0]},
`-O2 -march=native`, {platform.machine()}, the median of {arguments.runs} runs.

| the file includes | time | of Eigen and xsimd |
|---|---:|---:|
{table}

Nearly all of a header's time is xsimd's. Making a loss compiles its products for each shape of
micro-kernel; a program that names a loss in several files can do that once, with `extern template
class selfsup::VicReg<float>;` in all of them and `template class selfsup::VicReg<float>;` in one.
"""
    (ROOT / "docs/measured/compile_time.md").write_text(page)
    print(page)
    return 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Times selfsup, plain Eigen and PyTorch on the same inputs, taking turns.

Each library runs in a process of its own (bench/rivals/worker.cpp and torch_worker.py). Before
anything is timed, every formulation must give the same loss and the same norm of the gradient.
Then one turn of each follows the other, and a ratio is taken between neighbours, so that a machine
that slows down slows all of them. Of PyTorch two columns are shown: the formulation of the authors'
code, and the fastest that we know, chosen for each shape by its time in a first trial.

usage: compare.py [--threads 1,2,4] [--cases nt_xent,vicreg] [--json rivals.json] ...

The worker takes a compiler, Eigen and xsimd: worker.cpp has the line that builds it without CMake.
"""

import argparse
import contextlib
import dataclasses
import json
import math
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
DEFAULT_WORKER = ROOT / "build" / "bench" / "bench" / "rivals" / "rivals_worker"

TOLERANCE = 1e-4  # relative, of float results summed in different orders
TURN_SECONDS = 0.05  # a turn takes at least this, or one step
PAUSE_SECONDS = 0.02  # between turns: threads that wait for work have gone to sleep by then
LEAST_ROUNDS = 3


@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    shapes: tuple  # of (N, D)
    quick: tuple = (64, 48)  # for a smoke test
    only_one_thread: bool = False


CASES = (
    Case("nt_xent", tuple((2**k, 128) for k in range(8, 13))),
    Case("info_nce_clip", ((1024, 512), (4096, 512))),
    Case("info_nce_bank", ((256, 128),)),
    Case("byol", ((256, 256), (4096, 2048))),
    Case("simsiam", ((256, 256), (4096, 2048))),
    Case("vicreg", ((4096, 256), (2048, 2048), (256, 8192))),
    Case("barlow_twins", ((1024, 1024), (256, 8192))),
    Case("training_step", ((256, 784),)),
    # The two routes to the covariance term, over D.
    Case("vicreg_sample", tuple((256, 2**k) for k in range(7, 14)), only_one_thread=True),
    Case("vicreg_feature", tuple((256, 2**k) for k in range(7, 14)), only_one_thread=True),
)

MEMORY_CASE = "nt_xent"
MEMORY_SHAPES = tuple((2**k, 128) for k in range(8, 14))

# Beside loops that keep cores busy: none, as many as half of the cores, as all, as twice as many.
BUSY_CASE = "nt_xent"
BUSY_SHAPES = ((256, 128), (1024, 128))
BUSY_SECONDS = 1.5  # of steps that are timed one by one
BUSY_VARIANTS = {"selfsup": "selfsup", "torch_best": "by_hand"}


class Failure(Exception):
    """One sentence for the user."""


class Worker:
    """A process that answers lines."""

    def __init__(self, command, threads, short_spins=True):
        self.command = command
        self.threads = threads
        environment = dict(os.environ, OMP_NUM_THREADS=str(threads))
        # Threads that wait spin for half a millisecond, then sleep: where another process takes a
        # core, a longer spin starves those that they wait for.
        if short_spins:
            environment.setdefault("GOMP_SPINCOUNT", "10000")
        self.process = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )

    def ask(self, *words):
        line = " ".join(str(word) for word in words)
        try:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # its answer, none, is told below
        answer = self.process.stdout.readline().strip()
        if not answer.startswith("ok"):
            raise Failure(f"{self.command[0]}: '{line}': {answer or 'the process ended'}")
        return answer[3:]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


@dataclasses.dataclass
class Rival:
    """One formulation of a case in one library."""

    library: str  # selfsup, eigen or torch
    variant: str
    worker: Worker
    steps: int = 1
    trial: float = math.inf  # seconds a step

    @property
    def title(self):
        return f"torch {self.variant}" if self.library == "torch" else self.library


def cases_of(cpp, wanted):
    """The wanted cases, or all but those that the worker was built without."""
    present = cpp.ask("cases").split()
    absent = [case.name for case in wanted or CASES if case.name not in present]
    if absent and wanted:
        raise Failure(f"{cpp.command[0]} was built without {', '.join(absent)}")
    if absent:
        print(f"compare.py: without {', '.join(absent)}, which the worker was built without")
    return [case for case in wanted or CASES if case.name in present]


def rivals_of(case, cpp, torch, compiled):
    """Every formulation; those that torch.compile must first compile, for seconds, if asked."""
    rivals = [Rival(name, name, cpp) for name in cpp.ask("variants", case).split()]
    if torch:
        for name in torch.ask("variants", case).split():
            if compiled or not name.startswith("compiled"):
                rivals.append(Rival("torch", name, torch))
    # selfsup first: ratios are taken to it.
    return sorted(rivals, key=lambda rival: rival.library != "selfsup")


def require_agreement(case, N, D, rivals):
    exact = None
    for rival in rivals:
        answer = rival.worker.ask("check", rival.variant, case, N, D)
        found = [float(word) for word in answer.split()]
        exact = exact or found
        for what, number, expected in zip(("loss", "gradient's norm"), found, exact):
            if not math.isclose(number, expected, rel_tol=TOLERANCE):
                raise Failure(
                    f"{case} {N}x{D}: the {what} of {rival.title} is {number:.8g}, "
                    f"that of {rivals[0].title} {expected:.8g}"
                )


def try_out(case, N, D, rivals):
    """Sets how many steps of each make a turn, after one that warms up."""
    for rival in rivals:
        rival.worker.ask("run", rival.variant, case, N, D, 1)
        for _ in range(3):  # a first guess from one step is often far off
            rival.trial = float(rival.worker.ask("run", rival.variant, case, N, D, rival.steps))
            rival.steps = max(1, math.ceil(TURN_SECONDS / rival.trial))
            if rival.trial > TURN_SECONDS:
                break


def columns_of(rivals):
    """The rivals that are timed, by the name of their column."""
    columns = {rival.library: rival for rival in rivals if rival.library != "torch"}
    torch = [rival for rival in rivals if rival.library == "torch"]
    for rival in torch:
        if rival.variant == "released":
            columns["torch_released"] = rival
    if torch:
        columns["torch_best"] = min(torch, key=lambda rival: rival.trial)
    return columns


def take_turns(case, N, D, rivals, rounds, cap):
    """Seconds a step of each rival, a list of rounds each."""
    seconds = [[] for _ in rivals]
    start = time.monotonic()
    for done in range(rounds):
        if done >= LEAST_ROUNDS and time.monotonic() - start > cap:
            break
        for rival, times in zip(rivals, seconds):
            time.sleep(PAUSE_SECONDS)
            answer = rival.worker.ask("run", rival.variant, case, N, D, rival.steps)
            times.append(float(answer))
    return seconds


def measure(case, N, D, cpp, torch, arguments):
    """The times of a case, or None after a check alone."""
    rivals = rivals_of(case, cpp, torch, compiled=not arguments.quick)
    require_agreement(case, N, D, rivals)
    if arguments.check_only:
        print(f"{case} {N}x{D}: {', '.join(rival.title for rival in rivals)} agree")
        return None
    result = {"case": case, "N": N, "D": D, "threads": cpp.threads, "columns": {}}
    try_out(case, N, D, rivals)
    columns = columns_of(rivals)
    # The fastest formulation may be the released one: it takes its turn once.
    timed = list({id(rival): rival for rival in columns.values()}.values())
    seconds = take_turns(case, N, D, timed, arguments.rounds, arguments.cap)
    times = {id(rival): rival_seconds for rival, rival_seconds in zip(timed, seconds)}
    own = times[id(columns["selfsup"])] if "selfsup" in columns else None
    for name, rival in columns.items():
        column = {"variant": rival.variant, "seconds": statistics.median(times[id(rival)])}
        if own:
            column["ratio"] = statistics.median(
                other / mine for other, mine in zip(times[id(rival)], own)
            )
        column["rounds"] = times[id(rival)]
        result["columns"][name] = column
    result["trials"] = {rival.title: rival.trial for rival in rivals}
    return result


def measure_memory(N, D, commands):
    """Peak growth of one step in bytes, each in a fresh process."""
    result = {"case": MEMORY_CASE, "N": N, "D": D, "columns": {}}
    variants = {"selfsup": "selfsup", "eigen": "eigen"}
    if commands["torch"]:
        variants.update(torch_released="released", torch_best="by_hand")
    for name, variant in variants.items():
        command = commands["torch" if name.startswith("torch") else "cpp"]
        with Worker(command + ["1"] * name.startswith("torch"), 1) as worker:
            result["columns"][name] = float(worker.ask("memory", variant, MEMORY_CASE, N, D))
    return result


@contextlib.contextmanager
def busy_loops(count):
    """Programs that keep cores busy."""
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def measure_busy(threads, commands, quick):
    """Median seconds of a step beside busy loops, with nothing said about how threads wait."""
    results = []
    workers = {}
    with contextlib.ExitStack() as stack:
        for name in BUSY_VARIANTS:
            command = commands["torch" if name.startswith("torch") else "cpp"]
            if not command:
                continue
            words = command + [str(threads)] * name.startswith("torch")
            workers[name] = stack.enter_context(Worker(words, threads, short_spins=False))
        for N, D in BUSY_SHAPES[:1] if quick else BUSY_SHAPES:
            for loops in (0, 1) if quick else busy_counts():
                result = {"N": N, "D": D, "threads": threads, "loops": loops, "columns": {}}
                with busy_loops(loops):
                    for name, worker in workers.items():
                        step = ("run", BUSY_VARIANTS[name], BUSY_CASE, N, D, 1)
                        worker.ask(*step)
                        seconds, last = [], time.monotonic() + BUSY_SECONDS
                        while time.monotonic() < last or len(seconds) < LEAST_ROUNDS:
                            seconds.append(float(worker.ask(*step)))
                        result["columns"][name] = statistics.median(seconds)
                results.append(result)
    return results


def busy_counts():
    cores = os.cpu_count()
    return sorted({0, max(1, cores // 2), cores, 2 * cores})


COLUMNS = ("selfsup", "eigen", "torch_released", "torch_best")


def headline():
    cells = [f"{'case':<16}{'N x D':>12}{'threads':>9}"] + [f"{name:>24}" for name in COLUMNS]
    return "".join(cells)


def table_line(result):
    cells = [f"{result['case']:<16}{result['N']:>6} x {result['D']:<5}{result['threads']:>7}"]
    for name in COLUMNS:
        column = result["columns"].get(name)
        text = "–"
        if column:
            seconds = column["seconds"]
            text = f"{1e3 * seconds:.3g} ms" if seconds < 0.9995 else f"{seconds:.3g} s"
            if name != "selfsup" and "ratio" in column:
                text += f" ({column['ratio']:.1f})"
        cells.append(f"{text:>24}")
    return "".join(cells)


def memory_line(result):
    shape = f"{result['N']} x {result['D']}"
    cells = [f"{'memory':<16}{shape:>12}{1:>9}"]
    for name in COLUMNS:
        text = f"{result['columns'][name] / 2**20:.0f} MiB" if name in result["columns"] else "–"
        cells.append(f"{text:>24}")
    return "".join(cells)


def busy_line(result):
    shape = f"{result['N']} x {result['D']}"
    cells = [f"{result['loops']:>2} busy loops   {shape:>12}{result['threads']:>9}"]
    for name in COLUMNS:
        seconds = result["columns"].get(name)
        cells.append(f"{f'{1e3 * seconds:.3g} ms' if seconds else '–':>24}")
    return "".join(cells)


def processor():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def has_torch(python):
    try:
        subprocess.run([python, "-c", "import torch"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


def numbers_of_threads(text):
    """The numbers of a list such as 1,2,4, in ascending order, each once."""
    try:
        numbers = sorted({int(word) for word in text.split(",")})
    except ValueError:
        numbers = []
    if not numbers or numbers[0] < 1:
        raise argparse.ArgumentTypeError(f"'{text}', numbers such as 1,2,4 expected")
    return numbers


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n\nusage")[0],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    names = [case.name for case in CASES]
    parser.add_argument(
        "--cases",
        help="comma-separated, of: " + ", ".join(names) + " (default: all that the worker has)",
    )
    parser.add_argument(
        "--threads",
        type=numbers_of_threads,
        default="1,2",
        help="numbers of threads, comma-separated (default: 1,2)",
    )
    parser.add_argument("--rounds", type=int, default=9, help="turns of each rival (default: 9)")
    parser.add_argument(
        "--cap",
        type=float,
        default=8,
        help=f"seconds after which a slow case ends with fewer rounds, at least {LEAST_ROUNDS} "
        "(default: 8)",
    )
    parser.add_argument(
        "--worker", type=pathlib.Path, default=DEFAULT_WORKER, help="the program rivals_worker"
    )
    parser.add_argument(
        "--torch-python",
        default=sys.executable,
        help="a Python that has PyTorch, or none to leave it out (default: this one)",
    )
    parser.add_argument("--json", type=pathlib.Path, help="file for the results")
    parser.add_argument("--no-memory", action="store_true", help="leave the memory comparison out")
    parser.add_argument(
        "--busy", action="store_true", help=f"time {BUSY_CASE} beside busy loops, too"
    )
    parser.add_argument(
        "--quick", action="store_true", help="one small shape a case, no torch.compile"
    )
    parser.add_argument("--check-only", action="store_true", help="check agreement, time nothing")
    arguments = parser.parse_args()
    chosen = arguments.cases.split(",") if arguments.cases else []
    for name in chosen:
        if name not in names:
            parser.error(f"no case '{name}', see --help")
    arguments.cases = [case for case in CASES if case.name in chosen]
    if not os.access(arguments.worker, os.X_OK):
        parser.error(
            f"{arguments.worker} is not there: build the target rivals_worker, or worker.cpp alone"
        )
    return arguments


def main():
    arguments = parse_arguments()
    commands = {"cpp": [arguments.worker.resolve()], "torch": None}
    if arguments.torch_python != "none":
        if has_torch(arguments.torch_python):
            commands["torch"] = [arguments.torch_python, HERE / "torch_worker.py"]
        else:
            python = arguments.torch_python
            print(f"compare.py: {python} has no PyTorch: comparing with Eigen alone")

    report = {"processor": processor(), "cores": os.cpu_count(), "date": time.strftime("%Y-%m-%d")}
    report.update(results=[], memory=[], busy=[])
    with Worker(commands["cpp"], 1) as cpp:
        cases = cases_of(cpp, arguments.cases)
    if not arguments.check_only:
        print(headline())
    for threads in arguments.threads:
        cpp = Worker(commands["cpp"], threads)
        torch = Worker(commands["torch"] + [threads], threads) if commands["torch"] else None
        with cpp, torch or cpp:
            report["libraries"] = [worker.ask("about") for worker in (cpp, torch) if worker]
            for case in cases:
                if case.only_one_thread and threads > 1:
                    continue
                for N, D in (case.quick,) if arguments.quick else case.shapes:
                    result = measure(case.name, N, D, cpp, torch, arguments)
                    if result:
                        report["results"].append(result)
                        print(table_line(result), flush=True)
    if not (arguments.no_memory or arguments.check_only):
        for N, D in MEMORY_SHAPES[:1] if arguments.quick else MEMORY_SHAPES:
            report["memory"].append(measure_memory(N, D, commands))
            print(memory_line(report["memory"][-1]), flush=True)
    if arguments.busy and not arguments.check_only:
        for threads in sorted({1, os.cpu_count()}):
            report["busy"] += measure_busy(threads, commands, arguments.quick)
        print(*map(busy_line, report["busy"]), sep="\n", flush=True)
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    try:
        main()
    except Failure as failure:
        sys.exit(f"compare.py: {failure}")

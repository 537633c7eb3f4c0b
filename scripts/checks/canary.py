#!/usr/bin/env python3
"""Plants faults in the arithmetic of the losses and expects the tests to find each one.

Faults are generated, not chosen. Every expression that adds, subtracts, multiplies, divides or fuses
real numbers in losses/, kernels/ and the backward walks of product/ gets each fault that its form
allows: + for - and - for +, the sign of a result, twice a result, a factor or divisor that is left
out, a quotient upside down, the row before the right one. A copy of the headers with all of them is
compiled once a loss; a fault is chosen when that program starts (tests/canary/faults.hpp).

A fault is
  killed         when a test fails, or the program crashes or hangs,
  without effect when no value and no gradient on the fixed inputs of tests/canary/gradients.cpp
                 changes by more than 1e-6 of the largest entry (in float, the promised error),
  a survivor     otherwise: the tests are too weak, and the exit status is 1.
"""

import argparse
import bisect
import collections
import concurrent.futures
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOURCES = ROOT / "include" / "selfsup"
STABLE_TESTS = ["every_value", "every_call", "every_error"]  # never see a loss header
FLAGS = ["-std=c++17", "-O1", "-w", "-isystem", "/usr/include/eigen3"]

TOKEN = re.compile(
    r"[A-Za-z_]\w*|\.?\d(?:[eEpP][+-]|[\w.])*|::|->|\+\+|--|<<=|>>=|[-+*/%&|^]=|[<>=!]=|&&|\|\||<<|\S"
)
# Tokens at which an operand of + or - ends; of * and / also at those two.
ENDS = set("( [ { , ; = ? : < > >= & | ^ && || << == != <= += -= *= /= return else".split())


def blank(text):
    """The text without comments and preprocessor lines, and with a word for each string."""
    pattern = r'//[^\n]*|/\*.*?\*/|"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)+\'|^[ \t]*#(?:[^\n]*\\\n)*[^\n]*'
    keep = lambda m: re.sub(r"[^\n]", "S" if m.group()[0] in "\"'" else " ", m.group())
    return re.sub(pattern, keep, text, flags=re.S | re.M)


class Header:
    """Tokens of a header, their brackets paired, and the edits that plant the faults."""

    def __init__(self, path):
        self.path = path
        self.name = str(path.relative_to(ROOT))
        self.text = path.read_text()
        self.code = blank(self.text)
        tokens = [(m.group(), m.start()) for m in TOKEN.finditer(self.code)]
        self.tokens = [t for t, _ in tokens]
        self.at = [a for _, a in tokens]
        self.lines = [0] + [i + 1 for i, c in enumerate(self.text) if c == "\n"]
        self.pair_brackets()
        self.edits = []  # (position, order, text) and for replaced operators (position, length, text)
        self.replaced = []

    def line(self, token):
        return bisect.bisect_right(self.lines, self.at[token])

    def spaced(self, i):
        """True for a token with white space on both sides: clang-format's binary operator."""
        start, end = self.at[i], self.at[i] + len(self.tokens[i])
        return self.code[start - 1].isspace() and self.code[end : end + 1].isspace()

    def pair_brackets(self):
        self.partner = [None] * len(self.tokens)
        stack = []
        closes = {")": "(", "]": "[", "}": "{"}
        for i, token in enumerate(self.tokens):
            opens_template = token == "<" and i > 0 and not self.spaced(i) and (
                self.tokens[i - 1] == "template" or self.code[self.at[i] - 1].isidentifier()
                or self.code[self.at[i] - 1].isdigit())
            if token in "([{" or opens_template:
                stack.append(i)
            elif token == ">" and stack and self.tokens[stack[-1]] == "<" and not self.spaced(i):
                self.pair(stack.pop(), i)
            elif token in closes:
                while stack and self.tokens[stack[-1]] == "<":
                    stack.pop()
                self.pair(stack.pop(), i)

    def pair(self, a, b):
        self.partner[a], self.partner[b] = b, a

    # Where code runs: (first token, end, name of the function) of each body, with the initialisers
    # of a constructor.
    def functions(self):
        found = []

        def scan(first, end):
            start = first  # of the declaration
            i = first
            while i < end:
                token = self.tokens[i]
                if token == "{" and self.partner[i]:
                    words = self.tokens[start:i]
                    close = self.partner[i]
                    if self.is_scope(words):
                        scan(i + 1, close)
                        start = close + 1
                    elif ")" in words and "=" not in words:
                        name, initialisers = self.signature(start, i)
                        if "constexpr" not in words:
                            found.append((initialisers, close, name))
                        start = close + 1
                    i = close + 1
                    continue
                if token in (";", "public", "private", "protected"):
                    start = i + 1
                if token in "(<" and self.partner[i]:
                    i = self.partner[i]
                i += 1

        scan(0, len(self.tokens))
        return found

    @staticmethod
    def is_scope(words):
        depth = 0
        for word in words:
            depth += (word == "<") - (word == ">")
            if depth == 0 and word in ("namespace", "class", "struct", "union", "enum"):
                return True
            if depth == 0 and word == "(":
                return False
        return False

    def signature(self, start, body):
        """The name of a function, and where its code begins."""
        i = start
        while i < body and self.tokens[i] != "(":
            i = self.partner[i] if self.tokens[i] == "<" and self.partner[i] else i
            i += 1
        name, first = self.tokens[i - 1], body
        i = self.partner[i] + 1
        if self.tokens[i] == ":":
            first = i
        return name, first

    # Expressions.
    def left_end(self, i, stops):
        """First token of the operand that ends before token i."""
        i -= 1
        while True:
            token = self.tokens[i]
            if token in ")]>" and self.partner[i] is not None:
                i = self.partner[i]
            elif token == "}" and self.partner[i] is not None:
                before = self.partner[i] - 1
                if not (self.tokens[before] == ">" or re.match(r"\w", self.tokens[before])):
                    return i + 1
                i = self.partner[i]
            elif token in ENDS or token in "}" or (token in stops and self.spaced(i)):
                return i + 1
            i -= 1

    def right_end(self, i, stops):
        """Token after the operand that begins after token i."""
        i += 1
        while True:
            token = self.tokens[i]
            if token in "([{<" and self.partner[i] is not None:
                i = self.partner[i]
            elif token in ENDS or token in ")]}" or (token in stops and self.spaced(i)):
                return i
            i += 1

    def until(self, i, stops):
        """The first of these tokens after token i, outside brackets, or the bracket that ends it."""
        i += 1
        while self.tokens[i] not in stops and self.tokens[i] not in ")]}":
            if self.tokens[i] in "([{<" and self.partner[i] is not None:
                i = self.partner[i]
            i += 1
        return i

    def arguments(self, open_bracket):
        close, first, found = self.partner[open_bracket], open_bracket + 1, []
        i = open_bracket
        while i < close:
            i = self.until(i, [","])
            found.append((first, i))
            first = i + 1
            if i == close:
                break
        return found

    def source(self, first, end):
        stop = self.at[end - 1] + len(self.tokens[end - 1])
        return " ".join(self.text[self.at[first] : stop].split())

    def wrap(self, first, end, call):
        """call( before token `first`, ) after the last token before `end`."""
        stop = self.at[end - 1] + len(self.tokens[end - 1])
        size = stop - self.at[first]
        self.edits.append((self.at[first], 1, -size, call + "("))
        self.edits.append((stop, 0, size, ")"))

    def replace(self, i, text):
        self.replaced.append((self.at[i], len(self.tokens[i]), text))

    def planted(self):
        """The header's text with all edits."""
        out, position = [], 0
        events = [(p, order, size, 0, text) for p, order, size, text in self.edits]
        events += [(p, 2, 0, length, text) for p, length, text in self.replaced]
        for p, _, _, length, text in sorted(events, key=lambda e: e[:3]):
            out += [self.text[position:p], text]
            position = p + length
        body = "".join(out) + self.text[position:]
        return body.replace("#pragma once", '#pragma once\n#include "canary/faults.hpp"', 1)


class Fault:
    def __init__(self, header, token, kind, before, after):
        self.file, self.line = header.name, header.line(token)
        self.kind, self.before, self.after = kind, before, after
        # The same whatever losses are built, as numbers of faults are not.
        self.place = (header.name, token, kind)

    def __str__(self):
        return f"{self.file}:{self.line}: {self.kind}: {self.before}  ->  {self.after}"


class Planter:
    def __init__(self, refused):
        self.faults = []
        self.refused = refused  # lines of headers that do not compile when planted

    def number(self, header, token, *kinds):
        """Takes numbers for the faults of one expression."""
        first = len(self.faults)
        for kind, before, after in kinds:
            self.faults.append(Fault(header, token, kind, before, after))
        return first

    def plant(self, path, wanted):
        header = Header(path)
        for first, end, name in header.functions():
            if wanted(name):
                self.plant_body(header, first, end)
        return header

    def plant_body(self, h, first, end):
        i = first
        while i < end:
            token = h.tokens[i]
            if token == "constexpr":  # a constant, or a condition of the compiler
                i = h.partner[i + 1] if h.tokens[i + 1] == "(" else h.until(i, [";"])
            elif token in ("alignas", "static_assert", "decltype") and h.tokens[i + 1] == "(":
                i = h.partner[i + 1]
            elif token == "<" and h.partner[i] is not None:
                i = h.partner[i]
            elif (h.name, h.line(i)) not in self.refused:
                self.plant_at(h, i)
            i += 1

    def plant_at(self, h, i):
        token = h.tokens[i]
        if token in ("+", "-", "*", "/") and h.spaced(i):
            self.binary(h, i)
        elif token == "-" and not h.code[h.at[i] + 1].isspace():
            self.negation(h, i)
        elif token in ("+=", "-=", "*=", "/="):
            self.compound(h, i)
        elif token in ("=", "return"):
            self.result(h, i)
        elif token == "(" and h.tokens[i - 1] in ("fma", "add", "row"):
            self.call(h, i)

    def binary(self, h, i):
        token = h.tokens[i]
        tight = ("+", "-") if token in "*/" else ()
        first = h.left_end(i, tight)
        end = h.right_end(i, ("+", "-", "*", "/") if token in "*/" else ("+", "-"))
        left, right = h.source(first, i), h.source(i + 1, end)
        before = f"{left} {token} {right}"
        if token == "+":
            name, kinds = "sum", [("sign", before, f"{left} - {right}")]
        elif token == "-":
            name, kinds = "difference", [("sign", before, f"{left} + {right}")]
        elif token == "*":
            name, kinds = "product", [("factor left out", before, left),
                                      ("factor left out", before, right)]
        else:
            name, kinds = "quotient", [("divisor left out", before, left),
                                       ("upside down", before, f"{right} / {left}")]
        h.wrap(first, end, f"canary::{name}<{self.number(h, i, *kinds)}>")
        h.replace(i, ",")

    def negation(self, h, i):
        end = h.right_end(i, ("+", "-", "*", "/"))
        x = h.source(i + 1, end)
        number = self.number(h, i, ("sign", f"-{x}", x))
        h.wrap(i, end, f"canary::negative<{number}>")
        h.replace(i, "")

    def compound(self, h, i):
        token = h.tokens[i]
        first = h.left_end(i, ())
        if h.tokens[first] in ("if", "for", "while"):  # the condition before a lone statement
            first = h.partner[first + 1] + 1
        end = h.until(i, [",", ";"])
        left, right = h.source(first, i), h.source(i + 1, end)
        before = f"{left} {token} {right}"
        if token in ("+=", "-="):
            other = "-=" if token == "+=" else "+="
            name = "add" if token == "+=" else "subtract"
            kinds = [("sign", before, f"{left} {other} {right}"),
                     ("twice", before, f"{left} {token} 2 * ({right})")]
        else:
            name = "multiply" if token == "*=" else "divide"
            kinds = [("factor left out", before, left)]
        h.wrap(first, end, f"canary::{name}<{self.number(h, i, *kinds)}>")
        h.replace(i, ",")

    def result(self, h, i):
        """What is returned or assigned, if it is computed here."""
        end = h.until(i, [",", ";"])
        body = h.tokens[i + 1 : end]
        if h.tokens[i] == "=":
            start = h.left_end(i, ())
            if any(t in ("&", "*", "&&") for t in h.tokens[start:i]) or h.tokens[i - 1] == "[":
                return
            if h.tokens[start - 1] == "&":
                return
        computed = any(t in ("+", "-", "*", "/") or t in ("fma", "sqrt", "exp", "dot") for t in body)
        if computed and "{" not in body and body[0] != "[":
            self.value(h, i + 1, end)

    def value(self, h, first, end):
        x = h.source(first, end)
        number = self.number(h, first, ("sign", x, f"-({x})"), ("twice", x, f"2 * ({x})"))
        h.wrap(first, end, f"canary::value<{number}>")

    def call(self, h, i):
        name, arguments = h.tokens[i - 1], h.arguments(i)
        if name == "row" and len(arguments) == 1 and arguments[0][0] < arguments[0][1]:
            x = h.source(*arguments[0])
            if re.match(r"^(const|std)\b", x):
                return  # a declaration
            number = self.number(h, i, ("row", f"row({x})", f"row({x} - 1)"))
            h.wrap(*arguments[0], f"canary::row<{number}>")
        elif name == "fma" and len(arguments) == 3:
            self.value(h, *arguments[0])
            self.value(h, *arguments[2])
        elif name == "add" and len(arguments) == 3:
            self.value(h, *arguments[1])


def wanted(path):
    """Which functions of a header get faults."""
    folder = path.relative_to(SOURCES).parts[0]
    if folder in ("losses", "kernels"):
        return lambda name: True
    if folder == "product":
        return lambda name: "back" in name or name.startswith("add_")
    return None


def run(command, **keywords):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          **keywords)


class Build:
    """The copy with all faults, and one program a loss."""

    def __init__(self, folder, compiler, jobs, stems):
        self.folder, self.compiler, self.jobs, self.stems = folder, compiler, jobs, stems

    def compile(self, source, to, *flags):
        command = [self.compiler, *FLAGS, *flags, "-I", ROOT / "tests", "-c", source, "-o", to]
        return run([str(part) for part in command])

    def make(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        tests = ROOT / "tests"
        own = ["-I", ROOT / "include"]
        parts = [(tests / "losses" / f"{name}.cpp", f"{name}.o", own) for name in STABLE_TESTS]
        parts.append((tests / "canary" / "gradients.cpp", "gradients.o", own))
        parts.append((tests / "losses" / "loss_case.cpp", "loss_case.o", own))
        with concurrent.futures.ThreadPoolExecutor(self.jobs) as pool:
            results = list(pool.map(
                lambda part: self.compile(part[0], self.folder / part[1], *part[2]), parts))
        for part, result in zip(parts, results):
            if result.returncode:
                sys.exit(f"check canary: {part[0]} does not compile\n{result.stdout}")
        refused = set()
        while True:
            planter = self.plant(refused)
            before = len(refused)
            with concurrent.futures.ThreadPoolExecutor(self.jobs) as pool:
                results = list(pool.map(self.compile_loss, self.stems))
            for stem, result in zip(self.stems, results):
                if result.returncode:
                    refused |= self.lines_of(result.stdout)
            if not any(result.returncode for result in results):
                break
            if len(refused) == before:
                sys.exit("check canary: the planted copy does not compile\n" +
                         "\n".join(r.stdout[:3000] for r in results if r.returncode))
        for stem in self.stems:
            names = ["gradients", "loss_case", *STABLE_TESTS, stem]
            objects = [str(self.folder / f"{name}.o") for name in names]
            result = run([self.compiler, *objects, "-lCatch2WithMain", "-o",
                          str(self.program(stem))])
            if result.returncode:
                sys.exit(f"check canary: {stem} does not link\n{result.stdout}")
        return planter.faults, refused

    def plant(self, refused):
        copy = self.folder / "include"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(ROOT / "include", copy)
        planter = Planter(refused)
        for path in sorted(SOURCES.rglob("*.hpp")):
            choice = wanted(path)
            if choice is None:
                continue
            text = planter.plant(path, choice).planted()
            (copy / path.relative_to(ROOT / "include")).write_text(text)
        return planter

    def compile_loss(self, stem):
        return self.compile(ROOT / "tests" / "losses" / f"{stem}.cpp", self.folder / f"{stem}.o",
                            "-I", self.folder / "include")

    def lines_of(self, messages):
        """Lines of the original headers that errors name (the copy has one line more)."""
        where = re.escape(str(self.folder / "include")) + r"/(\S+?\.hpp):(\d+):\d+:\s+"
        for kind in ("error", "required"):
            found = re.findall(where + kind, messages)
            if found:
                return {(f"include/{path}", int(line) - 1) for path, line in found}
        return set()

    def program(self, stem):
        return self.folder / f"canary-{stem}"


class Trial:
    """Asks tests about faults; the tests of the losses that were built."""

    def __init__(self, build, faults, thorough):
        self.build, self.faults, self.thorough = build, faults, thorough
        self.seconds, self.reaches = {}, {}

    def start(self, stem, arguments, fault=None, **extra):
        """Its result, or None when it took much longer than without a fault."""
        environment = {**os.environ, **extra, "OMP_NUM_THREADS": "1"}
        timeout = None
        if fault is not None:
            environment["CANARY_FAULT"] = str(fault)
            timeout = 30 + 5 * self.seconds[stem]
        try:
            return run([str(self.build.program(stem)), *arguments], env=environment,
                       timeout=timeout)
        except subprocess.TimeoutExpired:
            return None

    def baseline(self, stem):
        """Without a fault all is well; which expressions are evaluated, and how long it takes."""
        reached = set()
        for arguments in (["[.gradients]"], []):
            file = self.build.folder / f"{stem}.reached"
            begin = time.monotonic()
            result = self.start(stem, arguments, CANARY_REACHED=str(file),
                                CANARY_WRITE=str(self.gradients(stem)))
            self.seconds[stem] = time.monotonic() - begin
            if result is None or result.returncode:
                sys.exit(f"check canary: {stem} fails without a fault\n{result and result.stdout}")
            reached |= set(map(int, file.read_text().split()))
        self.reaches[stem] = reached

    def gradients(self, stem):
        return self.build.folder / f"{stem}.gradients"

    def change(self, stem, fault):
        """Of values and gradients, in units of what rounding may change."""
        result = self.start(stem, ["[.gradients]"], fault,
                            CANARY_COMPARE=str(self.gradients(stem)))
        found = result and re.search(r"canary: change ([^\s,]+)", result.stdout)
        return float(found.group(1)) if found and result.returncode == 0 else float("inf")

    def judge(self, fault):
        """Asks the losses in turn, the quickest first, until a test of one fails."""
        stems = sorted((s for s in self.build.stems if fault in self.reaches[s]),
                       key=self.seconds.get)
        changed = []
        for stem in stems:
            effect = self.change(stem, fault) > 1
            if effect:
                changed.append(stem)
            if effect or self.thorough:
                result = self.start(stem, ["--abort"], fault)
                if result is None or result.returncode:
                    return "killed", stem
        return ("survivor", " ".join(changed)) if changed else ("without effect", "")


def prepare(options, stems):
    """Programs of those losses, which pass without a fault."""
    begin = time.monotonic()
    build = Build(options.build, options.compiler, options.jobs, stems)
    faults, refused = build.make()
    for name, line in sorted(refused):
        print(f"check canary: {name}:{line} compiles only as it is, no fault there")
    trial = Trial(build, faults, options.thorough)
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        list(pool.map(trial.baseline, stems))
    reached = set().union(*trial.reaches.values())
    print(f"check canary: {len(reached)} faults in {len({faults[n].file for n in reached})} headers, "
          f"{len(stems)} losses built in {time.monotonic() - begin:.0f} s", flush=True)
    return trial


def judged(trial, numbers):
    """What became of each fault, by its place, and its text."""
    with concurrent.futures.ThreadPoolExecutor(trial.build.jobs) as pool:
        return {trial.faults[n].place: (*verdict, str(trial.faults[n]))
                for n, verdict in zip(numbers, pool.map(trial.judge, numbers))}


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sample", type=int, help="plant that many, drawn at random")
    parser.add_argument("--losses", type=int,
                        help="build and ask the tests of that many losses, drawn at random")
    parser.add_argument("--seed", type=int, default=1, help="of what is drawn")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--only", default="", help="only faults whose line matches this expression")
    parser.add_argument("--thorough", action="store_true",
                        help="run the tests on faults without effect, too")
    parser.add_argument("--list", action="store_true", help="print the faults and plant none")
    parser.add_argument("--compiler", default=os.environ.get("CXX", "c++"))
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build" / "canary")
    options = parser.parse_args()
    subprocess.run([ROOT / "scripts" / "setup.sh"], check=True)

    draw = random.Random(options.seed)
    every_loss = sorted(p.stem for p in (SOURCES / "losses").glob("*.hpp"))
    stems = every_loss
    if options.losses is not None and options.losses < len(stems):
        stems = sorted(draw.sample(stems, options.losses))
    trial = prepare(options, stems)
    numbers = sorted(set().union(*trial.reaches.values()))  # in code that the tests run
    numbers = [n for n in numbers if re.search(options.only, str(trial.faults[n]))]
    if options.list:
        print("\n".join(f"{n}: {trial.faults[n]}" for n in numbers))
        return 0
    if options.sample is not None and options.sample < len(numbers):
        numbers = sorted(draw.sample(numbers, options.sample))
    begin = time.monotonic()
    verdicts = judged(trial, numbers)
    # Another loss may have the test that a fault in a shared header fails.
    survivors = {place for place, (verdict, *_) in verdicts.items() if verdict == "survivor"}
    if survivors and stems != every_loss:
        trial = prepare(options, every_loss)
        reached = set().union(*trial.reaches.values())
        verdicts.update(judged(trial, [n for n in reached if trial.faults[n].place in survivors]))
    counts = collections.Counter(verdict for verdict, *_ in verdicts.values())
    with open(options.build / "report.txt", "w", encoding="utf-8") as report:
        for verdict, where, fault in verdicts.values():
            print(f"{verdict}\t{where}\t{fault}", file=report)
            if verdict == "survivor":
                print(f"check canary: survivor in {where}: {fault}")
    effective = len(numbers) - counts["without effect"]
    print(f"check canary: planted {len(numbers)}: {counts['killed']} killed of {effective} with an "
          f"effect, {counts['survivor']} survivors, {counts['without effect']} without "
          f"effect, in {time.monotonic() - begin:.0f} s; {options.build / 'report.txt'}")
    return 1 if counts["survivor"] or not counts["killed"] else 0


if __name__ == "__main__":
    sys.exit(main())

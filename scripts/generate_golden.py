#!/usr/bin/env python3
"""Writes tests/golden/losses.txt: values and gradients of the losses by PyTorch's autograd in double.

  scripts/generate_golden.py            writes the file
  scripts/generate_golden.py --check    fails unless it holds what PyTorch gives here

The formulas are those of the authors' released code, written out; no line is shared with the library
or with the references under tests/. A case has the name that tests/losses gives it; tests/losses/
golden_file.cpp reads the file. A new loss gets a function and a line in CASES.
"""

import argparse
import pathlib
import sys

import torch
import torch.nn.functional as F

FILE = pathlib.Path(__file__).resolve().parent.parent / "tests" / "golden" / "losses.txt"
SHAPES = [(2, 2), (4, 3), (3, 7), (6, 5), (9, 2), (5, 4)]
NEGATIVES = 5  # rows of a bank
SLICES = 4  # directions of SIGReg


class Stream:
    """Numbers in [-1, 1) with 19 bits after the point, of a congruential generator that
    tests/losses/golden_file.cpp has, too."""

    def __init__(self, seed):
        self.state = seed

    def matrix(self, rows, cols):
        entries = []
        for _ in range(rows * cols):
            self.state = (1103515245 * self.state + 12345) % 2**31
            entries.append((self.state >> 11) / 2**19 - 1)
        return torch.tensor(entries, dtype=torch.float64).reshape(rows, cols)


def inputs(rows, cols, count, with_negatives, with_slices):
    """Views of the same rows, every third column four times as wide; then negatives or the
    directions of slices, one a column, if any."""
    stream = Stream(1000 * rows + cols)
    first = stream.matrix(rows, cols)
    first[:, 1::3] *= 4
    views = [first] + [first + stream.matrix(rows, cols) / 2 for _ in range(count - 1)]
    if with_negatives:
        views.append(stream.matrix(NEGATIVES, cols))
    if with_slices:
        views.append(stream.matrix(cols, SLICES))
    return views


# google-research/simclr objective.py, add_contrastive_loss, in the paper's mean over 2N anchors.
def nt_xent(a, b, temperature, decoupled=False):
    z = F.normalize(torch.cat([a, b]), dim=1)
    n = a.shape[0]
    positive = torch.arange(2 * n).roll(n)
    logits = z @ z.T / temperature
    logits = logits.masked_fill(torch.eye(2 * n, dtype=torch.bool), -torch.inf)
    if not decoupled:
        return F.cross_entropy(logits, positive)
    # raminnakhli/Decoupled-Contrastive-Learning: the positive leaves the denominator.
    own = logits.gather(1, positive[:, None])
    rest = logits.scatter(1, positive[:, None], -torch.inf)
    return (torch.logsumexp(rest, dim=1) - own[:, 0]).mean()


# joshr17/HCL main.py, criterion 'hard'.
def hcl(a, b, temperature, prior, beta):
    z = F.normalize(torch.cat([a, b]), dim=1)
    n = a.shape[0]
    exponentials = torch.exp(z @ z.T / temperature)
    others = ~torch.eye(n, dtype=torch.bool).repeat(2, 2)
    negative = exponentials[others].reshape(2 * n, 2 * n - 2)
    positive = torch.exp((z * z.roll(n, 0)).sum(1) / temperature)
    weight = (beta * negative.log()).exp()
    weighted = (weight * negative).sum(1) / weight.mean(1)
    count = 2 * n - 2
    Ng = (-prior * count * positive + weighted) / (1 - prior)
    Ng = torch.clamp(Ng, min=count * torch.e ** (-1 / temperature))
    return (-torch.log(positive / (positive + Ng))).mean()


# openai/CLIP and facebookresearch/moco: cross-entropy of logits against the own key.
def info_nce(query, key, negatives=None, *, temperature, symmetric=False, smoothing=0.0):
    q, k = F.normalize(query, dim=1), F.normalize(key, dim=1)
    own = torch.arange(len(q))
    if negatives is not None:
        positive = (q * k).sum(1, keepdim=True)
        logits = torch.cat([positive, q @ F.normalize(negatives, dim=1).T], dim=1) / temperature
        return F.cross_entropy(logits, torch.zeros_like(own), label_smoothing=smoothing)
    logits = q @ k.T / temperature
    loss = F.cross_entropy(logits, own, label_smoothing=smoothing)
    if symmetric:
        loss = (loss + F.cross_entropy(logits.T, own, label_smoothing=smoothing)) / 2
    return loss


# google-deepmind/deepmind-research byol/utils/helpers.py, regression_loss.
def byol(p, z):
    return (F.normalize(p, dim=1) - F.normalize(z, dim=1)).square().sum(1).mean()


# facebookresearch/simsiam main_simsiam.py.
def simsiam(p, z):
    return -F.cosine_similarity(p, z, dim=1).mean()


def two_directions(one, weight):
    return lambda p_a, p_b, z_a, z_b: weight * (one(p_a, z_b.detach()) + one(p_b, z_a.detach()))


# facebookresearch/vicreg main_vicreg.py, its three terms; the published conventions differ in what
# these are divided by.
def vicreg(a, b, per_entry=True, variance=0.5, covariance=1.0):
    n, d = a.shape
    invariance = (a - b).square().sum() / (n * d if per_entry else n)

    def hinge(z):
        return F.relu(1 - torch.sqrt(z.var(dim=0) + 1e-4)).mean()

    def off_diagonal(z):
        z = z - z.mean(dim=0)
        cov = z.T @ z / (n - 1)
        return (cov - torch.diag(torch.diag(cov))).square().sum() / d

    return (25 * invariance + 25 * variance * (hinge(a) + hinge(b)) +
            covariance * (off_diagonal(a) + off_diagonal(b)))


# facebookresearch/barlowtwins main.py, on one machine.
def barlow(a, b, weight, scale=1.0, epsilon=1e-5):
    def standard(z):
        return (z - z.mean(dim=0)) / torch.sqrt(z.var(dim=0, unbiased=False) + epsilon)

    c = standard(a).T @ standard(b) / len(a)
    on_diagonal = (torch.diag(c) - 1).square().sum()
    off_diagonal = (c - torch.diag(torch.diag(c))).square().sum()
    return scale * (on_diagonal + weight * off_diagonal)


# HobbitLong/SupContrast losses.py without its temperature ratio; `inside` is the paper's other form.
def sup_con(z, temperature, labels, inside=False):
    z = F.normalize(z, dim=1)
    label = torch.tensor(labels(len(z)))
    itself = torch.eye(len(z), dtype=torch.bool)
    positive = (label[:, None] == label[None, :]) & ~itself
    logits = (z @ z.T / temperature).masked_fill(itself, -torch.inf)
    log_share = (logits - torch.logsumexp(logits, dim=1, keepdim=True)).masked_fill(itself, 0)
    anchors = positive.any(1)
    log_share, positive = log_share[anchors], positive[anchors]
    count = positive.sum(1).double()
    if inside:
        of_positives = torch.logsumexp(log_share.masked_fill(~positive, -torch.inf), dim=1)
        return (count.log() - of_positives).mean()
    return -((log_share * positive).sum(1) / count).mean()


def pairs(rows):
    return [row // 2 for row in range(rows)]


def classes(rows):
    return [row % max(2, rows // 4) for row in range(rows)]


# google-research/big_vision trainers/proj/image_text/siglip.py.
def siglip(image, text, scale=10.0, bias=-10.0):
    logits = scale * F.normalize(image, dim=1) @ F.normalize(text, dim=1).T + bias
    own = 2 * torch.eye(len(image), dtype=torch.float64) - 1
    return -F.logsigmoid(own * logits).sum() / len(image)


# ssnl/align_uniform align_uniform/__init__.py.
def alignment(a, b, power=2.0):
    return (F.normalize(a, dim=1) - F.normalize(b, dim=1)).norm(dim=1).pow(power).mean()


def uniformity(z, scale=2.0):
    return torch.pdist(F.normalize(z, dim=1)).square().mul(-scale).exp().mean().log()


# rbalestr-lab/lejepa MINIMAL.md, SIGReg and the loss of two views, along given directions.
def sigreg(z, directions):
    t = torch.linspace(0, 3, 17, dtype=torch.float64)
    weights = torch.full((17,), 2 * 3 / 16, dtype=torch.float64)
    weights[[0, -1]] = 3 / 16
    window = torch.exp(-t.square() / 2)
    x_t = (z @ directions).unsqueeze(-1) * t
    error = (x_t.cos().mean(0) - window).square() + x_t.sin().mean(0).square()
    return ((error @ (weights * window)) * len(z)).mean()


def lejepa(a, b, directions, weight):
    views = torch.stack([a, b])
    invariance = (views.mean(0) - views).square().mean()
    return weight * (sigreg(a, directions) + sigreg(b, directions)) / 2 + (1 - weight) * invariance


def stopped(one):
    return lambda p, z: one(p, z.detach())


class Case:
    """A loss with its options: `loss` takes `count` views, then negatives or the directions of
    slices, then the temperature."""

    def __init__(self, name, loss, count=2, temperature=None, negatives=False, slices=False,
                 min_rows=1):
        self.name, self.loss, self.count, self.slices = name, loss, count, slices
        self.temperature, self.negatives, self.min_rows = temperature, negatives, min_rows

    def lines(self, rows, cols):
        views = [v.requires_grad_() for v in
                 inputs(rows, cols, self.count, self.negatives, self.slices)]
        named = {}
        if self.temperature is not None:
            named["temperature"] = torch.tensor(self.temperature, dtype=torch.float64,
                                                requires_grad=True)
        value = self.loss(*views, **named)
        value.backward()
        yield f"{rows} {cols} {len(views)} {self.name}"
        yield f"{value.item():.14g}"
        slope = named["temperature"].grad.item() if named else 0.0
        yield f"{slope:.14g}"
        for view in views[: self.count]:
            gradient = torch.zeros_like(view) if view.grad is None else view.grad
            yield " ".join(f"{entry:.14g}" for entry in gradient.flatten().tolist())


def with_options(function, **options):
    return lambda *views, **named: function(*views, **options, **named)


CASES = [
    Case("NtXent default", nt_xent, temperature=0.1),
    Case("NtXent 0.5", nt_xent, temperature=0.5),
    Case("NtXent simclr_official", lambda a, b, temperature: 2 * nt_xent(a, b, temperature),
         temperature=0.1),
    Case("NtXent dcl", with_options(nt_xent, decoupled=True), temperature=0.1),
    Case("NtXent hcl", with_options(hcl, prior=0.1, beta=1.0), temperature=0.5),
    Case("InfoNce default", info_nce, temperature=0.1),
    Case("InfoNce symmetric", with_options(info_nce, symmetric=True), temperature=0.1),
    Case("InfoNce clip", with_options(info_nce, symmetric=True), temperature=0.07),
    Case("InfoNce label smoothing", with_options(info_nce, smoothing=0.1), temperature=0.1),
    Case("InfoNce moco", info_nce, temperature=0.07, negatives=True),
    Case("Byol target stopped, one direction", stopped(byol)),
    Case("Byol none stopped, one direction", byol),
    Case("Byol target stopped, two directions", two_directions(byol, 1), count=4),
    Case("SimSiam target stopped, one direction", stopped(simsiam)),
    Case("SimSiam none stopped, one direction", simsiam),
    Case("SimSiam target stopped, two directions", two_directions(simsiam, 0.5), count=4),
    Case("VicReg official", vicreg),
    Case("VicReg paper", with_options(vicreg, per_entry=False, variance=1.0)),
    Case("VicReg solo_learn", with_options(vicreg, variance=1.0)),
    Case("VicReg vicregl", with_options(vicreg, covariance=0.5)),
    Case("BarlowTwins official", with_options(barlow, weight=0.0051)),
    Case("BarlowTwins paper", with_options(barlow, weight=0.005, epsilon=0.0), min_rows=3),
    Case("BarlowTwins solo_learn", with_options(barlow, weight=0.005, scale=0.025)),
    Case("SupCon pairs", with_options(sup_con, labels=pairs), count=1, temperature=0.1),
    Case("SupCon pairs, inside", with_options(sup_con, labels=pairs, inside=True), count=1,
         temperature=0.1),
    Case("SupCon classes", with_options(sup_con, labels=classes), count=1, temperature=0.1,
         min_rows=3),
    Case("SupCon classes, inside", with_options(sup_con, labels=classes, inside=True), count=1,
         temperature=0.1, min_rows=3),
    Case("SigLip default", siglip),
    Case("SigLip 30, -12", with_options(siglip, scale=30.0, bias=-12.0)),
    Case("Alignment default", alignment),
    Case("Alignment distance", with_options(alignment, power=1.0)),
    Case("Uniformity default", uniformity, count=1),
    Case("Uniformity 0.3", with_options(uniformity, scale=0.3), count=1),
    Case("SigReg", sigreg, count=1, slices=True),
    Case("LeJepa", with_options(lejepa, weight=0.05), slices=True),
    Case("LeJepa lejepa_minimal", with_options(lejepa, weight=0.02), slices=True),
]


def text():
    lines = [
        "# Written by scripts/generate_golden.py: PyTorch's autograd, double precision. Each case:",
        "# rows, columns, arguments and name; value; derivative by the temperature, 0 without one;",
        "# the gradient of each argument, row by row, 0 where it is stopped.",
    ]
    for case in CASES:
        for rows, cols in SHAPES:
            if rows >= case.min_rows:
                lines += case.lines(rows, cols)
    return "\n".join(lines) + "\n"


def same(found, kept):
    """True when two files differ by the rounding of another version or machine only."""
    found, kept = found.splitlines(), kept.splitlines()
    if len(found) != len(kept):
        return False
    for x, y in zip(found, kept):
        if x == y:
            continue
        try:
            numbers = [tuple(map(float, pair)) for pair in zip(x.split(), y.split(), strict=True)]
        except ValueError:
            return False
        if any(abs(a - b) > 1e-10 * max(1, abs(b)) for a, b in numbers):
            return False
    return True


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    found = text()
    if not options.check:
        FILE.write_text(found)
    elif not same(found, FILE.read_text()):
        sys.exit(f"generate_golden: {FILE} is not what PyTorch {torch.__version__} gives")
    print(f"generate_golden: {len(CASES)} cases of {len(SHAPES)} shapes, "
          f"PyTorch {torch.__version__}")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Serves the same losses in PyTorch to compare.py, in the language of worker.cpp.

usage: torch_worker.py THREADS

Each case lists its formulations: first "released", as the authors' code has it, then others, of
which compare.py takes the fastest. Every formulation returns the loss; its gradients come from
autograd, or from a formula in an autograd function where one is faster.
"""

import math
import platform
import sys
import time
import warnings

import torch
import torch.nn.functional as F
from torch import nn

# torch.compile warns of its own code.
warnings.filterwarnings("ignore", category=FutureWarning, module="torch")

BANK_ROWS = 65536
NT_XENT_TEMPERATURE = 0.1
CLIP_TEMPERATURE = 0.07
BANK_TEMPERATURE = 0.07
MODEL_TEMPERATURE = 0.2
BARLOW_OFF_DIAGONAL = 0.0051


# --- Inputs: inputs.hpp to the last bit


def mixed(x):
    """lowbias32 of int64 entries in [0, 2**32)."""
    mask = 0xFFFFFFFF
    x = ((x ^ (x >> 16)) * 0x7FEB352D) & mask
    x = ((x ^ (x >> 15)) * 0x846CA68B) & mask
    return x ^ (x >> 16)


def uniform(stream, rows, cols):
    entries = torch.empty(rows, cols)
    salt = mixed(torch.tensor(stream))
    # Row by row in small pieces: what is left in the allocator would hide from `memory`.
    flat, piece = entries.view(-1), 1 << 14
    for first in range(0, len(flat), piece):
        index = torch.arange(first, min(first + piece, len(flat)))
        flat[first : first + piece] = (mixed(index ^ salt) >> 8).float() * 2.0**-23 - 1
    return entries


def view(k, rows, cols):
    return uniform(0, rows, cols).add_(uniform(1 + k, rows, cols))


def bank(cols):
    return F.normalize(uniform(100, BANK_ROWS, cols))


def weights(k, rows, cols):
    return uniform(200 + k, rows, cols) / torch.tensor(float(cols)).sqrt()


# --- NT-Xent


def nt_xent_released(z_a, z_b, temperature=NT_XENT_TEMPERATURE):
    z = F.normalize(torch.cat([z_a, z_b]))
    logits = z @ z.T / temperature
    count = len(z)
    logits = logits.masked_fill(torch.eye(count, dtype=torch.bool), float("-inf"))
    return F.cross_entropy(logits, torch.arange(count).roll(count // 2))


class UnitNtXent(torch.autograd.Function):
    """NT-Xent of unit rows; the shift 1/τ serves every row, so that weights stay symmetric."""

    @staticmethod
    def forward(context, z, temperature):
        scaled = z / temperature
        weights = torch.mm(scaled, z.T).sub_(1 / temperature).exp_().fill_diagonal_(0)
        sums = weights.sum(1, keepdim=True)
        partner = z.roll(len(z) // 2, 0)
        # A similarity stands in the rows of both its anchors.
        weights.mul_(1 / sums + 1 / sums.T)
        gradient = torch.addmm(partner, weights, z, beta=-2)
        context.save_for_backward(gradient.mul_(1 / (len(z) * temperature)))
        return sums.log().mean() + (1 - (z * partner).sum(1).mean()) / temperature

    @staticmethod
    def backward(context, d_loss):
        return context.saved_tensors[0] * d_loss, None


def nt_xent_by_hand(z_a, z_b, temperature=NT_XENT_TEMPERATURE):
    return UnitNtXent.apply(F.normalize(torch.cat([z_a, z_b])), temperature)


# --- InfoNCE, both ways in the batch, and with a bank


def clip_released(query, key):
    logits = F.normalize(query) @ F.normalize(key).T / CLIP_TEMPERATURE
    labels = torch.arange(len(query))
    return (F.cross_entropy(logits, labels) + F.cross_entropy(logits.T, labels)) / 2


class UnitClip(torch.autograd.Function):
    @staticmethod
    def forward(context, query, key):
        weights = torch.mm(query / CLIP_TEMPERATURE, key.T).sub_(1 / CLIP_TEMPERATURE)
        positive = weights.diagonal().mean()
        weights.exp_()
        key_sums, query_sums = weights.sum(1, keepdim=True), weights.sum(0, keepdim=True)
        weights.mul_(1 / key_sums + 1 / query_sums)
        weights.diagonal().sub_(2)
        scale = 1 / (2 * len(query) * CLIP_TEMPERATURE)
        context.save_for_backward((weights @ key).mul_(scale), (weights.T @ query).mul_(scale))
        return (key_sums.log().mean() + query_sums.log().mean()) / 2 - positive

    @staticmethod
    def backward(context, d_loss):
        return tuple(gradient * d_loss for gradient in context.saved_tensors)


def clip_by_hand(query, key):
    return UnitClip.apply(F.normalize(query), F.normalize(key))


def bank_released(query, key, negatives):
    query, key = F.normalize(query), F.normalize(key)
    own = torch.einsum("nc,nc->n", query, key).unsqueeze(-1)
    others = torch.einsum("nc,kc->nk", query, negatives)
    logits = torch.cat([own, others], 1) / BANK_TEMPERATURE
    return F.cross_entropy(logits, torch.zeros(len(query), dtype=torch.long))


class UnitBank(torch.autograd.Function):
    @staticmethod
    def forward(context, query, key, negatives):
        scaled, shift = query / BANK_TEMPERATURE, 1 / BANK_TEMPERATURE
        own = (scaled * key).sum(1, keepdim=True).sub_(shift)
        weights = torch.mm(scaled, negatives.T).sub_(shift).exp_()
        sums = own.exp() + weights.sum(1, keepdim=True)
        gradient = (weights @ negatives).div_(sums).addcmul_(own.exp() / sums - 1, key)
        context.save_for_backward(gradient.mul_(1 / (len(query) * BANK_TEMPERATURE)))
        return (sums.log() - own).mean()

    @staticmethod
    def backward(context, d_loss):
        return context.saved_tensors[0] * d_loss, None, None


def bank_by_hand(query, key, negatives):
    return UnitBank.apply(F.normalize(query), F.normalize(key), negatives)


# --- BYOL and SimSiam: p_a with z_b, p_b with z_a


def byol_released(p_a, p_b, z_a, z_b):
    def distance(p, z):
        return (F.normalize(p) - F.normalize(z)).square().sum(1)

    return (distance(p_a, z_b) + distance(p_b, z_a)).mean()


class Cosines(torch.autograd.Function):
    """The mean cosine of the rows of p and the constants z."""

    @staticmethod
    def forward(context, p, z):
        p_scale = 1 / torch.linalg.vector_norm(p, dim=1, keepdim=True)
        z_scale = 1 / torch.linalg.vector_norm(z, dim=1, keepdim=True)
        cosines = torch.einsum("nc,nc->n", p, z).unsqueeze(1) * p_scale * z_scale
        scale = p_scale / len(p)
        gradient = (z * (z_scale * scale)).addcmul_(p, p_scale * cosines * scale, value=-1)
        context.save_for_backward(gradient)
        return cosines.mean()

    @staticmethod
    def backward(context, d_loss):
        return context.saved_tensors[0] * d_loss, None


def byol_by_hand(p_a, p_b, z_a, z_b):
    return 4 - 2 * (Cosines.apply(p_a, z_b) + Cosines.apply(p_b, z_a))


def simsiam_released(p_a, p_b, z_a, z_b):
    criterion = nn.CosineSimilarity(dim=1)
    return -(criterion(p_a, z_b).mean() + criterion(p_b, z_a).mean()) * 0.5


def simsiam_by_hand(p_a, p_b, z_a, z_b):
    return -(Cosines.apply(p_a, z_b) + Cosines.apply(p_b, z_a)) / 2


# --- VICReg and Barlow Twins


def off_diagonal(x):
    return x.flatten()[:-1].view(len(x) - 1, len(x) + 1)[:, 1:].flatten()


def vicreg_released(x, y):
    N, D = x.shape
    invariance = F.mse_loss(x, y)
    x = x - x.mean(dim=0)
    y = y - y.mean(dim=0)
    std_x = torch.sqrt(x.var(dim=0) + 0.0001)
    std_y = torch.sqrt(y.var(dim=0) + 0.0001)
    variance = torch.mean(F.relu(1 - std_x)) / 2 + torch.mean(F.relu(1 - std_y)) / 2
    cov_x = (x.T @ x) / (N - 1)
    cov_y = (y.T @ y) / (N - 1)
    covariance = off_diagonal(cov_x).pow_(2).sum().div(D) + off_diagonal(cov_y).pow_(2).sum().div(D)
    return 25 * invariance + 25 * variance + covariance


def vicreg_with(off_diagonal_squares):
    """VICReg with another sum over the squares off the diagonal of zᵀz."""

    def loss(x, y):
        rest = 25 * F.mse_loss(x, y)
        for z in (x, y):
            N, D = z.shape
            z = z - z.mean(0)
            squares = z.square().sum(0)
            hinge = F.relu(1 - (squares / (N - 1) + 0.0001).sqrt()).mean()
            covariance = off_diagonal_squares(z, squares) / (D * (N - 1) ** 2)
            rest = rest + 12.5 * hinge + covariance
        return rest

    return loss


class SquaresOfProduct(torch.autograd.Function):
    """‖zzᵀ‖², which is ‖zᵀz‖²: from a transposed z it is computed over features."""

    @staticmethod
    def forward(context, z):
        product = z @ z.T
        context.save_for_backward(z, product)
        return product.square().sum()

    @staticmethod
    def backward(context, d_loss):
        z, product = context.saved_tensors
        return (product @ z).mul_(4 * d_loss)


def squares_by_feature(z, squares):
    return SquaresOfProduct.apply(z.T) - squares.square().sum()


def squares_by_sample(z, squares):
    return SquaresOfProduct.apply(z) - squares.square().sum()


vicreg_feature = vicreg_with(squares_by_feature)
vicreg_sample = vicreg_with(squares_by_sample)


def standardised(z):
    return F.batch_norm(z, None, None, training=True)


def barlow_released(z_a, z_b):
    c = standardised(z_a).T @ standardised(z_b)
    c.div_(len(z_a))
    on_diagonal = torch.diagonal(c).add_(-1).pow_(2).sum()
    return on_diagonal + BARLOW_OFF_DIAGONAL * off_diagonal(c).pow_(2).sum()


def barlow_with(squares_of_correlation):
    """Barlow Twins with another sum over all squares of the cross-correlation."""

    def loss(z_a, z_b):
        a, b = (standardised_by_hand(z) for z in (z_a, z_b))
        diagonal = (a * b).mean(0)
        off_diagonal_squares = squares_of_correlation(a, b) - diagonal.square().sum()
        return (diagonal - 1).square().sum() + BARLOW_OFF_DIAGONAL * off_diagonal_squares

    return loss


def standardised_by_hand(z):
    centred = z - z.mean(0)
    return centred * torch.rsqrt(centred.square().mean(0) + 1e-5)


class SquaresOfCorrelation(torch.autograd.Function):
    """‖AᵀB‖²/N²"""

    @staticmethod
    def forward(context, a, b):
        correlation = a.T @ (b / len(a))
        context.save_for_backward(a, b, correlation)
        return correlation.square().sum()

    @staticmethod
    def backward(context, d_loss):
        a, b, correlation = context.saved_tensors
        scale = 2 * d_loss / len(a)
        return (b @ correlation.T).mul_(scale), (a @ correlation).mul_(scale)


def correlation_by_sample(a, b):
    return ((a @ a.T) * (b @ b.T)).sum() / len(a) ** 2  # ‖AᵀB‖² = ⟨AAᵀ, BBᵀ⟩


barlow_feature = barlow_with(SquaresOfCorrelation.apply)
barlow_sample = barlow_with(correlation_by_sample)


# --- Steps


class LossStep:
    """A loss on `views` embeddings, of which the first `gradients` get a gradient."""

    def __init__(self, loss, N, D, views, gradients, constants=()):
        self.loss = loss
        self.inputs = [view(k, N, D) for k in range(views)]
        self.leaves = self.inputs[:gradients]
        for leaf in self.leaves:
            leaf.requires_grad_()
        self.inputs += constants

    def differentiate(self):
        for leaf in self.leaves:
            leaf.grad = None
        loss = self.loss(*self.inputs)
        loss.backward()
        return loss

    def update(self):
        pass


class TrainingStep:
    """The trainer's model and optimiser (examples/trainer/methods.cpp, ntxent)."""

    def __init__(self, loss, N, D, fused):
        widths, with_norm = [D, 512, 256, 256, 128], [True, True, True, False]
        layers = []
        for k, norm in enumerate(with_norm):
            linear = nn.Linear(widths[k], widths[k + 1])
            with torch.no_grad():
                linear.weight.copy_(weights(k, widths[k + 1], widths[k]))
                linear.bias.zero_()
            layers.append(linear)
            if norm:
                layers += [nn.BatchNorm1d(widths[k + 1]), nn.ReLU()]
        self.model = nn.Sequential(*layers)
        self.leaves = list(self.model.parameters())
        matrices = [leaf for leaf in self.leaves if leaf.dim() == 2]
        others = [leaf for leaf in self.leaves if leaf.dim() == 1]
        groups = [{"params": matrices, "weight_decay": 1e-4}, {"params": others}]
        how = {"fused": True} if fused else {"foreach": True}
        self.optimizer = torch.optim.SGD(groups, lr=0.1, momentum=0.9, **how)
        self.loss = loss
        self.views = [view(k, N, D) for k in range(2)]

    def differentiate(self):
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.loss(*(self.model(x) for x in self.views), MODEL_TEMPERATURE)
        loss.backward()
        return loss

    def update(self):
        self.optimizer.step()


def on_two_views(loss):
    return lambda N, D: LossStep(loss, N, D, 2, 2)


def on_predictions(loss):
    return lambda N, D: LossStep(loss, N, D, 4, 2)


def on_bank(loss):
    return lambda N, D: LossStep(loss, N, D, 2, 1, [bank(D)])


def three(kind, released, by_hand):
    """As released, by hand, and that compiled."""
    return {
        "released": kind(released),
        "by_hand": kind(by_hand),
        "compiled": kind(torch.compile(by_hand, dynamic=False)),
    }


def by_route(released, **routes):
    """As released, and each other route, eager and compiled."""
    formulations = {"released": on_two_views(released)}
    for name, loss in routes.items():
        formulations[name] = on_two_views(loss)
        formulations["compiled_" + name] = on_two_views(torch.compile(loss, dynamic=False))
    return formulations


VICREG = by_route(vicreg_released, feature=vicreg_feature, sample=vicreg_sample)

CASES = {
    "nt_xent": three(on_two_views, nt_xent_released, nt_xent_by_hand),
    "info_nce_clip": three(on_two_views, clip_released, clip_by_hand),
    "info_nce_bank": three(on_bank, bank_released, bank_by_hand),
    "byol": three(on_predictions, byol_released, byol_by_hand),
    "simsiam": three(on_predictions, simsiam_released, simsiam_by_hand),
    "vicreg": VICREG,
    "vicreg_feature": {name: VICREG[name] for name in VICREG if "sample" not in name},
    "vicreg_sample": {name: VICREG[name] for name in VICREG if "sample" in name},
    "barlow_twins": by_route(barlow_released, feature=barlow_feature, sample=barlow_sample),
    "training_step": {
        "released": lambda N, D: TrainingStep(nt_xent_released, N, D, fused=False),
        "by_hand": lambda N, D: TrainingStep(nt_xent_by_hand, N, D, fused=True),
    },
}


# --- The language of worker.cpp


def peak_memory():
    with open("/proc/self/status", encoding="ascii") as status:
        for line in status:
            if line.startswith("VmHWM:"):
                return 1024 * int(line.split()[1])
    raise OSError("/proc/self/status shows no VmHWM")


def gradient_norm(step):
    return math.sqrt(sum(leaf.grad.double().square().sum().item() for leaf in step.leaves))


class Worker:
    def __init__(self):
        self.kept_case = None
        self.steps = {}

    def answer(self, line):
        verb, *words = line.split()
        if verb == "about":
            return f"PyTorch {torch.__version__}, Python {platform.python_version()}"
        if verb == "variants":
            return " ".join(CASES[words[0]])
        variant, case, N, D = words[0], words[1], int(words[2]), int(words[3])
        if verb == "check":
            step = CASES[case][variant](N, D)
            loss = step.differentiate().item()
            return f"{loss:.9g} {gradient_norm(step):.9g}"
        if verb == "run":
            return self.seconds_a_step(self.kept(variant, case, N, D), int(words[4]))
        if verb == "memory":
            CASES[case][variant](8, D).differentiate()  # the libraries' own memory
            step = CASES[case][variant](N, D)
            with open("/proc/self/clear_refs", "w", encoding="ascii") as file:
                file.write("5")  # the peak becomes what is resident now
            start = peak_memory()
            step.differentiate()
            return peak_memory() - start
        raise ValueError(f"unknown verb '{verb}'")

    def kept(self, variant, case, N, D):
        """The step of the last call, as long as case and shape stay the same."""
        if self.kept_case != (case, N, D):
            self.kept_case = (case, N, D)
            self.steps.clear()
            torch.compiler.reset()  # it stops compiling a function after a few shapes
        if variant not in self.steps:
            self.steps[variant] = CASES[case][variant](N, D)
        return self.steps[variant]

    @staticmethod
    def seconds_a_step(step, steps):
        start = time.perf_counter()
        for _ in range(steps):
            step.differentiate()
            step.update()
        return (time.perf_counter() - start) / steps


def main():
    torch.set_num_threads(int(sys.argv[1]))
    worker = Worker()
    for line in sys.stdin:
        try:
            print("ok", worker.answer(line), flush=True)
        except Exception as error:  # whatever it is, compare.py shows it
            sentence = str(error).strip() or "no message"
            print(f"error {type(error).__name__}: {sentence.splitlines()[0]}", flush=True)


if __name__ == "__main__":
    main()

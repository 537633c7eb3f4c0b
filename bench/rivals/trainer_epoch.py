#!/usr/bin/env python3
"""Trains the same network on the same images by selfsup-train and by PyTorch, in turn.

Prints images per second of both, augmentation included, evaluation excluded, and their ratio. Both
draw two views of every image (affine map, intensity, noise), run the same multilayer perceptron with
batch normalisation, NT-Xent and SGD with momentum, in float, on the same number of threads.
"""

import argparse
import csv
import gzip
import importlib.metadata
import pathlib
import statistics
import struct
import subprocess
import sys
import tempfile
import time

ENCODER = (512, 256)
PROJECTOR = (256, 128)
TEMPERATURE = 0.2
MOMENTUM = 0.9
WEIGHT_DECAY = 1e-4
LEARNING_RATE = 0.5


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("trainer", help="the program selfsup-train")
    parser.add_argument("data", type=pathlib.Path, help="a folder of MNIST's files, plain or .gz")
    parser.add_argument(
        "--threads", type=int, nargs="+", default=[1, 2], metavar="N", help="(default: 1 2)"
    )
    parser.add_argument("--batch", type=int, default=256, metavar="N", help="(default: 256)")
    parser.add_argument(
        "--rounds", type=int, default=3, metavar="N", help="turns of each program (default: 3)"
    )
    parser.add_argument(
        "--epochs",
        type=int,
        default=4,
        metavar="N",
        help="in a turn, of which the first is not counted (default: 4)",
    )
    parser.add_argument("--torch-seconds", type=int, metavar="THREADS", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.epochs < 2 or arguments.rounds < 1:
        parser.error("at least 2 epochs and 1 round are needed")
    return arguments


def training_images(folder):
    """The bytes and the shape (images, rows, columns) of what selfsup-train trains on: the training
    file, or four fifths of the only one that there is."""
    for part, share in (("train", 1.0), ("t10k", 0.8)):
        for ending, opener in (("", open), (".gz", gzip.open)):
            path = folder / f"{part}-images-idx3-ubyte{ending}"
            if path.exists():
                with opener(path, "rb") as file:
                    magic, count, rows, cols = struct.unpack(">4i", file.read(16))
                    if magic != 2051:
                        sys.exit(f"trainer_epoch: {path} is no file of images")
                    count = round(count * share)
                    return file.read(count * rows * cols), (count, rows, cols)
    sys.exit(f"trainer_epoch: {folder} holds no file of images")


def selfsup_seconds(arguments, threads):
    """Seconds of each epoch, by the trainer's own times.csv."""
    with tempfile.TemporaryDirectory() as folder:
        command = [arguments.trainer, "--data", arguments.data, "--downsample", 1]
        command += ["--batch", arguments.batch, "--epochs", arguments.epochs]
        command += ["--threads", threads, "--out", folder]
        subprocess.run([str(word) for word in command], check=True, stdout=subprocess.DEVNULL)
        with open(pathlib.Path(folder) / "times.csv", newline="") as file:
            rows = list(csv.DictReader(file))
    return [float(row["seconds"]) for row in rows if row["phase"] == "training"]


def torch_seconds(arguments, threads):
    """The same of PyTorch, in a process of its own."""
    command = [sys.executable, __file__, arguments.trainer, arguments.data]
    command += ["--batch", arguments.batch, "--epochs", arguments.epochs]
    command += ["--torch-seconds", threads]
    result = subprocess.run(
        [str(word) for word in command], check=True, stdout=subprocess.PIPE, text=True
    )
    return [float(word) for word in result.stdout.split()]


def train_with_torch(arguments):
    """Prints the seconds of each epoch."""
    import torch
    import torch.nn.functional as F
    from torch import nn

    torch.set_num_threads(arguments.torch_seconds)
    torch.manual_seed(1)
    pixels, shape = training_images(arguments.data)
    images = torch.frombuffer(bytearray(pixels), dtype=torch.uint8).view(shape).float() / 255

    def block(inputs, outputs):
        return [nn.Linear(inputs, outputs), nn.BatchNorm1d(outputs), nn.ReLU(inplace=True)]

    network = nn.Sequential(
        *block(shape[1] * shape[2], ENCODER[0]),
        *block(*ENCODER),
        *block(ENCODER[1], PROJECTOR[0]),
        nn.Linear(*PROJECTOR),
    )
    decaying = [p for p in network.parameters() if p.dim() == 2]
    others = [p for p in network.parameters() if p.dim() == 1]
    optimizer = torch.optim.SGD(
        [{"params": decaying, "weight_decay": WEIGHT_DECAY}, {"params": others}],
        lr=LEARNING_RATE,
        momentum=MOMENTUM,
        foreach=True,
    )
    steps_per_epoch = shape[0] // arguments.batch
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(
        optimizer, arguments.epochs * steps_per_epoch
    )

    def uniform(low, high):
        return torch.empty(arguments.batch).uniform_(low, high)

    def view(batch):
        angle = torch.deg2rad(uniform(-25, 25))
        scale = uniform(0.8, 1.2)
        cosine, sine = torch.cos(angle) / scale, torch.sin(angle) / scale
        x, y = -uniform(-0.3, 0.3), -uniform(-0.25, 0.25)
        theta = torch.stack(
            [cosine, sine, cosine * x + sine * y, -sine, cosine, cosine * y - sine * x], dim=1
        ).view(-1, 2, 3)
        grid = F.affine_grid(theta, (len(batch), 1, *shape[1:]), align_corners=False)
        moved = F.grid_sample(batch.unsqueeze(1), grid, align_corners=False).flatten(1)
        moved *= uniform(0.8, 1.2).unsqueeze(1)
        return moved.add_(torch.randn_like(moved), alpha=0.1)

    # Row i of one view belongs to row i of the other; a row is no candidate for itself.
    positives = torch.arange(2 * arguments.batch).roll(arguments.batch)
    diagonal = torch.eye(2 * arguments.batch, dtype=torch.bool)

    def nt_xent(z_a, z_b):
        z = F.normalize(torch.cat([z_a, z_b]))
        similarities = (z @ z.T / TEMPERATURE).masked_fill_(diagonal, float("-inf"))
        return F.cross_entropy(similarities, positives)

    for _ in range(arguments.epochs):
        start = time.perf_counter()
        order = torch.randperm(shape[0])
        for step in range(steps_per_epoch):
            batch = images[order[step * arguments.batch : (step + 1) * arguments.batch]]
            optimizer.zero_grad()
            loss = nt_xent(network(view(batch)), network(view(batch)))
            loss.backward()
            optimizer.step()
            schedule.step()
        print(time.perf_counter() - start, flush=True)


def main():
    arguments = parse_arguments()
    if arguments.torch_seconds:
        return train_with_torch(arguments)
    _, shape = training_images(arguments.data)
    images = shape[0] // arguments.batch * arguments.batch
    version = subprocess.run(
        [arguments.trainer, "--version"], check=True, stdout=subprocess.PIPE, text=True
    ).stdout.strip()
    print(f"selfsup {version}, PyTorch {importlib.metadata.version('torch')}")
    print("images a second: median over the epochs of all turns, the first of each apart")
    print(f"{'threads':>7} {'selfsup':>9} {'PyTorch':>9} {'ratio':>6}")
    for threads in arguments.threads:
        ours, theirs = [], []
        for _ in range(arguments.rounds):
            ours += selfsup_seconds(arguments, threads)[1:]
            theirs += torch_seconds(arguments, threads)[1:]
        speeds = [images / statistics.median(seconds) for seconds in (ours, theirs)]
        ratio = speeds[0] / speeds[1]
        print(f"{threads:>7} {speeds[0]:>9.0f} {speeds[1]:>9.0f} {ratio:>6.2f}", flush=True)


if __name__ == "__main__":
    main()

"""Train the small classifiers whose weights the package ships, and write them with their accuracy.

OMP_NUM_THREADS=1 python bench/classifiers.py digits
OMP_NUM_THREADS=1 python bench/classifiers.py mnist ../shared/data/mnist
OMP_NUM_THREADS=1 python bench/classifiers.py cifar10 ../shared/data/cifar10
"""

from __future__ import annotations

import argparse
import io
import json
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from pushforward.core.spaces import Pixels
from pushforward.metrics.small_classifier import WEIGHTS, SmallClassifier

Labelled = tuple[Tensor, Tensor]


def load_digits() -> tuple[Pixels, Labelled, Labelled]:
    """The first 1,200 of a seeded permutation to train, the last 297 to test."""
    from sklearn.datasets import load_digits as load

    data = load()
    order = torch.randperm(len(data.target), generator=torch.Generator().manual_seed(0))
    x = torch.from_numpy(data.images).to(torch.uint8)[order].unsqueeze(1)
    y = torch.from_numpy(data.target).long()[order]
    return Pixels(1, 8, 8, levels=17), (x[:1200], y[:1200]), (x[1500:], y[1500:])


def load_parquet(folder: Path, part: str) -> Labelled:
    import pyarrow.parquet as pq
    from PIL import Image

    table = pq.read_table(folder / f"{part}-00000-of-00001.parquet")
    column = "img" if "img" in table.column_names else "image"
    files = (row["bytes"] for row in table[column].to_pylist())
    x = np.stack([np.asarray(Image.open(io.BytesIO(file))) for file in files])
    x = x[:, None] if x.ndim == 3 else x.transpose(0, 3, 1, 2)
    return torch.from_numpy(x.copy()), torch.tensor(table["label"].to_pylist())


def load_images(folder: Path) -> tuple[Pixels, Labelled, Labelled]:
    train, test = load_parquet(folder, "train"), load_parquet(folder, "test")
    return Pixels(*train[0].shape[1:]), train, test


def shifted(x: Tensor, pixels: int, flip: bool) -> Tensor:
    """The batch moved by up to `pixels` either way, and mirrored half of the time."""
    dy, dx = torch.randint(-pixels, pixels + 1, (2,)).tolist()
    x = x.flip(-1) if flip and torch.rand(()) < 0.5 else x
    return torch.roll(F.pad(x, [pixels] * 4, value=-1.0), (dy, dx), (-2, -1))[
        ..., pixels : pixels + x.shape[-2], pixels : pixels + x.shape[-1]
    ]


@torch.no_grad()
def accuracy(network: SmallClassifier, space: Pixels, test: Labelled) -> float:
    network.eval()
    hits = [
        (network.head(network(space.to_signed(x))).argmax(1) == y).sum()
        for x, y in zip(test[0].split(500), test[1].split(500))
    ]
    return (sum(hits) / len(test[1])).item()


def train_classifier(
    space: Pixels, train: Labelled, steps: int, batch: int, pixels: int, flip: bool, seed: int = 0
) -> SmallClassifier:
    """Adam with a one-cycle learning rate on cross-entropy with label smoothing."""
    torch.manual_seed(seed)
    torch.set_flush_denormal(True)
    network = SmallClassifier(*space.shape, classes=10)
    optimizer = torch.optim.Adam(network.parameters(), lr=3e-3, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps)
    x, y = train
    for step in range(steps):
        index = torch.randint(len(x), (batch,))
        logits = network.head(network(shifted(space.to_signed(x[index]), pixels, flip)))
        loss = F.cross_entropy(logits, y[index], label_smoothing=0.05)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % 200 == 0:
            print(step, round(loss.item(), 3), flush=True)
    return network


def write(name: str, space: Pixels, network: SmallClassifier, reached: float, about: dict) -> None:
    from safetensors.torch import save_file

    header = {
        "name": f"small classifier of {name}",
        "space": asdict(space),
        "classes": 10,
        "test_accuracy": round(reached, 4),
        **about,
    }
    save_file(
        dict(network.state_dict()), WEIGHTS / f"{name}.safetensors", {"about": json.dumps(header)}
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=["digits", "mnist", "cifar10"])
    parser.add_argument("folder", type=Path, nargs="?", help="where the parquet files are")
    args = parser.parse_args()
    space, train, test = load_digits() if args.name == "digits" else load_images(args.folder)
    recipe = {
        "digits": {"steps": 1500, "batch": 64, "pixels": 1, "flip": False},
        "mnist": {"steps": 2000, "batch": 128, "pixels": 2, "flip": False},
        "cifar10": {"steps": 2400, "batch": 128, "pixels": 3, "flip": True},
    }[args.name]
    start = time.perf_counter()
    network = train_classifier(space, train, **recipe)  # type: ignore[arg-type]
    seconds = round(time.perf_counter() - start)
    reached = accuracy(network, space, test)
    data = "CIFAR-10 (JPEG)" if args.name == "cifar10" else args.name
    about = {"data": data, "test_examples": len(test[1]), "seed": 0, "seconds": seconds, **recipe}
    write(args.name, space, network, reached, {**about, "command": "bench/classifiers.py"})
    print(f"{args.name}: test accuracy {reached:.4f} in {seconds} s")


if __name__ == "__main__":
    main()

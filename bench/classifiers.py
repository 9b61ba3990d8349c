"""Train the small classifiers whose weights the package ships, and write them with their accuracy.

OMP_NUM_THREADS=1 python bench/classifiers.py digits
OMP_NUM_THREADS=1 python bench/classifiers.py mnist
OMP_NUM_THREADS=1 python bench/classifiers.py cifar10
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import asdict

import torch
import torch.nn.functional as F
from torch import Tensor

from pushforward.core.dataset import Dataset
from pushforward.core.spaces import Pixels
from pushforward.data import cifar10, digits, mnist
from pushforward.metrics.small_classifiers import WEIGHTS, SmallClassifier

DATA: dict[str, Callable[[], Dataset]] = {
    "digits": lambda: digits(labels=True),
    "mnist": lambda: mnist(labels=True),
    "cifar10": lambda: cifar10(labels=True),
}
RECIPES = {
    "digits": {"steps": 1500, "batch": 64, "pixels": 1, "flip": False},
    "mnist": {"steps": 2000, "batch": 128, "pixels": 2, "flip": False},
    "cifar10": {"steps": 2400, "batch": 128, "pixels": 3, "flip": True},
}


def training_set(name: str, data: Dataset) -> tuple[Tensor, ...]:
    """The 1,200 training digits; all of the official training sets of MNIST and CIFAR-10."""
    if name == "digits":
        return data.train.tensors
    parts = zip(data.train.tensors, data.validation.tensors)
    return tuple(torch.cat(part) for part in parts)


def shifted(x: Tensor, pixels: int, flip: bool) -> Tensor:
    """The batch moved by up to `pixels` either way, and mirrored half of the time."""
    dy, dx = (2 * pixels - torch.randint(0, 2 * pixels + 1, (2,))).tolist()
    x = x.flip(-1) if flip and torch.rand(()) < 0.5 else x
    wide = F.pad(x, [pixels] * 4, value=-1.0)
    return wide[..., dy : dy + x.shape[-2], dx : dx + x.shape[-1]]


@torch.no_grad()
def accuracy(network: SmallClassifier, data: Dataset) -> float:
    network.eval()
    hits = torch.zeros(())
    for x, y in data.test.batches(500):
        hits += (network.head(network(data.space.to_signed(x))).argmax(1) == y).sum()  # type: ignore[union-attr]
    return (hits / len(data.test)).item()


def train_classifier(
    space: Pixels, x: Tensor, y: Tensor, steps: int, batch: int, pixels: int, flip: bool
) -> SmallClassifier:
    """Adam with a one-cycle learning rate on cross-entropy with label smoothing, from seed 0."""
    torch.manual_seed(0)
    torch.set_flush_denormal(True)
    network = SmallClassifier(space.channels, space.height, space.width, classes=10)
    optimizer = torch.optim.Adam(network.parameters(), lr=3e-3, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps)
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


def write(name: str, space: Pixels, network: SmallClassifier, about: dict) -> None:
    from safetensors.torch import save_file

    header = {
        "name": f"small classifier of {name}",
        "space": asdict(space),
        "classes": 10,
        "command": f"python bench/classifiers.py {name}",
        **about,
    }
    path = WEIGHTS / f"{name}.safetensors"
    save_file(dict(network.state_dict()), path, {"about": json.dumps(header)})
    path.chmod(0o644)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=list(DATA))
    name = parser.parse_args().name
    data, recipe = DATA[name](), RECIPES[name]
    x, y = training_set(name, data)
    start = time.perf_counter()
    network = train_classifier(data.space, x, y, **recipe)  # type: ignore[arg-type]
    about = {
        "data": data.name,
        "train_examples": len(x),
        "test_accuracy": round(accuracy(network, data), 4),
        "test_examples": len(data.test),
        "seed": 0,
        "seconds": round(time.perf_counter() - start),
        **recipe,
    }
    write(name, data.space, network, about)  # type: ignore[arg-type]
    print(about)


if __name__ == "__main__":
    main()

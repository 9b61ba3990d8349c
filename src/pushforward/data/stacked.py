"""Stacked MNIST: three digits in the three channels of an image, which makes a thousand modes.

As in Unrolled GAN (Metz et al., 2017, arXiv:1611.02163, section 3.3.1) and PacGAN (Lin et al.,
2018, arXiv:1712.04086, section 4.2). Digits of the training images make training images, and those
of the test set test images.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from ..core.dataset import Dataset, Split
from ..core.spaces import Pixels, count
from .specs import findable
from .standard import mnist

HELD = 10_000  # images that validate, and as many that test


@findable("stacked_mnist")
def stacked_mnist(
    n: int = 50_000, labels: bool = False, seed: int = 0, root: str | Path | None = None
) -> Dataset:
    """`n` training images of three digits drawn at random, Pixels(3, 28, 28), and 10,000 of each
    other split.

    With `labels` the second tensor is the number that the digits spell, red first: 0 .. 999, int64.
    Raises FileNotFoundError where there are no data and no network.
    """
    digits = mnist(labels=True, root=root)
    random = torch.Generator().manual_seed(seed)
    sizes = (count("n", n), HELD, HELD)
    splits = zip((digits.train, digits.validation, digits.test), sizes)
    learn, held, test = (_stacked(split, size, random, labels) for split, size in splits)
    origin = {**digits.origin, "stacked": "three at random", "n": n, "seed": seed}
    names = tuple(f"{i:03}" for i in range(1_000)) if labels else ()
    return Dataset("stacked MNIST", Pixels(3, 28, 28), learn, held, test, origin, names)


def _stacked(split: Split, n: int, random: torch.Generator, labels: bool) -> Split:
    index = torch.randint(len(split), (n, 3), generator=random)
    images, digits = split.tensors
    return Split((images[:, 0][index], *((spelt(digits[index]),) if labels else ())))


def spelt(digits: Tensor) -> Tensor:
    """The numbers (n,) whose digits (n, 3) stand in order.

    >>> spelt(torch.tensor([[0, 4, 2], [9, 9, 9]])).tolist()
    [42, 999]
    """
    return digits @ torch.tensor([100, 10, 1], device=digits.device)

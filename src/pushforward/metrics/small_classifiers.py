"""A small convolutional classifier whose last hidden layer serves as a feature extractor.

    8x8, 28x28 or 32x32 images -> 3 convolutions -> 128 features -> logits

For data on which Inception features say little (digits, MNIST) or cannot be had. Features of a
network trained on the data at hand are as fair as Inception's are on ImageNet-like photographs, but
figures measured with them are comparable only among themselves: hence the hash beside them.

Weights are shipped (float32 safetensors; their header holds the test accuracy and the command).
"""

from __future__ import annotations

import json
from pathlib import Path

import torch.nn.functional as F
from torch import Tensor, nn

from ..core.spaces import Pixels, count
from .features import Extractor

WEIGHTS = Path(__file__).parent / "weights"


class SmallClassifier(nn.Module):
    """Images in [-1, 1], (batch, channels, height, width), to 128 features; `head` to logits."""

    def __init__(self, channels: int, height: int, width: int, classes: int):
        super().__init__()
        count("height", height, least=8)
        count("width", width, least=8)
        self.conv1 = nn.Conv2d(channels, 32, 3, padding=1)
        self.conv2 = nn.Conv2d(32, 48, 3, padding=1)
        self.conv3 = nn.Conv2d(48, 96, 3, padding=1)
        self.norm1, self.norm2, self.norm3 = (nn.BatchNorm2d(n) for n in (32, 48, 96))
        self.hidden = nn.Linear(96 * 4, 128)
        self.head = nn.Linear(128, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Features (batch, 128)."""
        x = F.max_pool2d(self.norm1(self.conv1(x)).relu(), 2)
        x = F.max_pool2d(self.norm2(self.conv2(x)).relu(), 2)
        x = self.norm3(self.conv3(x)).relu()
        return self.hidden(F.adaptive_avg_pool2d(x, 2).flatten(1)).relu()


def small_classifier(path: str | Path) -> Extractor:
    """The extractor whose weights `path` holds; raises FileNotFoundError where there is none."""
    from safetensors import safe_open

    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no weights at {path}: bench/classifiers.py writes them")
    with safe_open(path, framework="pt") as file:
        about = json.loads(file.metadata()["about"])
        weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    space = Pixels(**about["space"])
    network = SmallClassifier(space.channels, space.height, space.width, about["classes"])
    network.load_state_dict(weights)

    def prepare(x: Tensor) -> Tensor:
        return space.to_signed(space.check(x))

    return Extractor.of(about["name"], network, prepare, head=network.head)


def digits_classifier() -> Extractor:
    """The classifier of scikit-learn's digits (8x8, 17 levels)."""
    return small_classifier(WEIGHTS / "digits.safetensors")


def mnist_classifier() -> Extractor:
    """The classifier of MNIST (28x28)."""
    return small_classifier(WEIGHTS / "mnist.safetensors")


def cifar10_classifier() -> Extractor:
    """The classifier of CIFAR-10 (32x32; trained on a JPEG copy of the set)."""
    return small_classifier(WEIGHTS / "cifar10.safetensors")

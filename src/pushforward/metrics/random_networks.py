"""Networks that nobody trained, as feature extractors for data that no classifier here knows.

    images   3 convolutions of 3x3, ReLU, halved after each: means of every stage, and of the four
             quarters of the last; 256 features
    numbers  a linear map to 256 of them

Weights are drawn once by a seed and never learned. Random features know no classes, but neither do
they know another data set's classes, which is what a classifier sees in pictures that it was not
trained on; where those are far from photographs, they tell good samples from bad ones better
(Naeem et al., 2020, arXiv:2002.09797, section 4.2). Random linear maps keep distances (Johnson &
Lindenstrauss, 1984). Their number bounds the cost of a Frechet distance, which is cubic in it.

Differs from that paper: the network is not VGG but small, as its features are; larger images are
resized to 64 pixels.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..core.spaces import Pixels, Space, count
from .features import Extractor, Features, Resize

FEATURES = 256
WIDTHS = (32, 64, 40)  # 32 + 64 + 4 * 40 features
LARGEST = 64  # pixels on a side
APART = 7_919_000_000  # added to seeds: data drawn by the same seed may equal the weights


class RandomConvolutions(nn.Module):
    """Images in [-1, 1], (batch, channels, height, width) of any size, to 256 features."""

    def __init__(self, channels: int, seed: int = 0):
        super().__init__()
        generator = torch.Generator().manual_seed(APART + seed)
        inputs = (count("channels", channels), *WIDTHS)
        stages = [nn.utils.skip_init(nn.Conv2d, a, b, 3, padding=1) for a, b in zip(inputs, WIDTHS)]
        for stage in stages:
            _draw(stage, 2.0, generator)
        self.stages = nn.ModuleList(stages)

    def forward(self, x: Tensor) -> Tensor:
        """Features (batch, 256)."""
        found = []
        for stage in self.stages:
            x = stage(x).relu()
            found.append(x.mean((2, 3)))
            last, x = x, F.avg_pool2d(x, 2, ceil_mode=True)
        return torch.cat([*found[:-1], F.adaptive_avg_pool2d(last, 2).flatten(1)], 1)


def _draw(layer: nn.Conv2d | nn.Linear, gain: float, generator: torch.Generator) -> None:
    """Normal weights whose outputs have `gain` times the variance of the inputs (He et al., 2015).

    Biases are uniform on [-1, 1]: else an image and its negative would be alike.
    """
    weight, bias = layer.weight, layer.bias
    deviation = math.sqrt(gain / weight[0].numel())
    with torch.no_grad():
        weight.copy_(deviation * torch.randn(weight.shape, generator=generator))
        if bias is not None:
            bias.copy_(2 * torch.rand(bias.shape, generator=generator) - 1)


def random_network(space: Pixels, seed: int = 0) -> Extractor:
    """The extractor of random convolutions of images of `space`, named with its seed and hash."""
    side = max(space.height, space.width)
    resize: Features | None = None
    if side > LARGEST:
        height, width = (max(1, round(n * LARGEST / side)) for n in (space.height, space.width))
        resize = Resize(height, width)

    def prepare(x: Tensor) -> Tensor:
        return space.to_signed(space.check(x))

    network = RandomConvolutions(space.channels, seed)
    return Extractor.of(f"random convolutions, seed {seed}", network, prepare, resize)


def random_projection(space: Space, look: Features, numbers: int, seed: int = 0) -> Extractor:
    """The extractor of a random linear map of the `numbers` that `look` makes of data of `space`.

    Squared distances are kept on average.
    """
    network = nn.utils.skip_init(nn.Linear, numbers, FEATURES, bias=False)
    _draw(network, numbers / FEATURES, torch.Generator().manual_seed(APART + seed))
    name = f"random projection of {numbers} numbers, seed {seed}"
    return Extractor.of(name, network, lambda x: look(space.check(x)).float())

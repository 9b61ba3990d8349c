"""Classifiers that are told how noisy their input is: what classifier guidance asks.

Their time is any number in [0, 1] that grows with the noise. For vectors, `TimeMLP(features,
outputs=classes)` is one.
"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F

from ..core.blueprint import Component
from ..core.spaces import count
from .embedding import Embedding
from .unet import ResidualBlock


class NoisyClassifier(Component):
    """Images (batch, channels, h, w), times (batch,) -> logits (batch, classes).

    Args:
        channels: of the images.
        classes: how many.
        width: feature channels, doubled after the first halving.
        halvings: of the sides, rounded down; a residual block before each.
    """

    def __init__(self, channels: int, classes: int, width: int = 32, halvings: int = 3):
        super().__init__()
        wide = 2 * count("width", width, 2)
        widths = [width, *[wide] * count("halvings", halvings)]
        self.embed = Embedding(wide)
        self.enter = nn.Conv2d(count("channels", channels), width, 3, padding=1)
        self.blocks = nn.ModuleList(ResidualBlock(a, b, wide) for a, b in pairwise(widths))
        self.leave = nn.Linear(wide, count("classes", classes, 2))

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        """The logits for the noisy images `x` at times `t`."""
        e, h = F.silu(self.embed(t)), self.enter(x)
        for block in self.blocks:
            h = block(h, e)
            h = F.avg_pool2d(h, 2) if min(h.shape[-2:]) > 1 else h
        return self.leave(F.silu(h).mean((-2, -1)))

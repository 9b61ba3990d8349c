"""A critic in two halves, between which features can be quantised: SNGAN's CNN, cut in the middle.

    h = early(x),    score = l(late(q(h)))

Every place of h is a vector that a codebook may replace (`models/adversarial/fq_gan.py`).

Feature Quantization Improves GAN Training (Zhao et al., 2020), arXiv:2004.02088, section 3; the
layers are those of Miyato et al. (2018), arXiv:1802.05957, table 3.
"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from ..core.blueprint import Component
from ..core.spaces import count
from .dcgan import doublings
from .sngan import halving
from .spectral import SpectrallyNormalised
from .told import check_context


class EarlyCritic(Component):
    """Images (batch, *shape) to features (batch, width, height / 2, width / 2).

    Args:
        shape: (channels, height, width).
        width: channels of the features.
    """

    def __init__(self, shape: tuple[int, int, int], width: int = 64):
        super().__init__()
        self.net = nn.Sequential(*halving(shape[0], count("width", width)))

    def forward(self, x: Tensor) -> Tensor:
        """The features of the float images `x`."""
        return self.net(x)


class LateCritic(Component):
    """Features of an `EarlyCritic` to scores (batch, 1).

    Args:
        shape: (channels, height, width) of the images.
        width: channels of the features.
        context: length of the vector c that it is told, by a projection; 0 is none.
    """

    def __init__(self, shape: tuple[int, int, int], width: int = 64, context: int = 0):
        super().__init__()
        sizes = doublings(*shape[1:])
        widths = [count("width", width) * 2**i for i in range(max(1, len(sizes) - 1))]
        layers = [layer for a, b in pairwise(widths) for layer in halving(a, b)]
        top = 2 * widths[-1]
        last = nn.Conv2d(widths[-1], top, 3, padding=1)
        self.net = nn.Sequential(*layers, last, nn.LeakyReLU(0.1), nn.Flatten())
        side = sizes[0] if len(sizes) > 1 else (sizes[0][0] // 2, sizes[0][1] // 2)
        features = top * side[0] * side[1]
        self.leave = nn.Linear(features, 1)
        self.context = count("context", context, 0)
        self.told = nn.Linear(context, features, bias=False) if context else None

    def forward(self, h: Tensor, c: Tensor | None = None) -> Tensor:
        """The scores of features, told `c` (batch, context)."""
        c = check_context(c, self.context, "LateCritic")
        h = self.net(h)
        if self.told is None or c is None:
            return self.leave(h)
        return self.leave(h) + (self.told(c) * h).sum(1, keepdim=True)


class Halves(Component):
    """`late(early(x), c)`: a critic, of which a game may look at the middle.

    Args:
        early: images to features (batch, channels, height, width).
        late: features, and what is told, to scores.
    """

    def __init__(self, early: nn.Module, late: nn.Module):
        super().__init__()
        self.early, self.late = early, late

    def forward(self, x: Tensor, c: Tensor | None = None) -> Tensor:
        """The scores of `x` where nothing is quantised."""
        h = self.early(x)
        return self.late(h) if c is None else self.late(h, c)


def halves_for(shape: tuple[int, int, int], width: int = 64, context: int = 0) -> Halves:
    """The usual halves for images (channels, height, width), of spectral norm one."""
    early, late = EarlyCritic(shape, width), LateCritic(shape, width, context)
    return Halves(SpectrallyNormalised(early), SpectrallyNormalised(late))

"""Networks that grow: a generator and a critic for every size from 4x4 up, of the same layers.

    generator:  z -> 4x4, blocks that double the sides; at each size a 1x1 convolution to an image
    critic:     at each size a 1x1 convolution from an image; blocks that halve the sides; a score

At level k only the blocks up to size k are used. A new size fades in: with share `alpha` of it,

    generator:  image = (1 - alpha) doubled(image of level k - 1) + alpha (image of level k)
    critic:     features = (1 - alpha) (those of the halved image) + alpha (those of the new block)

so that at alpha = 0 the network is the smaller one, and at 1 the fade is over.

Progressive Growing of GANs (Karras, Aila, Laine and Lehtinen, 2018), arXiv:1710.10196, figure 2,
table 2, section 4: equalised learning rates, pixel normalisation in the generator, the deviation
over the batch before the critic's last block. Differs: what they are told (labels, by Miyato and
Koyama's projection, arXiv:1802.05637) is not in the paper; sides of 5 .. 7 at the smallest size.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..core.blueprint import Component
from ..core.spaces import count
from .dcgan import doublings
from .equalised import EqualisedConv, EqualisedLinear, MinibatchDeviation, PixelNorm
from .told import check_context, joined

Shape = tuple[int, int, int]
SLOPE = 0.2  # of leaky rectifiers


def widths_of(sizes: list[tuple[int, int]], width: int, most: int) -> list[int]:
    """The channels at each size: `width` at the largest, doubled at each smaller one up to `most`.

    >>> widths_of([(4, 4), (8, 8), (16, 16), (32, 32)], 128, 512)
    [512, 512, 256, 128]
    """
    return [min(most, width * 2**i) for i in range(len(sizes))][::-1]


def rectified(x: Tensor) -> Tensor:
    """The leaky rectifier of all layers here."""
    return F.leaky_relu(x, SLOPE)


def faded(before: Tensor, now: Tensor, alpha: Tensor | float) -> Tensor:
    """(1 - alpha) before + alpha now, exactly `now` at 1 and `before` at 0."""
    return torch.lerp(before, now, torch.as_tensor(alpha, dtype=now.dtype, device=now.device))


class GrowingBlock(nn.Module):
    """The sides are doubled; then twice: convolve, rectify, normalise every place."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.first, self.second = EqualisedConv(inputs, outputs), EqualisedConv(outputs, outputs)
        self.norm = PixelNorm()

    def forward(self, h: Tensor) -> Tensor:
        """Features of twice the sides."""
        h = self.norm(rectified(self.first(F.interpolate(h, scale_factor=2))))
        return self.norm(rectified(self.second(h)))


class ProgressiveGenerator(Component):
    """Noise (batch, latent) to images (batch, channels, *sizes[level]), without a tanh.

    Args:
        latent: length of the noise, whose own norm is taken away.
        shape: (channels, height, width); the sides must halve evenly down to 4 .. 7.
        width: channels at full size; they double as sides halve, up to `most`.
        most: channels at most.
        context: length of the vector c that it is told, beside the noise; 0 is none.
    """

    def __init__(
        self, latent: int, shape: Shape, width: int = 64, most: int = 512, context: int = 0
    ):
        super().__init__()
        self.sizes = doublings(*shape[1:])
        widths = widths_of(self.sizes, count("width", width), count("most", most))
        height, breadth = self.sizes[0]
        self.context, self.norm = count("context", context, 0), PixelNorm()
        # The gain over 4 is the original code's, whose fan-in is of a transposed convolution.
        places = widths[0] * height * breadth
        self.enter = EqualisedLinear(latent + context, places, 2**0.5 / 4)
        self.mix = EqualisedConv(widths[0], widths[0])
        self.blocks = nn.ModuleList(GrowingBlock(a, b) for a, b in pairwise(widths))
        self.show = nn.ModuleList(EqualisedConv(w, shape[0], 1, gain=1.0) for w in widths)

    def forward(
        self,
        z: Tensor,
        c: Tensor | None = None,
        level: int | None = None,
        alpha: Tensor | float = 1.0,
    ) -> Tensor:
        """The images of a level, the last where None, told `c` (batch, context)."""
        c = check_context(c, self.context, "ProgressiveGenerator")
        level = len(self.blocks) if level is None else level
        h = rectified(self.enter(joined(self.norm(z), c))).unflatten(1, (-1, *self.sizes[0]))
        h = before = self.norm(rectified(self.mix(self.norm(h))))
        for block in self.blocks[:level]:
            before, h = h, block(h)
        image = self.show[level](h)
        if not level:
            return image
        return faded(F.interpolate(self.show[level - 1](before), scale_factor=2), image, alpha)


class ShrinkingBlock(nn.Module):
    """Twice: convolve, rectify; then halve by means."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.first, self.second = EqualisedConv(inputs, inputs), EqualisedConv(inputs, outputs)

    def forward(self, h: Tensor) -> Tensor:
        """Features of half the sides."""
        return F.avg_pool2d(rectified(self.second(rectified(self.first(h)))), 2)


class Verdict(nn.Module):
    """The last block of a critic: deviation over the batch, 3x3, all places together, a score."""

    def __init__(self, width: int, places: int, context: int = 0):
        super().__init__()
        self.compare = MinibatchDeviation()
        self.mix = EqualisedConv(width + 1, width)
        self.gather = EqualisedLinear(width * places, width)
        self.leave = EqualisedLinear(width, 1, gain=1.0)
        self.told = EqualisedLinear(context, width, gain=1.0, bias=False) if context else None

    def forward(self, h: Tensor, c: Tensor | None = None) -> Tensor:
        """Features (batch, channels, height, width) to (batch, 1)."""
        h = rectified(self.gather(rectified(self.mix(self.compare(h))).flatten(1)))
        if self.told is None or c is None:
            return self.leave(h)
        return self.leave(h) + (self.told(c) * h).sum(1, keepdim=True) / h.shape[1] ** 0.5


class ProgressiveCritic(Component):
    """Images of any of its sizes to scores (batch, 1). Arguments as of the generator."""

    block = ShrinkingBlock

    def __init__(self, shape: Shape, width: int = 64, most: int = 512, context: int = 0):
        super().__init__()
        self.sizes = doublings(*shape[1:])
        widths = widths_of(self.sizes, count("width", width), count("most", most))
        height, breadth = self.sizes[0]
        self.context = count("context", context, 0)
        self.look = nn.ModuleList(EqualisedConv(shape[0], w, 1) for w in widths)
        self.blocks = nn.ModuleList(self.block(b, a) for a, b in pairwise(widths))
        self.verdict = Verdict(widths[0], height * breadth, context)

    def forward(self, x: Tensor, c: Tensor | None = None, alpha: Tensor | float = 1.0) -> Tensor:
        """The scores of the float images `x`, whose size says the level, told `c`."""
        c = check_context(c, self.context, "ProgressiveCritic")
        level = level_of(x, self.sizes)
        h = rectified(self.look[level](x))
        if level:
            halved = rectified(self.look[level - 1](F.avg_pool2d(x, 2)))
            h = faded(halved, self.blocks[level - 1](h), alpha)
        for block in reversed(self.blocks[: max(0, level - 1)]):
            h = block(h)
        return self.verdict(h, c)


def level_of(x: Tensor, sizes: list[tuple[int, int]]) -> int:
    """Which of the sizes images have. Raises ValueError for another."""
    size = tuple(x.shape[2:])
    if size not in sizes:
        raise ValueError(f"images must have one of the sizes {sizes}, not {size}")
    return sizes.index(size)

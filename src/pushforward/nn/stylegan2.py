"""StyleGAN2's networks: styles scale weights instead of features, and nothing grows.

    W'_ijk = s_i W_ijk,    W''_ijk = W'_ijk / sqrt(sum_ik W'_ijk^2 + 1e-8)          (eqs. 1, 3)

AdaIN takes away how strong features are beside each other, which generators smuggle through as a
droplet that outshines all else. Demodulation assumes only what features have on the average. Images
of all sizes are summed by the generator (skips), and the critic is residual: large sizes come into
play by themselves.

Analyzing and Improving the Image Quality of StyleGAN (Karras et al., 2020), arXiv:1912.04958,
sections 2.2 and 4.1, figures 2d and 7. Differs: convolutions that double or halve come after or
before the filter rather than being one with it, and the critic's filter is (1, 2, 1).
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..core.blueprint import Component
from ..core.spaces import count
from .dcgan import doublings
from .equalised import GAIN, EqualisedConv, EqualisedLinear
from .progressive import Shape, Verdict, rectified, widths_of
from .style import Noise, StyledGenerator, blurred, doubled, halved
from .told import check_context


class ModulatedConv(nn.Module):
    """A convolution whose weights each image's style scales, and which are normalised then.

    Scaling what goes in by s, and what comes out by the norms, is the same as scaling weights, and
    needs one convolution for the whole batch.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, style: int, demodulate: bool = True):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, kernel, kernel))
        self.scale = (inputs * kernel**2) ** -0.5
        self.affine = EqualisedLinear(style, inputs, 1.0, start=1.0)
        self.demodulate = demodulate

    def forward(self, h: Tensor, w: Tensor) -> Tensor:
        """Of features (batch, inputs, height, width) and styles `w` (batch, style)."""
        weight, s = self.weight * self.scale, self.affine(w)
        h = F.conv2d(h * s[..., None, None], weight, padding=weight.shape[-1] // 2)
        if not self.demodulate:
            return h
        norms = s.square() @ weight.square().sum((2, 3)).mT
        return h * (norms + 1e-8).rsqrt()[..., None, None]


class ModulatedLayer(nn.Module):
    """A modulated convolution, doubling the sides before if `grow`; noise, a bias, a rectifier."""

    def __init__(
        self, inputs: int, outputs: int, size: tuple[int, int], style: int, grow: bool = False
    ):
        super().__init__()
        self.grow, self.conv = grow, ModulatedConv(inputs, outputs, 3, style)
        self.noise, self.bias = Noise(1, size), nn.Parameter(torch.zeros(outputs))

    def forward(self, h: Tensor, w: Tensor, fixed: bool) -> Tensor:
        """The features of the next layer."""
        h = self.noise(self.conv(doubled(h) if self.grow else h, w), fixed)
        return rectified(h + self.bias[:, None, None]) * GAIN


class Show(nn.Module):
    """What a size adds to the image: a modulated 1x1 convolution, not normalised, and a bias."""

    def __init__(self, inputs: int, channels: int, style: int):
        super().__init__()
        self.conv = ModulatedConv(inputs, channels, 1, style, demodulate=False)
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, h: Tensor, w: Tensor) -> Tensor:
        """Of features, the image (batch, channels, height, width)."""
        return self.conv(h, w) + self.bias[:, None, None]


class SkipGenerator(StyledGenerator):
    """Noise (batch, latent) to images (batch, *shape), without a tanh.

    Args:
        latent, shape, style, mapping, context, mixing: as in `StyledGenerator`.
        width: channels at full size; they double as sides halve, up to `most`.
        most: channels at most.
    """

    length: Tensor

    def __init__(
        self,
        latent: int,
        shape: Shape,
        width: int = 64,
        most: int = 512,
        style: int = 512,
        mapping: int = 8,
        context: int = 0,
        mixing: float = 0.9,
    ):
        super().__init__(latent, shape, style, mapping, context, mixing)
        widths = widths_of(self.sizes, count("width", width), count("most", most))
        self.constant = nn.Parameter(torch.randn(widths[0], *self.sizes[0]))
        self.enter = ModulatedLayer(widths[0], widths[0], self.sizes[0], style)
        pairs, sizes = list(pairwise(widths)), self.sizes[1:]
        self.grow = nn.ModuleList(
            ModulatedLayer(a, b, size, style, grow=True) for (a, b), size in zip(pairs, sizes)
        )
        self.mix = nn.ModuleList(
            ModulatedLayer(b, b, size, style) for (_, b), size in zip(pairs, sizes)
        )
        self.show = nn.ModuleList(Show(w, shape[0], style) for w in widths)
        self.register_buffer("length", torch.zeros(()))

    def draw(self, styles: Tensor, fixed: bool) -> Tensor:
        """The images for styles (batch, layers, style)."""
        h = self.constant.expand(len(styles), -1, -1, -1)
        h = self.enter(h, styles[:, 0], fixed)
        image = self.show[0](h, styles[:, 1])
        for k, (grow, mix, show) in enumerate(zip(self.grow, self.mix, self.show[1:]), 1):
            h = mix(grow(h, styles[:, 2 * k - 1], fixed), styles[:, 2 * k], fixed)
            image = doubled(image) + show(h, styles[:, 2 * k + 1])
        return image


class ResidualBlock(nn.Module):
    """Two convolutions, the second on half the sides, beside a halved shortcut, over sqrt(2)."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.first = EqualisedConv(inputs, inputs)
        self.second = EqualisedConv(inputs, outputs, stride=2)
        self.short = EqualisedConv(inputs, outputs, 1, gain=1.0, bias=False)

    def forward(self, h: Tensor) -> Tensor:
        """Features of half the sides."""
        inner = rectified(self.second(blurred(rectified(self.first(h)))))
        return (inner + self.short(halved(h))) / GAIN


class ResidualCritic(Component):
    """Images (batch, *shape) to scores (batch, 1). Widths as of the generator."""

    def __init__(self, shape: Shape, width: int = 64, most: int = 512, context: int = 0):
        super().__init__()
        sizes = doublings(*shape[1:])
        widths = widths_of(sizes, count("width", width), count("most", most))
        self.context = count("context", context, 0)
        self.look = EqualisedConv(shape[0], widths[-1], 1)
        blocks = [ResidualBlock(b, a) for a, b in pairwise(widths)]
        self.blocks = nn.Sequential(*blocks[::-1])
        self.verdict = Verdict(widths[0], sizes[0][0] * sizes[0][1], context)

    def forward(self, x: Tensor, c: Tensor | None = None) -> Tensor:
        """The scores of the float images `x`, told `c` (batch, context)."""
        c = check_context(c, self.context, "ResidualCritic")
        return self.verdict(self.blocks(rectified(self.look(x))), c)

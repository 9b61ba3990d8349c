"""StyleGAN's synthesis: a learned constant, and a style for every layer by its normalisation.

    AdaIN(h, w) = s(w) (h - mean(h)) / std(h) + b(w)        of every image and channel (eq. 1)

At each size, two layers: convolve, add noise, rectify, normalise and style. Sizes are doubled and
halved through a bilinear filter.

Karras, Laine and Aila (2019), arXiv:1812.04948, figure 1b, section 2, appendix C; growth as in
`nn/progressive.py`, whose critic it has, with the filter.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..core.spaces import count
from .equalised import EqualisedConv, EqualisedLinear
from .progressive import ProgressiveCritic, Shape, ShrinkingBlock, faded, rectified, widths_of
from .style import Noise, StyledGenerator, blurred, halved


class AdaIN(nn.Module):
    """Every channel of every image to the deviation and mean that its style says."""

    def __init__(self, channels: int, style: int):
        super().__init__()
        self.affine = EqualisedLinear(style, 2 * channels, 1.0)

    def forward(self, h: Tensor, w: Tensor) -> Tensor:
        """Features (batch, channels, height, width), styled by `w` (batch, style)."""
        scale, shift = self.affine(w)[..., None, None].chunk(2, 1)
        return F.instance_norm(h, eps=1e-8) * (1 + scale) + shift


class StyledLayer(nn.Module):
    """Convolve, doubling the sides before if `grow`; noise, a bias, a rectifier; AdaIN.

    Without `inputs` there is no convolution: the layer of the constant.
    """

    def __init__(
        self, inputs: int, outputs: int, size: tuple[int, int], style: int, grow: bool = False
    ):
        super().__init__()
        self.grow = grow
        self.conv = EqualisedConv(inputs, outputs, bias=False) if inputs else None
        self.noise, self.adain = Noise(outputs, size), AdaIN(outputs, style)
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, h: Tensor, w: Tensor, fixed: bool) -> Tensor:
        """The features of the next layer."""
        if self.grow and self.conv is not None:
            h = blurred(self.conv(F.interpolate(h, scale_factor=2)))
        elif self.conv is not None:
            h = self.conv(h)
        h = self.noise(h, fixed) + self.bias[:, None, None]
        return self.adain(rectified(h), w)


class StyleGANGenerator(StyledGenerator):
    """Noise (batch, latent) to images (batch, channels, *sizes[level]), without a tanh.

    Args:
        latent, shape, style, mapping, context, mixing: as in `StyledGenerator`.
        width: channels at full size; they double as sides halve, up to `most`.
        most: channels at most.
    """

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
        self.constant = nn.Parameter(torch.ones(widths[0], *self.sizes[0]))
        first = [StyledLayer(n, widths[0], self.sizes[0], style) for n in (0, widths[0])]
        layers = [*first]
        for (a, b), size in zip(pairwise(widths), self.sizes[1:]):
            layers += [StyledLayer(a, b, size, style, grow=True), StyledLayer(b, b, size, style)]
        self.net = nn.ModuleList(layers)
        self.show = nn.ModuleList(EqualisedConv(w, shape[0], 1, gain=1.0) for w in widths)

    def draw(
        self,
        styles: Tensor,
        fixed: bool,
        level: int | None = None,
        alpha: Tensor | float = 1.0,
    ) -> Tensor:
        """The images of a level, the last where None, for styles (batch, layers, style)."""
        level = len(self.sizes) - 1 if level is None else level
        h = before = self.constant.expand(len(styles), -1, -1, -1)
        for i, layer in enumerate(self.net[: 2 * level + 2]):
            before = h if i == 2 * level else before
            h = layer(h, styles[:, i], fixed)
        image = self.show[level](h)
        if not level:
            return image
        return faded(F.interpolate(self.show[level - 1](before), scale_factor=2), image, alpha)


class FilteredBlock(ShrinkingBlock):
    """The critic's block, whose features are halved through a bilinear filter."""

    def forward(self, h: Tensor) -> Tensor:
        """Features of half the sides."""
        return halved(rectified(self.second(rectified(self.first(h)))))


class StyleGANCritic(ProgressiveCritic):
    """PGGAN's critic with filtered halving. Arguments as there."""

    block = FilteredBlock

"""What StyleGAN and StyleGAN2 share: a style for every layer, and noise for every place.

    w = f(z),    f of eight layers;    image = g(w_1, ..., w_L; noise)

z is normal because something has to be; the data's factors are not. f may unbend them, so that w is
more nearly linear in what changes. Layer l of g sees w_l alone: coarse layers take one image's
style and fine ones another's, and training on such mixtures keeps the layers apart.

A Style-Based Generator Architecture for GANs (Karras, Laine and Aila, 2019), arXiv:1812.04948:
section 2 (mapping, noise), 3.1 (mixing, with probability 0.9), appendix B (truncation), C (a
learning rate 100 times smaller in f; the mean of w moves by 0.5 % for each batch).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..core.blueprint import Component
from ..core.shares import mean
from ..core.spaces import count
from .dcgan import doublings
from .equalised import EqualisedLinear, PixelNorm
from .progressive import Shape, rectified
from .told import check_context, joined

SLOW = 0.01  # the mapping's learning rate over that of all else
REMEMBERED = 0.995  # of the mean style, for each batch


class Mapping(nn.Module):
    """Noise (batch, latent), told c (batch, context), to styles (batch, width)."""

    def __init__(self, latent: int, width: int, layers: int, context: int = 0):
        super().__init__()
        self.norm = PixelNorm()
        self.told = EqualisedLinear(context, latent, 1.0) if context else None
        inputs = [latent * (2 if context else 1)] + [width] * (layers - 1)
        self.net = nn.ModuleList(EqualisedLinear(n, width, rate=SLOW) for n in inputs)

    def forward(self, z: Tensor, c: Tensor | None = None) -> Tensor:
        """The styles; the noise's own norm is taken away, and so is that of what is told."""
        told = None if self.told is None or c is None else self.norm(self.told(c))
        h = joined(self.norm(z), told)
        for layer in self.net:
            h = rectified(layer(h))
        return h


class Noise(nn.Module):
    """Adds noise to every place, by learned strengths from 0: of each channel, or one for all."""

    kept: Tensor

    def __init__(self, channels: int, size: tuple[int, int]):
        super().__init__()
        self.strength = nn.Parameter(torch.zeros(channels))
        self.register_buffer("kept", torch.randn(size))

    def forward(self, h: Tensor, fixed: bool) -> Tensor:
        """Features with new noise, or with the noise that is kept."""
        noise = self.kept if fixed else torch.randn_like(h[:, :1])
        return h + self.strength[:, None, None] * noise


def blurred(x: Tensor) -> Tensor:
    """Every place and its neighbours by (1, 2, 1) / 4 on either axis, zeros beyond the border."""
    taps = torch.tensor([1.0, 2.0, 1.0], dtype=x.dtype, device=x.device) / 4
    kernel = torch.outer(taps, taps).expand(x.shape[1], 1, 3, 3)
    return F.conv2d(x, kernel, padding=1, groups=x.shape[1])


def doubled(x: Tensor) -> Tensor:
    """Twice the sides by bilinear interpolation: the filter (1, 3, 3, 1) / 4 on either axis."""
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


def halved(x: Tensor) -> Tensor:
    """Half the sides, through the filter (1, 3, 3, 1) / 8 on either axis."""
    return F.avg_pool2d(blurred(x), 2)


class StyledGenerator(Component):
    """Noise to images by styles; a subclass writes `draw`, from styles to images.

    Args:
        latent: length of the noise.
        shape: (channels, height, width); the sides must halve evenly down to 4 .. 7.
        style: length of w.
        mapping: layers of f.
        context: length of the vector c that f is told; 0 is none.
        mixing: probability that an image is of two styles, while it learns.
    """

    mean: Tensor

    def __init__(
        self, latent: int, shape: Shape, style: int, mapping: int, context: int, mixing: float
    ):
        super().__init__()
        if not 0 <= mixing <= 1:
            raise ValueError(f"mixing must be a probability in [0, 1], not {mixing!r}")
        self.latent, self.context = count("latent", latent), count("context", context, 0)
        self.sizes, self.mixing = doublings(*shape[1:]), mixing
        self.layers = 2 * len(self.sizes)
        self.mapping = Mapping(latent, count("style", style), count("mapping", mapping), context)
        self.register_buffer("mean", torch.zeros(style))

    def forward(self, z: Tensor, c: Tensor | None = None, *growth: Any) -> Tensor:
        """The images for the noise `z`, told `c` (batch, context).

        In training mode with new noise and mixed styles, whose mean is followed; else by the noise
        that is kept, so that an image is a function of `z`.
        """
        styles = self.each(self.styles(z, c))
        if self.training:
            self._follow(styles[:, 0])
            styles = self._mixed(styles, c)
        return self.draw(styles, not self.training, *growth)

    def styles(self, z: Tensor, c: Tensor | None = None) -> Tensor:
        """w (batch, style) of the noise `z`."""
        return self.mapping(z, check_context(c, self.context, type(self).__name__))

    def each(self, styles: Tensor) -> Tensor:
        """One style for all layers, (batch, layers, style)."""
        return styles[:, None].expand(-1, self.layers, -1) if styles.dim() == 2 else styles

    def draw(self, styles: Tensor, fixed: bool, *growth: Any) -> Tensor:
        """The images for styles (batch, layers, style), by the noise that is kept if `fixed`."""
        raise NotImplementedError(f"{type(self).__name__} must write draw(styles, fixed)")

    @torch.no_grad()
    def _follow(self, styles: Tensor) -> None:
        if len(styles):
            self.mean.lerp_(mean(styles).to(self.mean), 1 - REMEMBERED)

    def _mixed(self, styles: Tensor, c: Tensor | None) -> Tensor:
        """From a layer on, drawn for each image, the style of other noise; or from none on."""
        n, device = len(styles), styles.device
        others = self.each(self.styles(torch.randn(n, self.latent).to(styles), c))
        start = torch.randint(1, self.layers, (n, 1), device=device)
        mixed = torch.rand(n, 1, device=device) < self.mixing
        later = (torch.arange(self.layers, device=device) >= start) & mixed
        return torch.where(later[..., None], others, styles)

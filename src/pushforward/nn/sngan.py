"""The plain convolutional networks of SNGAN, for sides that halve evenly down to 4 .. 7.

    generator:  z -> 4x4, 4x4 transposed convolutions that double, each normalised, ReLU, 3x3, tanh
    critic:     3x3 that keeps, 4x4 that halves, again and again, leaky ReLU of 0.1, linear

What they are told, the generator hears in its normalisations, and the critic by a projection.

Spectral Normalization for Generative Adversarial Networks (Miyato et al., 2018),
arXiv:1802.05957, table 3: 512, 256, 128, 64 channels on 32x32, which is width 64 here. The critic's
layers are normalised by `nn.spectral.SpectrallyNormalised`. Projection: arXiv:1802.05637, eq. 4.
"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from ..core.blueprint import Component
from ..core.spaces import count
from .conditional_norm import ConditionalBatchNorm
from .dcgan import doublings
from .told import check_context

Shape = tuple[int, int, int]


class SNGANGenerator(Component):
    """Noise (batch, latent) to images (batch, *shape); the tanh that ends it is the model's.

    Args:
        latent: length of the noise.
        shape: (channels, height, width).
        width: channels at full size; they double as sides halve.
        context: length of the vector c that every normalisation is told; 0 is none.
    """

    def __init__(self, latent: int, shape: Shape, width: int = 64, context: int = 0):
        super().__init__()
        self.context = count("context", context, 0)
        self.sizes = doublings(*shape[1:])
        widths = [count("width", width) * 2**i for i in range(len(self.sizes))][::-1]
        self.enter = nn.Linear(latent, widths[0] * self.sizes[0][0] * self.sizes[0][1])
        self.norms = nn.ModuleList(ConditionalBatchNorm(n, context) for n in widths)
        pairs = pairwise(widths)
        self.up = nn.ModuleList(nn.ConvTranspose2d(a, b, 4, stride=2, padding=1) for a, b in pairs)
        self.leave = nn.Conv2d(width, shape[0], 3, padding=1)

    def forward(self, z: Tensor, c: Tensor | None = None) -> Tensor:
        """The images for the noise `z`, before their tanh, told `c` (batch, context)."""
        c = check_context(c, self.context, "SNGANGenerator")
        h = self.enter(z).unflatten(1, (-1, *self.sizes[0]))
        for norm, up in zip(self.norms, self.up):
            h = up(norm(h, c).relu())
        return self.leave(self.norms[-1](h, c).relu())


class SNGANCritic(Component):
    """Images (batch, *shape) to scores (batch, 1).

    Args:
        shape: (channels, height, width).
        width: channels at full size; they double as sides halve.
        context: length of the vector c that features are projected on; 0 is none.
    """

    def __init__(self, shape: Shape, width: int = 64, context: int = 0):
        super().__init__()
        self.context = count("context", context, 0)
        sizes = doublings(*shape[1:])
        widths = [shape[0], *(count("width", width) * 2**i for i in range(len(sizes)))]
        layers = [layer for a, b in pairwise(widths[:-1]) for layer in halving(a, b)]
        last = nn.Conv2d(widths[-2], widths[-1], 3, padding=1)
        self.net = nn.Sequential(*layers, last, nn.LeakyReLU(0.1), nn.Flatten())
        features = widths[-1] * sizes[0][0] * sizes[0][1]
        self.leave = nn.Linear(features, 1)
        self.told = nn.Linear(context, features, bias=False) if context else None

    def forward(self, x: Tensor, c: Tensor | None = None) -> Tensor:
        """The scores of the float images `x`, told `c` (batch, context)."""
        c = check_context(c, self.context, "SNGANCritic")
        h = self.net(x)
        if self.told is None or c is None:
            return self.leave(h)
        return self.leave(h) + (self.told(c) * h).sum(1, keepdim=True)


def halving(a: int, b: int) -> tuple[nn.Module, ...]:
    """Two convolutions with leaky rectifiers, `a` channels to `b`, of which the second halves."""
    keep, halve = nn.Conv2d(a, b, 3, padding=1), nn.Conv2d(b, b, 4, stride=2, padding=1)
    return keep, nn.LeakyReLU(0.1), halve, nn.LeakyReLU(0.1)

"""Glow: actnorm, invertible 1x1 convolution, affine coupling; K times, at each of L scales.

    z = s . (x + b),    z = W x,    z_b = (x_b + t(x_a)) sigmoid(r(x_a) + 2)

A learned matrix replaces the fixed permutation of the channels, and an actnorm started from data
replaces batch normalisation, so that a batch of one image is enough. The matrix may be a plain one,
have LU or QR factors, or see its neighbours too (an emerging convolution). What leaves at a scale
has a Gaussian prior that is given by what stays; with classes, the last prior is given by the
class.

Glow: Generative Flow with Invertible 1x1 Convolutions (Kingma & Dhariwal, 2018), arXiv:1807.03039,
table 1, sections 3.1-3.3; QR and emerging convolutions: Hoogeboom et al. (2019), arXiv:1901.11137.
Differs from the paper: the priors are affine bijections before standard noise, which is the same
density, so that a temperature scales the noise of every level alike; no loss for the class.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...core.blueprint import Component
from ...core.catalogue import example, system
from ...core.given import told
from ...core.spaces import Pixels, Reals, count
from ...nn.linear import Linear
from ...nn.zero import zero_last
from ...probability.bijections.bijection import Bijection, Chain
from ...probability.bijections.coupling import ContextAffine, Coupling
from ...probability.bijections.elementwise import Affine, SigmoidAffine
from ...probability.bijections.emerging import Emerging
from ...probability.bijections.linear import LUMixing, Mixing, QRMixing
from ...probability.bijections.normalisation import ActNorm
from ...probability.bijections.shapes import FactorOut, Flatten, Squeeze
from ...probability.priors import StandardNormal
from .dequantized import Dequantized
from .flow import Flow
from .realnvp import check_sides


class ZeroConv(Component):
    """A 3x3 convolution that starts at zero, with a learned scale e^{3 s} per output channel."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.conv = zero_last(nn.Conv2d(inputs, outputs, 3, padding=1))
        # not in the paper: the factor 3 (the official code's) lets scales learn faster
        self.log_scale = nn.Parameter(torch.zeros(outputs, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """The outputs for `x`."""
        return _scaled(self.conv, x, (3 * self.log_scale).exp(), self.conv.bias)


class GlowNet(Component):
    """3x3, 1x1 and 3x3 convolutions with actnorm between: what gives shift and scale."""

    def __init__(self, inputs: int, outputs: int, width: int = 512):
        super().__init__()
        self.enter = nn.Conv2d(inputs, count("width", width), 3, padding=1, bias=False)
        self.middle = nn.Conv2d(width, width, 1, bias=False)
        self.norms = nn.ModuleList(ActNorm(width) for _ in range(2))
        self.leave = ZeroConv(width, outputs)
        for conv in (self.enter, self.middle):
            nn.init.normal_(conv.weight, std=0.05)

    def forward(self, x: Tensor) -> Tensor:
        """The outputs for `x`."""
        x = x.contiguous(memory_format=torch.channels_last)  # 1x1 convolutions are products then
        for conv, norm in zip((self.enter, self.middle), self.norms):
            x = F.relu_(_normed(conv, norm, x))  # type: ignore[arg-type]
        return self.leave(x)


def _normed(conv: nn.Conv2d, norm: ActNorm, x: Tensor) -> Tensor:
    """The convolution, then its actnorm."""
    if norm.waiting:
        norm.start(conv(x))
    return _scaled(conv, x, norm.log_scale.exp(), norm.shift)


def _scaled(conv: nn.Conv2d, x: Tensor, scale: Tensor, shift: Tensor | None) -> Tensor:
    """(W * x + shift) scale, by scaling the weights: no pass over the large outputs is needed."""
    weight = conv.weight * scale.view(-1, 1, 1, 1)
    bias = None if shift is None else shift * scale.flatten()
    return F.conv2d(x, weight, bias, padding=conv.padding)


MIXINGS: dict[str, Callable[[int], Bijection]] = {
    "lu": LUMixing,
    "qr": QRMixing,
    "plain": Mixing,
    "emerging": Emerging,
}


class Glow(Dequantized):
    """The image model; a lower bound by uniform dequantisation.

    With `classes` it is conditional: `loss(x, y)` and `sample(n, y)` take int64 labels (batch,).

    Args:
        space: the images; their sides must be multiples of 2^scales.
        scales: L.
        steps: K, at each scale.
        width: channels within the networks.
        classes: how many, 0 for an unconditional model.
        mixing: of the channels: "lu" or "qr" (1x1 convolutions by their factors), "plain" (by the
            matrix), or "emerging" (5x5 convolutions, whose images are drawn pixel by pixel).
        alpha: of the logit (see `Dequantized`).
    """

    def __init__(
        self,
        space: Pixels,
        scales: int = 3,
        steps: int = 32,
        width: int = 512,
        classes: int = 0,
        mixing: str = "lu",
        alpha: float = 0.05,
    ):
        if not isinstance(space, Pixels):
            raise ValueError(f"Glow models Pixels, not {space}")
        check_sides(space, scales)
        if mixing not in MIXINGS:
            raise ValueError(f"mixing must be one of {', '.join(MIXINGS)}, not {mixing!r}")
        kind = MIXINGS[mixing]
        chain = _levels(space.shape, scales, count("steps", steps), width, classes, kind)
        given = told(classes)
        flow = Flow(StandardNormal((space.dims,)), [chain], Reals(space.shape), given)
        super().__init__(flow, space, alpha=alpha)


def _levels(
    shape: tuple[int, int, int],
    scales: int,
    steps: int,
    width: int,
    classes: int,
    mixing: Callable[[int], Bijection],
) -> Chain:
    """Squeeze, K steps, and after half has left, the next scale."""
    c, h, w = squeezed = 4 * shape[0], shape[1] // 2, shape[2] // 2
    bijections: list[Bijection] = [Squeeze()]
    for _ in range(steps):
        net = GlowNet(c // 2, 2 * (c // 2), width)
        bijections += [ActNorm(c), mixing(c), Coupling(net, map=SigmoidAffine())]
    if scales == 1:
        return Chain(*bijections, _last_prior(c, classes), Flatten(squeezed))
    prior = Coupling(ZeroConv(c // 2, 2 * (c // 2)), map=Affine())
    rest = _levels((c // 2, h, w), scales - 1, steps, width, classes, mixing)
    return Chain(*bijections, prior, FactorOut(squeezed, rest))


def _last_prior(channels: int, classes: int) -> Bijection:
    """A Gaussian per channel, of the class where there are classes."""
    if not classes:
        return ActNorm(channels)
    return ContextAffine(zero_last(Linear(classes, 2 * channels)), classes)


system("glow", lecture=4, title="Glow", paper="arXiv:1807.03039")


@example(data="bars")
def glow() -> Glow:
    """The smallest instance."""
    return Glow(Pixels(1, 4, 4, levels=2), scales=2, steps=2, width=16)

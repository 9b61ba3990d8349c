"""Variational dequantisation: the noise of each image by a flow that is given the image.

    u = sigmoid(g^-1(e; c(x))),    e ~ N(0, I)
    log q(u|x) = log q_g(logit u | c(x)) - sum log u (1 - u)

Uniform noise asks a smooth density to fill each cube evenly; noise that learns its place in the
cube does not, so the bound is tighter.

Flow++ (Ho et al., 2019), arXiv:1902.00275, section 3.1, eqs. 9-12.
"""

from __future__ import annotations

from typing import Protocol, cast

from torch import Tensor, nn

from ..core.blueprint import Component
from .bijections.logit import Logit
from .dequantisation import Dequantizer


class ConditionalSampler(Protocol):
    """What draws with gradients, and knows the log-density of what it drew."""

    def rsample_and_log_prob(self, n: int, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """`n` draws, one for each row of the context, and their log-densities (n,)."""


class VariationalNoise(Dequantizer):
    """q(u|x) by a conditional flow over real numbers of the images' shape.

    Args:
        flow: a `Flow` whose context is as wide as the encoder's output.
        encoder: from images in [-1, 1] to maps (batch, width, h, w).
    """

    def __init__(self, flow: Component, encoder: nn.Module):
        super().__init__()
        self.flow = flow
        self.encoder: nn.Module = encoder
        self.logit = Logit(0.0)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Noise of `x`'s shape, and log q(u|x) in nats (batch,)."""
        flow = cast(ConditionalSampler, self.flow)
        y, log_q = flow.rsample_and_log_prob(len(x), self.encoder(2 * x - 1))
        u, log_det = self.logit.inverse(y)
        return u, log_q - log_det

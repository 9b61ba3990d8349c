"""Fourier features: a network sees fine differences of its input that it would blur.

    (sin(2^n pi x), cos(2^n pi x)) for each exponent n, as further channels

Variational Diffusion Models (Kingma et al., 2021), arXiv:2107.00630, appendix C.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..core.blueprint import Component
from ..core.given import Given


class FourierInput(Component):
    """`network` with the Fourier features of its input beside it.

    Args:
        network: called (x, t, *conditions); takes (1 + 2 len(exponents)) times the data's channels.
        exponents: n of the frequencies 2^n pi; (7, 8) in the paper, for 256 grey levels.
    """

    def __init__(self, network: nn.Module, exponents: Sequence[int] = (7, 8)):
        super().__init__()
        if not exponents:
            raise ValueError("Fourier features need at least one exponent")
        self.network, self.exponents = network, tuple(exponents)

    @property
    def given(self) -> Given:
        """What the network is told beside the time."""
        return getattr(self.network, "given", None)

    def forward(self, x: Tensor, t: Tensor, *conditions: Tensor) -> Tensor:
        """The network's output for `x` (batch, channels, ...) at times `t`."""
        angles = [2.0**n * math.pi * x for n in self.exponents]
        features = [f for a in angles for f in (a.sin(), a.cos())]
        return self.network(torch.cat([x, *features], dim=1), t, *conditions)

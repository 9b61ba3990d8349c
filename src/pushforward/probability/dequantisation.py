"""Dequantisation: noise u in [0, 1) that makes real numbers (x + u) of integers x.

    P(x) = int_[0,1)^D p(x + u) du = E_q(u|x)[p(x + u) / q(u|x)]

so every draw gives an importance weight of the discrete likelihood. Uniform q is what flows are
usually trained with; a q that learns makes the bound tighter.

A note on the evaluation of generative models (Theis et al., 2016), arXiv:1511.01844, section 3.1;
Flow++ (Ho et al., 2019), arXiv:1902.00275, eqs. 5-12.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from ..core.blueprint import Component


class Dequantizer(Component, ABC):
    """A distribution q(u|x) of noise in [0, 1) for images in [0, 1]."""

    @abstractmethod
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Noise u of `x`'s shape, and log q(u|x) in nats (batch,)."""


class UniformNoise(Dequantizer):
    """q(u|x) = 1."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Uniform noise and zeros."""
        return torch.rand_like(x), x.new_zeros(len(x))

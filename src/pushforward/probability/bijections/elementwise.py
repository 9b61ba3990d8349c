"""Monotone maps of single numbers, whose parameters a network gives: what couplings and
autoregressive flows move their dimensions by.

    additive  z = x + t
    affine    z = x e^s + t,    s = a / (1 + |a| / bound)

A map of `arity` parameters takes x (batch, ...) and parameters (batch, arity, ...), and returns z
and log dz/dx, both of x's shape.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from ...core.blueprint import Component


class Elementwise(Component, ABC):
    """A monotone map of every number by parameters of its own."""

    arity: int

    @abstractmethod
    def forward(self, x: Tensor, parameters: Tensor) -> tuple[Tensor, Tensor]:
        """z and log dz/dx, of `x`'s shape."""

    @abstractmethod
    def inverse(self, z: Tensor, parameters: Tensor) -> tuple[Tensor, Tensor]:
        """x and log dx/dz, of `z`'s shape."""

    def back(self, z: Tensor, parameters: Tensor) -> Tensor:
        """x alone: for sampling, without gradients."""
        return self.inverse(z, parameters)[0]


class Additive(Elementwise):
    """z = x + t: volume is kept."""

    arity = 1

    def forward(self, x: Tensor, parameters: Tensor) -> tuple[Tensor, Tensor]:
        """z and log dz/dx = 0."""
        return x + parameters[:, 0], torch.zeros_like(x)

    def inverse(self, z: Tensor, parameters: Tensor) -> tuple[Tensor, Tensor]:
        """x and log dx/dz = 0."""
        return z - parameters[:, 0], torch.zeros_like(z)


class Affine(Elementwise):
    """z = x e^s + t, with |s| < bound: a scale that cannot explode.

    A number's scale lies between e^-bound and e^bound, by default 1/1000 and 1000.
    """

    arity = 2

    def __init__(self, bound: float = math.log(1000)):
        super().__init__()
        self.bound = bound

    def log_scale(self, raw: Tensor) -> Tensor:
        """s, from the network's output."""
        return raw / (1 + raw.abs() / self.bound)

    def forward(self, x: Tensor, parameters: Tensor) -> tuple[Tensor, Tensor]:
        """z and log dz/dx."""
        return _SoftlyBounded.apply(x, parameters, self.bound)

    def inverse(self, z: Tensor, parameters: Tensor) -> tuple[Tensor, Tensor]:
        """x and log dx/dz."""
        shift, raw = parameters.unbind(1)
        log_scale = self.log_scale(raw)
        return (z - shift) * (-log_scale).exp(), -log_scale

    def back(self, z: Tensor, parameters: Tensor) -> Tensor:
        """x alone, without gradients: a sampler's innermost loop, so nothing is allocated twice."""
        shift, raw = parameters.unbind(1)
        inverse = torch.div(raw, raw.abs().add_(self.bound)).mul_(-self.bound).exp_()
        return (z - shift).mul_(inverse)


class _SoftlyBounded(torch.autograd.Function):
    """`Affine` forwards, with a gradient in fewer operations than autograd's: ds/da = r^2.

    Here r = 1 / (1 + |a| / bound), so that s = a r.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, parameters: Tensor, bound: float) -> tuple[Tensor, Tensor]:
        shift, raw = parameters.unbind(1)
        shrinking = raw.abs().mul_(1 / bound).add_(1).reciprocal_()
        log_scale = raw * shrinking
        scale = log_scale.exp()
        ctx.save_for_backward(x, scale, shrinking)
        return torch.addcmul(shift, x, scale), log_scale

    @staticmethod
    def backward(ctx: Any, dz: Tensor, ds: Tensor) -> tuple[Tensor, Tensor, None]:
        x, scale, shrinking = ctx.saved_tensors
        dx = dz * scale
        da = torch.addcmul(ds, dx, x).mul_(shrinking).mul_(shrinking)
        return dx, torch.stack([dz, da], 1), None


class SigmoidAffine(Affine):
    """z = (x + t) sigmoid(a + 2): Glow's, whose scales lie below 1."""

    def __init__(self) -> None:
        super().__init__()

    def forward(self, x: Tensor, parameters: Tensor) -> tuple[Tensor, Tensor]:
        """z and log dz/dx."""
        shift, raw = parameters.unbind(1)
        return (x + shift) * torch.sigmoid(raw + 2), F.logsigmoid(raw + 2)

    def inverse(self, z: Tensor, parameters: Tensor) -> tuple[Tensor, Tensor]:
        """x and log dx/dz."""
        shift, raw = parameters.unbind(1)
        return z / torch.sigmoid(raw + 2) - shift, -F.logsigmoid(raw + 2)

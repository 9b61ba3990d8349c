"""Gated, dilated, causal convolutions over sequences, with residual and skip paths.

    z = tanh(W_f * h + V_f c) o sigma(W_g * h + V_g c),    h' = h + 1x1(z),    skips += 1x1(z)

The convolution looks `dilation` steps back per tap: with dilations 1, 2, 4, ... the receptive field
doubles with every layer.

WaveNet (van den Oord et al., 2016), arXiv:1609.03499, eqs. 2-3, figures 3-4.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..core.blueprint import Component
from ..core.spaces import count


class DilatedLayer(Component):
    """(batch, width, length) -> the same shape, and a skip (batch, skip, length).

    Args:
        width: features of the residual path.
        skip: features of the skip path.
        dilation: steps between the taps.
        kernel: taps, the last of which is the present.
        context: features of a condition at every step; 0 is none.
    """

    def __init__(self, width: int, skip: int, dilation: int, kernel: int = 2, context: int = 0):
        super().__init__()
        self.back = (count("kernel", kernel, 2) - 1) * count("dilation", dilation)
        self.look = nn.Conv1d(width, 2 * width, kernel, dilation=dilation)
        self.context = nn.Conv1d(context, 2 * width, 1, bias=False) if context else None
        self.leave = nn.Conv1d(width, width + skip, 1)
        self.width, self.skip = width, skip

    def forward(self, h: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The residual path and the skip after this layer."""
        both = self.look(F.pad(h, (self.back, 0)))
        if self.context is not None:
            both = both + self.context(context)
        a, b = both.chunk(2, 1)
        found, skip = self.leave(a.tanh() * b.sigmoid()).split((self.width, self.skip), 1)
        return h + found, skip

    def run(self, n: int) -> DilatedRun:
        """The same layer, one step at a time."""
        return DilatedRun(self, n)


class DilatedRun:
    """A `DilatedLayer` under way: a ring holds the last steps, so a step costs the same always."""

    def __init__(self, layer: DilatedLayer, n: int):
        weight = layer.look.weight.detach()
        self.taps = [w.contiguous() for w in weight.unbind(2)]
        self.bias = layer.look.bias.detach()[:, None]  # type: ignore[union-attr]
        self.leave = layer.leave.weight.detach().squeeze(2)
        self.shift = layer.leave.bias.detach()[:, None]  # type: ignore[union-attr]
        self.width, self.dilation = layer.width, layer.look.dilation[0]
        self.context = None if layer.context is None else layer.context.weight.detach().squeeze(2)
        self.ring = list(weight.new_zeros(layer.back, layer.width, n).unbind(0))
        self.place = 0

    def step(self, h: Tensor, context: Tensor | None, skips: Tensor) -> Tensor:
        """Takes the next step (width, n); the residual path there. The skip is added to `skips`."""
        both = torch.addmm(self.bias, self.taps[-1], h)
        for tap, weight in enumerate(self.taps[:-1]):
            both.addmm_(weight, self.ring[(self.place + tap * self.dilation) % len(self.ring)])
        if self.context is not None and context is not None:
            both.addmm_(self.context, context)
        self.ring[self.place].copy_(h)
        self.place = (self.place + 1) % len(self.ring)
        z = both[: self.width].tanh_().mul_(both[self.width :].sigmoid_())
        found = torch.addmm(self.shift, self.leave, z)
        skips += found[self.width :]
        return found[: self.width].add_(h)

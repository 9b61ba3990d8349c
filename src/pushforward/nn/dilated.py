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

    def run(self, n: int, shift: Tensor) -> DilatedRun:
        """The same layer, one step at a time; `shift` (width + skip, 1) is the biases before it."""
        return DilatedRun(self, n, shift)


class DilatedRun:
    """A `DilatedLayer` under way: a ring holds the last steps, so a step costs the same always.

    Both paths go as one, (width + skip, n), *without* the biases of the layers' outputs: these sum
    up to constants, which are put into the biases of what reads them. And sigma(b) = (1 + tanh(b /
    2)) / 2, so that one tanh does for both halves of the gate.

    Args:
        layer: whose weights to use.
        n: sequences.
        shift: the sum (width + skip, 1) of the output biases of the layers before.
    """

    def __init__(self, layer: DilatedLayer, n: int, shift: Tensor):
        width = layer.width
        half = torch.ones_like(layer.look.weight[:, 0, :1])
        half[width:] = 0.5
        weight = layer.look.weight.detach() * half[..., None]
        *self.past, self.now = (w.contiguous() for w in weight.unbind(2))
        bias = layer.look.bias.detach()[:, None] * half  # type: ignore[union-attr]
        self.bias = bias + weight.sum(2) @ shift[:width]
        self.leave = layer.leave.weight.detach().squeeze(2) / 2
        self.shift = shift + layer.leave.bias.detach()[:, None]  # type: ignore[union-attr]
        self.width, self.dilation = width, layer.look.dilation[0]
        context = layer.context
        self.context = None if context is None else context.weight.detach().squeeze(2) * half
        silence = -shift[:width].expand(
            -1, n
        )  # what lies before the beginning is 0, biases and all
        self.ring, self.place = [silence] * layer.back, 0

    def step(self, paths: Tensor, context: Tensor | None) -> Tensor:
        """Takes both paths (width + skip, n) at the next step, returns them after this layer."""
        h, ring = paths[: self.width], self.ring
        both = torch.addmm(self.bias, self.now, h)
        for tap, weight in enumerate(self.past):
            both.addmm_(weight, ring[(self.place + tap * self.dilation) % len(ring)])
        if self.context is not None and context is not None:
            both.addmm_(self.context, context)
        ring[self.place] = h
        self.place = (self.place + 1) % len(ring)
        a, b = both.tanh_().split(self.width)
        return torch.addmm(paths, self.leave, torch.addcmul(a, a, b))

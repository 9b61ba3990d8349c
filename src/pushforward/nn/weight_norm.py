"""Convolutions with normalised weights, started by the first batch.

    y = g v * x / |v| + b

and g, b are set so that over the first batch y has mean 0 and standard deviation `scale`; a feature
that is the same in all of it is left as it is.

Weight Normalization (Salimans & Kingma, 2016), arXiv:1602.07868, eqs. 2, 5-6.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..core.blueprint import Component
from ..core.shares import moments


class WeightNormConv(Component):
    """(batch, inputs, height, width) -> (batch, outputs, ...).

    Args:
        inputs: features.
        outputs: features.
        kernel: (rows, columns).
        pad: (left, right, top, bottom), where a negative number cuts.
        stride: 2 halves the sides.
        grow: the transposed convolution instead, which doubles the sides.
        scale: the standard deviation that the outputs start with.
    """

    started: Tensor

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: tuple[int, int] = (1, 1),
        pad: tuple[int, int, int, int] = (0, 0, 0, 0),
        stride: int = 1,
        grow: bool = False,
        scale: float = 1.0,
    ):
        super().__init__()
        self.pad, self.stride, self.grow, self.scale = tuple(pad), stride, grow, scale
        self.direction = nn.Parameter(torch.randn(outputs, inputs, *kernel) * 0.05)
        self.gain = nn.Parameter(torch.full((outputs,), float(scale)))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.register_buffer("started", torch.zeros((), dtype=torch.uint8))
        self._waiting = True  # so that an accelerator is asked for `started` only until it is 1

    def weight(self) -> Tensor:
        """The weights (outputs, inputs, rows, columns)."""
        size = self.direction.flatten(1).norm(dim=1)
        return self.direction * (self.gain / size)[:, None, None, None]

    def forward(self, x: Tensor) -> Tensor:
        """The features after this layer."""
        if self.training and self._waiting:
            self._start(x)
        return self._convolve(x, self.weight(), self.bias)

    def _convolve(self, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        if not self.grow:
            return F.conv2d(F.pad(x, self.pad), weight, bias, self.stride)
        y = F.conv_transpose2d(x, weight.transpose(0, 1), bias, 2)
        return F.pad(y, self.pad)

    @torch.compiler.disable
    @torch.no_grad()
    def _start(self, x: Tensor) -> None:
        if not self.started:
            weight = self.weight()
            kind = self.gain.dtype
            mean, variance, _ = moments(self._convolve(x, weight, self.bias).to(kind))
            deviation = variance.sqrt()
            # Rounding goes by what is summed: the mean may be nothing but rounding itself.
            summed = moments(self._convolve(x.abs(), weight.abs(), self.bias.abs()).to(kind))[0]
            varies = deviation > 16 * torch.finfo(torch.float32).eps * summed
            # What is the same everywhere stays as it is: shifted to 0 it would be rounding alone,
            # which the next layer would bring to its scale.
            factor = torch.where(varies, self.scale / deviation, 1)
            self.gain.mul_(factor)
            self.bias.copy_(torch.where(varies, (self.bias - mean) * factor, self.bias))
            self.started.fill_(1)
        self._waiting = False

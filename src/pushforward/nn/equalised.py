"""Layers whose learning rate is equalised: weights are N(0, 1), and scaled as they are used.

    y = W x gain rate / sqrt(fan_in) + rate b,    W ~ N(0, 1) / rate

Adam moves every weight by about its rate, whatever the scale of its gradient: weights that were
drawn small would move by much and large ones by little. Scaled at run time, all have the same range
and learn at the same speed; `rate` slows a layer down, nothing else changes.

Karras et al. (2018), arXiv:1710.10196, section 4.1: gain sqrt(2), as of He et al. (2015), eq. 10,
1 where no rectifier follows. Rates: Karras et al. (2019), arXiv:1812.04948, appendix C (0.01 in the
mapping network).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..core.shares import mine, whole

GAIN = 2**0.5


class Equalised(nn.Module):
    """A weight of `shape` (outputs, inputs, ...) and a bias, with their scales."""

    def __init__(
        self,
        shape: tuple[int, ...],
        gain: float = GAIN,
        rate: float = 1.0,
        bias: bool = True,
        start: float = 0.0,
    ):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(shape) / rate)
        self.bias = nn.Parameter(torch.full((shape[0],), start / rate)) if bias else None
        self.scale = gain * rate / self.weight[0].numel() ** 0.5
        self.rate = rate

    @property
    def matrix(self) -> Tensor:
        """The weight as it is used."""
        return self.weight * self.scale

    @property
    def offset(self) -> Tensor | None:
        """The bias as it is used."""
        return None if self.bias is None else self.bias * self.rate


class EqualisedLinear(Equalised):
    """(..., inputs) to (..., outputs). `start` is what the biases begin with."""

    def __init__(self, inputs: int, outputs: int, gain: float = GAIN, **knobs):
        super().__init__((outputs, inputs), gain, **knobs)

    def forward(self, x: Tensor) -> Tensor:
        """The linear map."""
        return F.linear(x, self.matrix, self.offset)


class EqualisedConv(Equalised):
    """A convolution of odd kernel that keeps the sides, or halves them by `stride` 2."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int = 3,
        gain: float = GAIN,
        stride: int = 1,
        **knobs,
    ):
        super().__init__((outputs, inputs, kernel, kernel), gain, **knobs)
        self.stride, self.padding = stride, kernel // 2

    def forward(self, x: Tensor) -> Tensor:
        """The convolution."""
        return F.conv2d(x, self.matrix, self.offset, self.stride, self.padding)


class PixelNorm(nn.Module):
    """x / sqrt(mean over channels of x^2 + 1e-8), at every place (section 4.2)."""

    def forward(self, x: Tensor) -> Tensor:
        """Of (batch, channels, ...), the same shape."""
        return x * (x.square().mean(1, keepdim=True) + 1e-8).rsqrt()


class MinibatchDeviation(nn.Module):
    """Adds a channel: by how much the data of a group differ, on the average over all features.

    A generator that draws the same again and again is seen by it (section 3). The groups are of the
    most data up to `group` that divide the batch evenly.
    """

    def __init__(self, group: int = 4):
        super().__init__()
        self.group = group

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) to one channel more."""
        told = mine(self._deviations(whole(x)), len(x))[:, None, None, None]
        return torch.cat([x, told.expand(-1, -1, *x.shape[2:])], 1)

    def _deviations(self, x: Tensor) -> Tensor:
        """What every datum of a batch is told, (batch,)."""
        size = next(g for g in range(self.group, 0, -1) if len(x) % g == 0) if len(x) else 1
        groups = x.unflatten(0, (size, len(x) // size))
        centred = groups - groups.mean(0, keepdim=True)
        deviation = (centred.square().mean(0) + 1e-8).sqrt().mean((1, 2, 3))
        return deviation.repeat(size)

"""The residual network of Real NVP: weight-normalised convolutions, batch norm before them.

Density estimation using Real NVP (Dinh et al., 2017), arXiv:1605.08803, section 4.1; the summed
skip connections of every block to the output are the official code's.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import weight_norm

from ..core.blueprint import Component
from ..core.spaces import count


class ResidualBlock(nn.Module):
    """h + conv(relu(norm(conv(relu(norm(h)))))), with 3x3 convolutions."""

    def __init__(self, width: int):
        super().__init__()
        self.norms = nn.ModuleList(nn.BatchNorm2d(width) for _ in range(2))
        convs = [nn.Conv2d(width, width, 3, padding=1, bias=last) for last in (False, True)]
        self.convs = nn.ModuleList(weight_norm(conv) for conv in convs)

    def forward(self, h: Tensor) -> Tensor:
        """Features of `h`'s shape."""
        out = h
        for norm, conv in zip(self.norms, self.convs):
            out = conv(F.relu(norm(out)))
        return h + out


class ResidualNet(Component):
    """Maps (batch, inputs, h, w) -> (batch, outputs, h, w); the outputs start at zero.

    Args:
        inputs, outputs: channels.
        width: channels within.
        blocks: residual blocks.
    """

    def __init__(self, inputs: int, outputs: int, width: int = 64, blocks: int = 4):
        super().__init__()
        self.enter = nn.Conv2d(inputs, count("width", width), 3, padding=1)
        self.blocks = nn.ModuleList(ResidualBlock(width) for _ in range(count("blocks", blocks)))
        skips = [nn.Conv2d(width, width, 1) for _ in range(blocks + 1)]
        self.skips = nn.ModuleList(weight_norm(skip) for skip in skips)
        self.norm = nn.BatchNorm2d(width)
        self.leave = nn.Conv2d(width, outputs, 1)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """The outputs for `x`."""
        h = self.enter(
            x.contiguous(memory_format=torch.channels_last)
        )  # quicker in all that follows
        out = self.skips[0](h)
        for block, skip in zip(self.blocks, self.skips[1:]):
            h = block(h)
            out = out + skip(h)
        return self.leave(F.relu(self.norm(out))).contiguous()

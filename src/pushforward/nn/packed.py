"""PacGAN: a critic that sees several data at once, all real or all drawn.

Two draws from a collapsed generator are more alike than two data are. A critic of m data at a time
sees products of distributions, whose distance punishes a missing mode m times over.

PacGAN: The Power of Two Samples in Generative Adversarial Networks (Lin, Khetan, Fanti and Oh,
2018), arXiv:1712.04086, section 2.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..core.blueprint import Component
from ..core.spaces import count


class Packed(Component):
    """Data (batch, ...) to scores (batch, 1): those of the pack of `size` that a datum is in.

    The packs are of data that follow one another; the last one is filled up from the first data.
    A sum of slopes over a batch counts every pack `size` times.

    Args:
        net: a critic of `size` times the channels of images, or of vectors that much longer.
        size: m; 1 is the critic itself.
        context: length of the vector c that the critic is told, of each datum of a pack; 0 is none.
    """

    def __init__(self, net: nn.Module, size: int = 2, context: int = 0):
        super().__init__()
        self.net, self.size, self.context = net, count("size", size), count("context", context, 0)

    def forward(self, x: Tensor, c: Tensor | None = None) -> Tensor:
        """The scores of floats `x`, told `c` (batch, context)."""
        packs = self._packs(x)
        told = () if c is None else (self._packs(c),)
        scores = self.net(packs, *told).reshape(-1, 1)
        return scores.repeat_interleave(self.size, 0)[: len(x)]

    def _packs(self, x: Tensor) -> Tensor:
        """Of (batch, n, ...), (packs, size n, ...)."""
        places = torch.arange(-(-len(x) // self.size) * self.size, device=x.device)
        filled = x[places % max(1, len(x))]
        return filled.unflatten(0, (-1, self.size)).flatten(1, 2)

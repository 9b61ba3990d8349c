"""Batch normalisation whose gain and shift depend on what is told.

    y = (1 + A c) (h - mean) / std + B c

With c one-hot, the columns of A and B are the gains and shifts of the classes. Told nothing, it is
torch's own batch normalisation, with a gain and a shift of its own.

A Learned Representation For Artistic Style (Dumoulin, Shlens and Kudlur, 2017), arXiv:1610.07629;
for GANs: Miyato and Koyama (2018), arXiv:1802.05637, section 4. Differs: A and B start from
N(0, 0.02), not at 0, so that spectral normalisation has something to divide.
"""

from __future__ import annotations

from torch import Tensor, nn


class ConditionalBatchNorm(nn.Module):
    """(batch, channels, height, width) and c (batch, context) to normalised features."""

    def __init__(self, channels: int, context: int = 0):
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=not context)
        self.told = nn.Linear(context, 2 * channels, bias=False) if context else None
        if self.told is not None:
            nn.init.normal_(self.told.weight, 0, 0.02)

    def forward(self, h: Tensor, c: Tensor | None = None) -> Tensor:
        """Features of `h`'s shape."""
        h = self.norm(h)
        if self.told is None or c is None:
            return h
        gain, shift = self.told(c)[:, :, None, None].chunk(2, 1)
        return h * (1 + gain) + shift

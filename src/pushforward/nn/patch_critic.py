"""A critic of patches: a score for every part of an image, not one for the whole.

Whether texture is right can be told from a patch, and many patches of few images teach more than
few whole images do. Every score sees a square of the image alone; a loss is averaged over them.

Image-to-Image Translation with Conditional Adversarial Networks (Isola et al., 2017),
arXiv:1611.07004, section 3.2.2, appendix 6.1.2. Differs from the paper: no normalisation over the
batch, so that slopes of one image are defined; 3 x 3 convolutions where the sides do not halve.
"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from ..core.blueprint import Component
from ..core.spaces import count


class PatchCritic(Component):
    """Images (batch, channels, height, width) to scores (batch, 1, rows, columns).

    Args:
        channels: of the images.
        width: channels after the first layer; they double as sides halve.
        halvings: of the sides.
    """

    def __init__(self, channels: int, width: int = 64, halvings: int = 2):
        super().__init__()
        widths = [count("width", width) * 2**i for i in range(count("halvings", halvings))]
        layers: list[nn.Module] = []
        for a, b in pairwise([count("channels", channels), *widths]):
            layers += [nn.Conv2d(a, b, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
        keep = nn.Conv2d(widths[-1], 2 * widths[-1], 3, padding=1)
        leave = nn.Conv2d(2 * widths[-1], 1, 3, padding=1)
        self.net = nn.Sequential(*layers, keep, nn.LeakyReLU(0.2), leave)

    def forward(self, x: Tensor) -> Tensor:
        """The scores of the float images `x`."""
        return self.net(x)

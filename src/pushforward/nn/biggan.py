"""The generator of BigGAN: noise that enters at every block, beside an embedding that all share.

    z = (z_0, ..., z_L),    h_0 = linear(z_0),    h_l = block_l(h_{l-1}; [E c, z_l])

Noise that a block hears as gains and shifts can act on the scale of that block. The embedding E of
the classes is shared, and each normalisation has a linear map of its own on top of it.

Large Scale GAN Training for High Fidelity Natural Image Synthesis (Brock, Donahue and Simonyan,
2019), arXiv:1809.11096, section 3.1 and appendix B, figure 15; orthogonal starts. The critic is
`ResNetCritic`. Differs: channels follow `nn/resnet_gan.py`, as theirs for 128x128.
"""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import Tensor, nn

from ..core.blueprint import Component
from ..core.spaces import count
from .dcgan import doublings
from .resnet_gan import Growing, Shape
from .spectral import SpectrallyNormalised
from .told import check_context

Net = TypeVar("Net", bound=nn.Module)


def orthogonal(net: Net) -> Net:
    """Returns the network, its weights started as orthogonal matrices."""
    for module in net.modules():
        if isinstance(module, nn.Linear | nn.Conv2d):
            nn.init.orthogonal_(module.weight)
    return net


class BigGANGenerator(Component):
    """Noise (batch, latent) to images (batch, *shape); the tanh that ends it is the model's.

    All layers have spectral norm one but the shared embedding.

    Args:
        latent: length of the noise: a multiple of the number of its parts, one for the entrance and
            one for each doubling of the sides.
        shape: (channels, height, width); the sides must halve evenly down to 4 .. 7.
        width: channels at full size.
        context: length of the vector c that is embedded; 0 is none.
        embedding: length of the shared embedding.
        attention: side of the features that attend to one another; 0 is none.
    """

    def __init__(
        self,
        latent: int,
        shape: Shape,
        width: int = 96,
        context: int = 0,
        embedding: int = 128,
        attention: int = 0,
    ):
        super().__init__()
        self.context = count("context", context, 0)
        parts = len(doublings(*shape[1:]))
        if count("latent", latent) % parts:
            raise ValueError(
                f"noise for {shape[1]}x{shape[2]} comes in {parts} parts of one length: "
                f"latent must be a multiple of {parts}, not {latent}"
            )
        self.part = latent // parts
        self.shared = nn.Linear(context, embedding, bias=False) if context else None
        heard = self.part + (count("embedding", embedding) if context else 0)
        growing = Growing(self.part, shape, width, heard, attention)
        self.net = SpectrallyNormalised(orthogonal(growing))

    def forward(self, z: Tensor, c: Tensor | None = None) -> Tensor:
        """The images for the noise `z`, before their tanh, told `c` (batch, context)."""
        c = check_context(c, self.context, "BigGANGenerator")
        first, *parts = z.split(self.part, 1)
        if self.shared is not None and c is not None:
            embedded = self.shared(c)
            parts = [torch.cat([embedded, part], 1) for part in parts]
        return self.net(first, parts)

"""Spectral normalisation: every layer divided by its largest singular value.

    W_SN = W / sigma(W),    sigma(W) ~ u^T W v,    v <- W^T u / |.|,    u <- W v / |.|

One power iteration per forward pass in training is enough, because weights move slowly. A network
of such layers and 1-Lipschitz activations is 1-Lipschitz, where a layer's matrix is its operator
(for convolutions it is the reshaped kernel: a bound up to a factor).

Spectral Normalization for Generative Adversarial Networks (Miyato et al., 2018),
arXiv:1802.05957, eqs. 8-9, algorithm 1. The iteration is torch's parametrisation.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm
from torch.nn.utils.parametrize import is_parametrized

from ..core.blueprint import Component

LAYERS = (
    nn.Linear,
    nn.Bilinear,
    nn.Embedding,
    nn.Conv1d,
    nn.Conv2d,
    nn.Conv3d,
    nn.ConvTranspose1d,
    nn.ConvTranspose2d,
    nn.ConvTranspose3d,
)


class SpectrallyNormalised(Component):
    """`net` with every layer of weights divided by its largest singular value.

    Linear and convolutional layers and embeddings; gains of normalisations are left as they are,
    and so are layers whose weights are normalised already.
    What `net` is told beside x, it is told.
    """

    def __init__(self, net: nn.Module):
        super().__init__()
        self.net = net
        for layer in net.modules():
            if isinstance(layer, LAYERS) and not is_parametrized(layer, "weight"):
                spectral_norm(layer)

    def forward(self, x: Tensor, c: Tensor | None = None) -> Tensor:
        """What the normalised network gives for `x`, told `c`."""
        return self.net(x) if c is None else self.net(x, c)

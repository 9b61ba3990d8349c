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

from ..core.blueprint import Component


class SpectrallyNormalised(Component):
    """`net` with every linear and convolutional layer divided by its largest singular value."""

    def __init__(self, net: Component):
        super().__init__()
        self.net = net
        for layer in net.modules():
            if isinstance(layer, nn.Linear | nn.Conv1d | nn.Conv2d | nn.ConvTranspose2d):
                spectral_norm(layer)

    def forward(self, x: Tensor) -> Tensor:
        """What the normalised network gives for `x`."""
        return self.net(x)

"""Spectral normalisation: every layer divided by its largest singular value.

    W_SN = W / sigma(W),    sigma(W) ~ u^T W v,    v <- W^T u / |.|,    u <- W v / |.|

One power iteration per forward pass in training is enough, because weights move slowly. A network
of such layers and 1-Lipschitz activations is 1-Lipschitz, where a layer's matrix is its operator
(for convolutions it is the reshaped kernel: a bound up to a factor).

In eval mode the largest singular value itself divides. Where several are nearly the largest, as in
critics that have learned, u stays with one while another outgrows it, so that the iteration is some
percent behind; and averaged weights have no u of their own.

Spectral Normalization for Generative Adversarial Networks (Miyato et al., 2018),
arXiv:1802.05957, eqs. 8-9, algorithm 1. The iteration is torch's parametrisation. Differs from the
paper: eval mode.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import _SpectralNorm, spectral_norm
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


class SpectralNorm(_SpectralNorm):
    """torch's parametrisation while it trains; in eval mode divided by the exact singular value."""

    def forward(self, weight: Tensor) -> Tensor:
        """The weight over its largest singular value."""
        if self.training or weight.dim() < 2:
            return super().forward(weight)
        matrix = self._reshape_weight_to_matrix(weight)
        u, v = top_directions(matrix)
        return weight / (u @ (matrix @ v))


@torch.no_grad()
def top_directions(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """u (rows,) and v (columns,) of the largest singular value, by the smaller Gram matrix."""
    m = matrix.double()
    wide = m.shape[0] <= m.shape[1]
    top = torch.linalg.eigh(m @ m.T if wide else m.T @ m).eigenvectors[:, -1]
    other = (m.T if wide else m) @ top
    other = other / other.norm().clamp(min=torch.finfo(torch.float64).tiny)
    u, v = (top, other) if wide else (other, top)
    return u.to(matrix.dtype), v.to(matrix.dtype)


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
            for norm in getattr(getattr(layer, "parametrizations", None), "weight", ()):
                if type(norm) is _SpectralNorm:
                    norm.__class__ = SpectralNorm

    def forward(self, x: Tensor, c: Tensor | None = None) -> Tensor:
        """What the normalised network gives for `x`, told `c`."""
        return self.net(x) if c is None else self.net(x, c)

"""The largest singular values of a network's layers: what bounds how steep it can be."""

from __future__ import annotations

import torch
from torch import Tensor, nn


@torch.no_grad()
def largest_norm(net: nn.Module) -> Tensor:
    """The largest singular value among the matrices of all layers, (); 0 where there is none.

    Matrices are weights as they are used: normalised, or scaled. Convolutions count by theirs,
    (outputs, inputs * kernel), as spectral normalisation has it.
    """
    used = (getattr(layer, "matrix", getattr(layer, "weight", None)) for layer in net.modules())
    matrices = [w.flatten(1).float() for w in used if isinstance(w, Tensor) and w.dim() > 1]
    norms = [torch.linalg.matrix_norm(m, 2) for m in matrices if m.numel()]
    return torch.stack(norms).max() if norms else torch.zeros(())

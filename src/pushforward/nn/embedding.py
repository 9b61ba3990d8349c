"""Embeddings of a time and of a class, for networks that are told how noisy their input is.

    e(t) = [cos(f_1 t), ..., cos(f_k t), sin(f_1 t), ..., sin(f_k t)],   f_i = 1000 / 10000^(i / k)

For t = step / 1000 these are the Transformer's position features of the step, which DDPM took.

Denoising Diffusion Probabilistic Models (Ho et al., 2020), arXiv:2006.11239, appendix B.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ..core.blueprint import Component
from ..core.given import told
from ..core.spaces import count


def sinusoidal(t: Tensor, width: int) -> Tensor:
    """Times (batch,), of about [0, 1], to features (batch, width); `width` must be even.

    >>> sinusoidal(torch.tensor([0.0]), 4)
    tensor([[1., 1., 0., 0.]])
    """
    if width < 2 or width % 2:
        raise ValueError(f"sinusoidal features come in pairs: width must be even, not {width}")
    steps = torch.arange(width // 2, device=t.device, dtype=t.dtype)
    angles = t[:, None] * 1000 * torch.exp(-math.log(10_000) * steps / (width // 2))
    return torch.cat([angles.cos(), angles.sin()], dim=1)


class Told(Component):
    """What a network is told, as vectors (batch, width) that are added to its own.

    Args:
        width: length of the vectors.
        classes: how many classes there are; 0 takes none. Class number `classes` stands for
            "unknown", and so does a missing label.
        context: length of a vector that is told after the label; 0 takes none.
    """

    def __init__(self, width: int, classes: int = 0, context: int = 0):
        super().__init__()
        self.width, self.classes = count("width", width), count("classes", classes, 0)
        self.given = told(classes, count("context", context, 0))
        self.labels = nn.Embedding(classes + 1, width) if classes else None
        self.vector = nn.Linear(context, width, bias=False) if context else None

    def added(self, h: Tensor, *conditions: Tensor | None) -> Tensor:
        """`h` (batch, width) and the vectors of the conditions, summed.

        Raises ValueError for conditions that the network was built without.
        """
        rest = [c for c in conditions if c is not None]
        if self.labels is not None:
            known = bool(rest) and rest[0].dtype == torch.int64
            unknown = torch.full((len(h),), self.classes, device=h.device)
            h = h + self.labels(rest.pop(0) if known else unknown)
        if self.vector is not None and rest:
            h = h + self.vector(rest.pop(0).to(h.dtype))
        if rest:
            raise ValueError("this network knows no classes: build it with classes=..., or drop y")
        return h


class Embedding(Told):
    """Times (batch,) in [0, 1], and what the network is told, to vectors (batch, width).

    Args:
        width: length of the vectors, even.
        classes: how many classes there are; 0 takes none.
        context: length of a vector that is told after the label; 0 takes none.
    """

    def __init__(self, width: int, classes: int = 0, context: int = 0):
        super().__init__(count("width", width, 2), classes, context)
        self.net = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))

    def forward(self, t: Tensor, *conditions: Tensor | None) -> Tensor:
        """The vectors. Raises ValueError for conditions that the network was built without."""
        return self.added(self.net(sinusoidal(t, self.width)), *conditions)

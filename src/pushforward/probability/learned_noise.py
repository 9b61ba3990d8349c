"""A noise schedule that is learned: gamma(t) = log(sigma^2 / alpha^2), which rises from t = 0 to 1.

    gamma(t) = gamma_0 + (gamma_1 - gamma_0) s(t),    s(0) = 0,  s(1) = 1,  s' > 0

The ends and the shape s are separate modules, since they learn from different losses.

Variational Diffusion Models (Kingma et al., 2021), arXiv:2107.00630, appendix H.
Differs from the paper: before it is scaled, s is a line plus `sigmoids` of softplus slopes whose
centres start evenly in [0, 1]; the paper's has 1024 of them.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..core.blueprint import Component
from ..core.spaces import count


class Ends(nn.Module):
    """gamma_0 and gamma_1 > gamma_0."""

    def __init__(self, least: float, most: float):
        super().__init__()
        self.least = nn.Parameter(torch.tensor(float(least)))
        self.log_span = nn.Parameter(torch.tensor(math.log(most - least)))

    @property
    def span(self) -> Tensor:
        """gamma_1 - gamma_0."""
        return self.log_span.exp()


class Shape(nn.Module):
    """s(t) for t in [0, 1]; with no sigmoids it is t."""

    def __init__(self, sigmoids: int):
        super().__init__()
        if sigmoids:
            self.centre = nn.Parameter((torch.arange(sigmoids) + 0.5) / sigmoids)
            self.rate = nn.Parameter(torch.full((sigmoids,), 8.0))
            self.height = nn.Parameter(torch.full((sigmoids,), -3.0))

    def forward(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """s(t) and s'(t), (batch,) each."""
        if not list(self.parameters()):
            return t, torch.ones_like(t)
        low, _ = self._raw(torch.zeros_like(t[:1]))
        high, _ = self._raw(torch.ones_like(t[:1]))
        value, slope = self._raw(t)
        return (value - low) / (high - low), slope / (high - low)

    def _raw(self, t: Tensor) -> tuple[Tensor, Tensor]:
        rate, height = F.softplus(self.rate), F.softplus(self.height)
        s = (rate * (t[:, None] - self.centre)).sigmoid()
        return t + s @ height, 1 + (s * (1 - s)) @ (rate * height)


class LearnedNoise(Component):
    """gamma(t), with ends that start at `least` and `most`.

    Args:
        least: gamma_0, at the data: about -13.3 for 256 grey levels, more for fewer.
        most: gamma_1, at the noise.
        sigmoids: of the shape; 0 keeps the straight line between the ends.

    Raises ValueError for ends that do not rise.
    """

    def __init__(self, least: float = -13.3, most: float = 5.0, sigmoids: int = 32):
        super().__init__()
        if not -math.inf < least < most < math.inf:
            raise ValueError(f"gamma rises from least to most: {least!r} to {most!r} does not")
        self.least, self.most = float(least), float(most)
        self.ends, self.shape = Ends(least, most), Shape(count("sigmoids", sigmoids, 0))

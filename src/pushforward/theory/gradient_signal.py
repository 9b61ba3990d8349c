"""Signal and noise in the gradients of the importance-weighted bound.

    decoder  SNR = sqrt(k) |grad log Z| / sd( w/Z (grad log w - grad log Z) ) + ...     grows
    encoder  SNR = |grad Var w| / (2 Z sd(grad w) sqrt(k)) + ...                       falls

For one number x with z ~ N(mean, 1), x | z ~ N(z, 1) and q = N(shift, scale^2), reparametrised:
z = shift + scale e. `mean` is the decoder's parameter, `shift` the encoder's.

Tighter Variational Bounds are Not Necessarily Better (Rainforth et al., 2018), arXiv:1802.04537,
theorem 1 and section 4.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from ..core.catalogue import system
from ..core.spaces import count
from ..objectives import checks

system(
    "iwae-signal-to-noise",
    lecture=6,
    kind="theory",
    title="Signal and noise in gradients of the importance-weighted bound",
    paper="arXiv:1802.04537",
)


class Line(NamedTuple):
    """The model on a line: a datum, the prior's mean, and q's mean and scale."""

    x: float = 1.0
    mean: float = 0.3
    shift: float = 0.4
    scale: float = math.sqrt(2 / 3)

    def log_weight(self, e: Tensor) -> Tensor:
        """Log w of standard normal noise."""
        z = self.shift + self.scale * e
        fit = (z - self.mean) ** 2 + (self.x - z) ** 2 - e**2
        return -fit / 2 - math.log(2 * math.pi) / 2 + math.log(self.scale)

    def slopes(self, e: Tensor) -> tuple[Tensor, Tensor]:
        """Those of log w in the decoder's mean, and in the encoder's shift along the draws."""
        z = self.shift + self.scale * e
        return z - self.mean, (self.mean - z) + (self.x - z)


class Ratios(NamedTuple):
    """|mean| / standard deviation of a gradient of one datum."""

    decoder: float
    encoder: float


def signal_to_noise(line: Line, k: int, n: int = 20_000, seed: int = 0) -> Ratios:
    """Of `n` gradients of the bound with `k` draws: sum_i w_i grad log w_i / sum_i w_i."""
    generator = torch.Generator().manual_seed(seed)
    e = torch.randn(count("n", n, 2), count("k", k), generator=generator, dtype=torch.float64)
    share = line.log_weight(e).softmax(1)
    return Ratios(*(_ratio((share * slope).sum(1)) for slope in line.slopes(e)))


def leading_ratios(line: Line, k: int) -> Ratios:
    """The leading terms for large `k`, by quadrature.

    Raises ValueError for a scale of q of 1/2 or less, where weights have no second moment.
    """
    checks.positive_number("scale", line.scale)
    if line.scale**2 <= 1 / 4:
        raise ValueError(f"weights have no second moment for a scale of {line.scale}: above 0.5")
    e = torch.linspace(-12, 12, 6_001, dtype=torch.float64)
    p = (-(e**2) / 2).exp() * (e[1] - e[0]) / math.sqrt(2 * math.pi)
    w = line.log_weight(e).exp()
    z, (decoder, encoder) = (p * w).sum(), line.slopes(e)
    signal = (p * w * decoder).sum() / z
    noise = (p * (w / z * (decoder - signal)) ** 2).sum().sqrt()
    moving = (p * w**2 * encoder).sum() * 2 - 2 * z * (p * w * encoder).sum()  # d Var w / d shift
    spread = ((p * (w * encoder) ** 2).sum() - (p * w * encoder).sum() ** 2).sqrt()
    encoders = moving.abs() / (2 * z * spread * math.sqrt(k))
    return Ratios((math.sqrt(k) * signal.abs() / noise).item(), encoders.item())


def _ratio(gradient: Tensor) -> float:
    return (gradient.mean().abs() / gradient.std()).item()

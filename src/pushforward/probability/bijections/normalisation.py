"""Normalisation with a log-determinant: actnorm and batch normalisation, per channel.

    actnorm     z = (x + b) e^s              started so that the first batch has mean 0, variance 1
    batch norm  z = (x - m) / sqrt(v + eps)  by the batch's m, v in training, running ones after

On images log|det| counts every place: h w sum_c log scale_c.

Glow (Kingma & Dhariwal, 2018), arXiv:1807.03039, section 3.1; Real NVP (Dinh et al., 2017),
arXiv:1605.08803, section 3.7 and eq. 21.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ...core.shares import moments
from ...core.spaces import count
from .bijection import Bijection, places


def _broad(v: Tensor, x: Tensor) -> Tensor:
    return v.view(1, -1, *[1] * (x.dim() - 2))


def _moments(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and biased variance of every channel. Raises ValueError for a single value."""
    if x.numel() // x.shape[1] < 2:
        raise ValueError("normalisation by a batch needs two values or more: enlarge the batch")
    mean, variance, _ = moments(x)
    return mean, variance


class ActNorm(Bijection):
    """A shift and a scale per channel, set by the first batch that is seen in training.

    A constant channel keeps its scale at that batch. Until then it is the identity.
    """

    started: Tensor

    def __init__(self, channels: int):
        super().__init__()
        self.shift = nn.Parameter(torch.zeros(count("channels", channels)))
        self.log_scale = nn.Parameter(torch.zeros(channels))
        self.register_buffer("started", torch.zeros((), dtype=torch.uint8))
        self._waiting = True  # so that an accelerator is asked for `started` only until it is 1

    @property
    def waiting(self) -> bool:
        """Whether the next batch is to be its first of training, or it is not known yet."""
        return self.training and self._waiting

    @torch.compiler.disable
    def start(self, x: Tensor) -> None:
        """Takes shift and scale from `x`, unless that was done before."""
        if not self.started:
            with torch.no_grad():
                mean, variance = _moments(x.detach().to(self.shift.dtype))
                # Of a constant channel rounding leaves a few eps of its mean.
                constant = variance <= (16 * torch.finfo(variance.dtype).eps * mean) ** 2
                self.shift.copy_(-mean)
                self.log_scale.copy_(-0.5 * torch.where(constant, 1.0, variance).log())
                self.started.fill_(1)
        self._waiting = False

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Data to noise: z, and log|det dz/dx| (batch,)."""
        if self.waiting:
            self.start(x)
        z = (x + _broad(self.shift, x)) * _broad(self.log_scale.exp(), x)
        return z, self._log_det(x)

    def inverse(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Noise to data: x, and log|det dx/dz| (batch,)."""
        x = z * _broad((-self.log_scale).exp(), z) - _broad(self.shift, z)
        return x, -self._log_det(z)

    def _log_det(self, x: Tensor) -> Tensor:
        return (self.log_scale.sum() * places(x)).expand(len(x))


class BatchNorm(Bijection):
    """Batch normalisation per channel, with a learned shift and scale.

    In training `forward` uses the batch's moments; in evaluation, and for `inverse` always, the
    running ones. So the model is a density in evaluation mode.
    """

    mean: Tensor
    variance: Tensor

    def __init__(self, channels: int, momentum: float = 0.1, eps: float = 1e-5):
        super().__init__()
        self.momentum, self.eps = momentum, eps
        self.shift = nn.Parameter(torch.zeros(count("channels", channels)))
        self.log_scale = nn.Parameter(torch.zeros(channels))
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("variance", torch.ones(channels))

    def _learn(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mean, variance = _moments(x)
        with torch.no_grad():
            self.mean.lerp_(mean.to(self.mean.dtype), self.momentum)
            self.variance.lerp_(variance.to(self.mean.dtype), self.momentum)
        return mean, variance

    def _log_scale(self, variance: Tensor) -> Tensor:
        return self.log_scale - 0.5 * (variance + self.eps).log()

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Data to noise: z, and log|det dz/dx| (batch,)."""
        mean, variance = self._learn(x) if self.training else (self.mean, self.variance)
        log_scale = self._log_scale(variance)
        z = (x - _broad(mean, x)) * _broad(log_scale.exp(), x) + _broad(self.shift, x)
        return z, (log_scale.sum() * places(x)).expand(len(x))

    def inverse(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Noise to data by the running moments: x, and log|det dx/dz| (batch,)."""
        log_scale = self._log_scale(self.variance)
        x = (z - _broad(self.shift, z)) * _broad((-log_scale).exp(), z) + _broad(self.mean, z)
        return x, (-log_scale.sum() * places(z)).expand(len(z))

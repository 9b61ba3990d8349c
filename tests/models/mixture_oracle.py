"""Diffusions of a mixture of two Gaussians in the plane, of which everything is known."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.distributions import Categorical, MixtureSameFamily, MultivariateNormal

from pushforward.models.score.ddpm import DDPM
from pushforward.models.score.diffusion import spread
from pushforward.models.score.edm import EDM
from pushforward.models.score.flow_matching import FlowMatching
from pushforward.models.score.ncsn import NCSN
from pushforward.models.score.score_sde import ScoreSDE
from pushforward.nn.denoiser import TimeMLP

MEANS = torch.tensor([[-1.0, 0.3], [0.8, -0.6]], dtype=torch.float64)
WEIGHTS = torch.tensor([0.3, 0.7], dtype=torch.float64)
STD = 0.4
UNKNOWN = len(MEANS)


def mixture(alpha: float = 1.0, sigma: float = 0.0) -> MixtureSameFamily:
    """The density of alpha x_0 + sigma eps."""
    variance = alpha**2 * STD**2 + sigma**2
    parts = MultivariateNormal(alpha * MEANS, variance * torch.eye(2, dtype=torch.float64))
    return MixtureSameFamily(Categorical(WEIGHTS), parts)


def part(y: int, alpha: float = 1.0, sigma: float = 0.0) -> MultivariateNormal:
    """The same of the data of class `y` alone."""
    variance = alpha**2 * STD**2 + sigma**2
    return MultivariateNormal(alpha * MEANS[y], variance * torch.eye(2, dtype=torch.float64))


def best(x: Tensor, alpha: Tensor, sigma: Tensor, y: Tensor | None = None) -> Tensor:
    """E[x_0 | x_t = x] of the mixture, or of its part `y`, by Bayes' rule."""
    variance = alpha**2 * STD**2 + sigma**2
    apart = x[:, None] - alpha[:, None] * MEANS
    log_weight = WEIGHTS.log() - apart.square().sum(-1) / (2 * variance)
    means = MEANS + (alpha * STD**2 / variance)[:, None] * apart
    whole = (log_weight.softmax(1)[:, :, None] * means).sum(1)
    if y is None:
        return whole
    chosen = means[torch.arange(len(x)), y.clamp(max=UNKNOWN - 1)]
    return torch.where((y == UNKNOWN)[:, None], whole, chosen)


class Known:
    """Mixed into a diffusion, it knows the best denoiser; its network says what it is told."""

    def denoise_at(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        """The mean of the data."""
        return best(x, *(spread(v, x) for v in self.at(t)), y)  # type: ignore[attr-defined]


class KnownSDE(Known, ScoreSDE):
    """Score SDE."""


class KnownEDM(Known, EDM):
    """EDM."""


class KnownFlow(Known, FlowMatching):
    """Flow matching."""


class KnownNCSN(Known, NCSN):
    """NCSN."""


class KnownDDPM(Known, DDPM):
    """DDPM."""

    def _output(self, x, t, *conditions):
        """What a network that predicts eps would say."""
        alpha, sigma = (spread(v, x) for v in self.at(t))
        return (x - alpha * self.denoise_at(x, t, *conditions)) / sigma, None


def net(classes: int = 0) -> TimeMLP:
    """A network that is not asked."""
    return TimeMLP(2, width=8, layers=1, classes=classes)

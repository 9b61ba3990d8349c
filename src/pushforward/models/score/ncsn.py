"""NCSN: the scores of the data at many levels of noise, and Langevin dynamics down the ladder.

    sigma_1 > ... > sigma_L (a geometric ladder),   E_i E |sigma_i s(x_0 + sigma_i eps, i) + eps|^2

The score of clean data is unknown where there are none. Noise fills the space: the chain starts
where much noise has made the score known everywhere, and each level leaves it where the next one is
known.

Generative Modeling by Estimating Gradients of the Data Distribution (Song & Ermon, 2019),
arXiv:1907.05600, eqs. 5-6, algorithm 1. Improved Techniques for Training Score-Based Generative
Models (Song & Ermon, 2020), arXiv:2006.09011 (NCSNv2): techniques 1-4, eqs. 4 and 8, as
`largest_distance`, `ladder` and `langevin_step`; technique 5 is the recipe's EMA.
Differs from the papers: images are on [-1, 1], so that noise levels count double; s is the network
divided by sigma (technique 3) also where the network knows the level; chains start in noise; the
denoised of images, hence scores in sampling, are clipped to [-1, 1], unless `clipped=False`.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.distributions import Normal

from ...core.catalogue import example, system
from ...core.contract import Terms
from ...core.spaces import Pixels, Reals, count
from ...nn.denoiser import TimeMLP
from ...nn.dilated_images import DilatedNet
from ...solvers.diffusion import Level
from ...solvers.samplers import DDIM, AnnealedLangevin, Sampler
from .diffusion import Diffusion, spread, stratified


class NCSN(Diffusion):
    """A score network on a ladder of noise.

    Args:
        space: Pixels, or Reals.
        network: called (x, t), t = (level + 1/2) / number of levels, and with the conditions after
            t; `DilatedNet` (which knows the nearest level), `UNet`, `TimeMLP` fit.
        most, least: the ends of the ladder.
        rungs: how many levels.
        sampler: what `sample` uses.
        clipped: whether the denoised of Pixels are clipped to [-1, 1] in sampling.
    """

    def __init__(
        self,
        space: Pixels | Reals,
        network: nn.Module,
        most: float = 2.0,
        least: float = 0.02,
        rungs: int = 10,
        sampler: Sampler = AnnealedLangevin(step=4e-5),  # noqa: B008 (it is frozen)
        clipped: bool = True,
    ):
        predicts = f"sigma times the score on {rungs} rungs from {most:g} to {least:g}"
        super().__init__(space, sampler, network, predicts, clipped)
        if not 0 < least < most:
            raise ValueError(f"noise must fall from most to least, not {most!r} to {least!r}")
        self.network, self.rungs = network, count("rungs", rungs, 2)
        self.sigmas = [most * (least / most) ** (i / (rungs - 1)) for i in range(rungs)]

    @property
    def prior_std(self) -> float:
        """The most noise."""
        return self.sigmas[0]

    def levels(self, steps: int | None = None) -> list[Level]:
        """`steps` rungs of the ladder (all, where None), and the data."""
        steps = self.rungs if steps is None else count("steps", steps)
        if steps > self.rungs:
            raise ValueError(f"the ladder has {self.rungs} rungs; {steps} cannot be taken")
        places = [round(i * (self.rungs - 1) / max(1, steps - 1)) for i in range(steps)]
        return [*(Level(float(i), 1.0, self.sigmas[i]) for i in places), Level(-1.0, 1.0, 0.0)]

    def level_at(self, t: float) -> Level:
        """The level at rung `t`, or between two rungs, in proportion of their logarithms."""
        share = t / (self.rungs - 1)
        return Level(t, 1.0, self.sigmas[0] * (self.sigmas[-1] / self.sigmas[0]) ** share)

    def level_of(self, noise: float) -> Level:
        """The level of that noise: 0 is the most, rungs - 1 the least."""
        span = math.log(self.sigmas[-1] / self.sigmas[0])
        return Level((self.rungs - 1) * math.log(noise / self.sigmas[0]) / span, 1.0, noise)

    @property
    def walk(self) -> Sampler:
        """DDIM down at most 50 rungs, where the model's own sampler draws noise."""
        return DDIM(min(50, self.rungs)) if self.sampler.draws else self.sampler

    def at(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """alpha = 1 and sigma on the rungs `t`, 0 .. rungs - 1 from most noise to least."""
        share = t.to(self.dtype) / (self.rungs - 1)
        sigma = self.sigmas[0] * (self.sigmas[-1] / self.sigmas[0]) ** share
        return torch.ones_like(sigma), sigma

    def _output(self, x: Tensor, t: Tensor, *conditions: Tensor) -> Tensor:
        """sigma s(x), which is minus the noise."""
        time = (t.to(x.dtype) + 0.5) / self.rungs
        return self.network(x, time, *conditions)

    def denoise_at(self, x: Tensor, t: Tensor, *conditions: Tensor) -> Tensor:
        """E[x_0 | x_t = x] on the rungs `t`, (batch,)."""
        return x + spread(self.at(t)[1], x) * self._output(x, t, *conditions)

    def terms(self, x: Tensor, *conditions: Tensor) -> Terms:
        """{"score": mean squared error of sigma s}: eq. 6 with lambda = sigma^2."""
        x0 = self.to_float(x)
        t = (stratified(len(x), self.device, self.dtype) * self.rungs).long()
        eps = torch.randn_like(x0)
        noisy = x0 + spread(self.at(t)[1], x0) * eps
        return {"score": (self._output(noisy, t, *conditions) + eps).square().flatten(1).mean(1)}


def largest_distance(x: Tensor) -> float:
    """Technique 1: the greatest distance between two data, which the most noise should match."""
    return float(torch.pdist(x.flatten(1)).max())


def ladder(most: float, least: float, dims: int, overlap: float = 0.5) -> int:
    """Technique 2: how many rungs let a level's noise reach the next one's with this chance.

    In many dimensions noise lies near the sphere of radius sigma sqrt(dims); gamma is the greatest
    ratio of neighbours with Phi(sqrt(2 dims) (gamma - 1) + 3 gamma) - Phi(... - 3 gamma) = overlap.
    """

    def reached(gamma: float) -> float:
        far = math.sqrt(2 * dims) * (gamma - 1)
        ends = torch.tensor([far + 3 * gamma, far - 3 * gamma], dtype=torch.float64)
        above, below = Normal(0.0, 1.0).cdf(ends).tolist()
        return above - below

    low, high = 1.0, 2.0
    while reached(high) > overlap:
        high *= 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if reached(middle) > overlap else (low, middle)
    return 1 + math.ceil(math.log(most / least) / math.log(low))


def langevin_step(gamma: float, least: float, each: int) -> float:
    """Technique 4: the step after `each` of which noise gamma sigma has become noise sigma.

    With a = step / least^2 the variance follows v <- (1 - a)^2 v + 2 a from v = gamma^2.
    """
    a = torch.logspace(-8, 0, 20_001, dtype=torch.float64)[:-1]
    kept = (1 - a) ** 2
    variance = kept**each * gamma**2 + 2 * a * (1 - kept**each) / (1 - kept)
    return float(a[(variance - 1).abs().argmin()]) * least**2


system(
    "ncsn",
    lecture=13,
    title="Noise-conditional score network",
    paper="Song & Ermon, 2019, arXiv:1907.05600",
)

system(
    "ncsn-v2",
    lecture=13,
    title="NCSN with chosen ladder, step and average (NCSNv2)",
    paper="Song & Ermon, 2020, arXiv:2006.09011",
)


@example(data="moons")
def ncsn() -> NCSN:
    """Six levels in the plane."""
    net = TimeMLP(2, width=32, layers=2)
    return NCSN(Reals((2,)), net, 3.0, 0.1, 6, AnnealedLangevin(each=10, step=1e-3))


@example(data="bars", slow=True)
def ncsn_images() -> NCSN:
    """Conditional instance norm on 4x4 images."""
    space, net = Pixels(1, 4, 4, levels=2), DilatedNet(1, levels=4, width=8, dilations=(1, 2))
    return NCSN(space, net, 3.0, 0.2, 4, AnnealedLangevin(each=5, step=4e-3))

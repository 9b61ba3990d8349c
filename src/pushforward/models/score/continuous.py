"""Diffusions in continuous time: any path, and the likelihood that its probability flow gives.

    dx/dt = alpha'(t) E[x_0 | x_t] + sigma'(t) E[eps | x_t]

is an ODE whose x_t has the diffusion's density at every t (for VP it is Song et al.'s eq. 13 with
the score written by Tweedie's formula). It yields log p up to what the solver, the probes and the
first and last moment of time leave out: an estimate, neither an exact density nor a bound.
"""

from __future__ import annotations

import math
from abc import abstractmethod

import torch
from torch import Tensor, nn
from torch.distributions import Normal

from ...core.contract import STEPS, Estimated
from ...core.likelihood import EXACT, LOWER_BOUND, Kind, estimate, probed
from ...core.spaces import Pixels, Reals, count
from ...nn.sums import per_example
from ...probability.diffusion_paths import Path
from ...probability.divergence import rademacher
from ...solvers.adaptive import DormandPrince
from ...solvers.diffusion import Level
from ...solvers.fixed import RungeKutta4
from ...solvers.probability_flow import flow_to_noise
from ...solvers.samplers import Sampler
from ...solvers.spacing import MOST
from .diffusion import Diffusion, check_end, spread


class Continuous(Diffusion, Estimated):
    """A diffusion along `path`."""

    def __init__(
        self,
        space: Pixels | Reals,
        path: Path,
        sampler: Sampler,
        network: nn.Module,
        predicts: str,
        clipped: bool = True,
    ):
        super().__init__(space, sampler, network, predicts, clipped)
        self.path = path
        end = self.level_at(path.end)
        check_end(
            end.alpha**2 / (end.alpha**2 + end.sigma**2), str(path), "Take a path of more noise"
        )

    @abstractmethod
    def times(self, steps: int) -> list[float]:
        """steps + 1 falling times, from all noise to almost none."""

    @property
    def prior_std(self) -> float:
        """Standard deviation of the noise that sampling starts from."""
        return self.path.prior_std

    def at(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """alpha and sigma at the times `t`, (batch,)."""
        return self.path.at(t)

    def levels(self, steps: int | None = None) -> list[Level]:
        """steps + 1 levels: `times`, and the data, where the last step leads."""
        steps = count("steps", 100 if steps is None else steps)
        times = self.times(steps - 1) if steps > 1 else self.times(1)[:1]
        return [*map(self.level_at, times), Level(0.0, 1.0, 0.0)]

    def level_at(self, t: float) -> Level:
        """The level at the time `t`. Raises ValueError for a time that the path does not have."""
        if not 0 < t <= self.path.end * (1 + 1e-6):
            raise ValueError(
                f"the times of {self.path} are above 0 and at most {self.path.end:g}: there is no "
                f"time {t!r}"
            )
        alpha, sigma = self.path.at(torch.tensor(t, dtype=torch.float64))
        return Level(t, alpha.item(), sigma.item())

    def level_of(self, noise: float) -> Level:
        """The level where sigma / alpha is `noise`."""
        return self.level_at(self.path.when(noise))

    def velocity(self, x: Tensor, t: Tensor, *conditions: Tensor) -> Tensor:
        """dx/dt of the probability flow at the times `t`, (batch,)."""
        alpha, sigma = (spread(v, x) for v in self.path.at(t))
        alpha_slope, sigma_slope = (spread(v, x) for v in self.path.slopes(t))
        x0 = self.denoise_at(x, t, *conditions)
        return alpha_slope * x0 + sigma_slope * (x - alpha * x0) / sigma

    def estimated_log_prob(
        self,
        x: Tensor,
        *conditions: Tensor,
        steps: int = STEPS,
        probes: int | None = None,
        tolerance: float | None = None,
    ) -> Tensor:
        """log p(x) in nats, (batch,), by the probability flow in `steps` Runge-Kutta steps.

        The steps are even in log-SNR, whatever the sampler's are; with a `tolerance` they are
        Dormand-Prince's. With `probes` = 0 the divergence is exact, else Hutchinson's (see
        `Estimated`). Pixels are dequantised uniformly, so the mean over draws is a lower bound, but
        for the solver's error.
        """
        start, volume = self._dequantised(x)
        signs = rademacher(start, drawn) if (drawn := self._probes(probes)) else None

        def velocity(x: Tensor, t: float) -> Tensor:
            return self.velocity(x, x.new_full((len(x),), t), *conditions)

        times = self._flow_times(steps if tolerance is None else 1)
        z, gained = flow_to_noise(velocity, start, times, signs, _solver(1, tolerance))
        prior = per_example(Normal(0.0, self.prior_std).log_prob(z))
        return prior + gained + self.space.dims * math.log(volume)

    def estimate_kind(
        self, steps: int = STEPS, probes: int | None = None, tolerance: float | None = None
    ) -> Kind:
        """An estimate by Runge-Kutta steps and probes; of a lower bound where it dequantises."""
        of = LOWER_BOUND if isinstance(self.space, Pixels) else EXACT
        return estimate(str(_solver(steps, tolerance)), probed(self._probes(probes)), of=of)

    def _flow_times(self, steps: int) -> list[float]:
        """steps + 1 rising times, even in log-SNR; pure noise counts as `MOST` times the signal."""
        last, first, _ = self.levels(2)
        ends = math.log(first.noise), math.log(last.noise if last.alpha else MOST)
        logs = torch.linspace(*ends, count("steps", steps) + 1, dtype=torch.float64)[1:-1]
        return [first.t, *(self.level_of(n).t for n in logs.exp().tolist()), last.t]

    def _probes(self, probes: int | None) -> int:
        few = 0 if self.space.dims <= 8 else 1
        return few if probes is None else count("probes", probes, 0)

    def _dequantised(self, x: Tensor) -> tuple[Tensor, float]:
        """Floats spread over the bins of the integers, and the width of a bin."""
        x0 = self.to_float(x)
        if not isinstance(self.space, Pixels):
            return x0, 1.0
        width = 2 / (self.space.levels - 1)
        return x0 + width * (torch.rand_like(x0) - 0.5), width


def _solver(steps: int, tolerance: float | None) -> RungeKutta4 | DormandPrince:
    """What solves the flow: to a tolerance where one is given."""
    return RungeKutta4(steps) if tolerance is None else DormandPrince(tolerance, tolerance)

"""Score SDE: noise as a stochastic process, undone by its time reversal.

    dx = f(t) x dt + g(t) dw,    dx = [f x - g^2 grad log p_t(x)] dt + g dw  (backwards)
    E_t E |eps_theta(x_t, t) - eps|^2,    score = -eps_theta / sigma_t

One score network, learned once for a continuum of noise levels, gives several samplers (the reverse
SDE, Langevin corrections, the deterministic probability flow) and a likelihood.

Score-Based Generative Modeling through Stochastic Differential Equations (Song et al., 2021),
arXiv:2011.13456, eqs. 5-7 and 13, algorithms 2-5 (predictor-corrector).
Differs from the paper: the predictor draws from the exact reverse transition given the denoised
(their ancestral sampling), for all three SDEs; the input is scaled to unit variance; the denoised
of images are clipped to [-1, 1] in sampling, unless `clipped=False`.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ...core.blueprint import Component
from ...core.catalogue import example, system
from ...core.contract import Terms
from ...core.spaces import Pixels, Reals
from ...nn.denoiser import TimeMLP
from ...probability.diffusion_paths import VE, VP, Path
from ...solvers.samplers import PredictorCorrector, Sampler
from .continuous import Continuous
from .diffusion import spread, stratified


class ScoreSDE(Continuous):
    """A score network along VP, VE or sub-VP.

    Args:
        space: Pixels, or Reals of about unit scale.
        denoiser: called (x, t in [0, 1]), and with the conditions after t; predicts eps.
        path: `VP`, `SubVP` or `VE`.
        sampler: what `sample` uses.
        least: the time at which sampling and the likelihood stop, just above 0.
        clipped: whether the denoised of Pixels are clipped to [-1, 1] in sampling.
    """

    def __init__(
        self,
        space: Pixels | Reals,
        denoiser: Component,
        path: Path = VP(),  # noqa: B008 (it is frozen)
        sampler: Sampler = PredictorCorrector(),  # noqa: B008
        least: float = 1e-3,
        clipped: bool = True,
    ):
        super().__init__(space, path, sampler, denoiser, f"eps along {path}", clipped)
        if not 0 < least < 1:
            raise ValueError(f"least must be a time in (0, 1), not {least!r}")
        self.denoiser, self.least = denoiser, least

    def times(self, steps: int) -> list[float]:
        """Evenly spread from 1 to `least`."""
        return torch.linspace(1, self.least, steps + 1, dtype=torch.float64).tolist()

    def eps(self, x: Tensor, t: Tensor, *conditions: Tensor) -> Tensor:
        """E[eps | x_t = x] at the times `t`, (batch,)."""
        alpha, sigma = (spread(v, x) for v in self.at(t))
        scaled = x / (alpha**2 + sigma**2).sqrt()
        return self.denoiser(scaled, t, *conditions)

    def denoise_at(self, x: Tensor, t: Tensor, *conditions: Tensor) -> Tensor:
        """E[x_0 | x_t = x] at the times `t`, (batch,)."""
        alpha, sigma = (spread(v, x) for v in self.at(t))
        return (x - sigma * self.eps(x, t, *conditions)) / alpha

    def terms(self, x: Tensor, *conditions: Tensor) -> Terms:
        """{"score": mean squared error of eps}, which is the score's with the weight sigma_t^2."""
        x0 = self.to_float(x)
        t = self.least + (1 - self.least) * stratified(len(x), self.device, self.dtype)
        alpha, sigma = (spread(v, x0) for v in self.at(t))
        eps = torch.randn_like(x0)
        wrong = self.eps(alpha * x0 + sigma * eps, t, *conditions) - eps
        return {"score": wrong.square().flatten(1).mean(1)}


system(
    "score-sde",
    lecture=13,
    title="Score-based generative modelling through SDEs",
    paper="Song et al., 2021, arXiv:2011.13456",
)


@example(data="moons")
def score_sde() -> ScoreSDE:
    """Variance preserving, in the plane, with few steps."""
    return ScoreSDE(Reals((2,)), TimeMLP(2, width=32, layers=2), VP(), PredictorCorrector(20))


@example(data="moons")
def score_sde_ve() -> ScoreSDE:
    """Variance exploding, in the plane, with few steps."""
    net = TimeMLP(2, width=32, layers=2)
    return ScoreSDE(Reals((2,)), net, VE(0.05, 5.0), PredictorCorrector(20))

"""VDM: a diffusion that learns its noise schedule, by a bound that does not depend on it.

    -log p(x) <= KL(q(z_1|x) || N(0, I)) + E -log p(x|z_0)
                 + 1/2 E_{t, eps} gamma'(t) |eps - eps_theta(z_t, gamma(t))|^2

with SNR(t) = exp(-gamma(t)). Written in the SNR the last term is an integral from SNR(1) to SNR(0):
between its ends the schedule changes nothing but the variance of its estimate. So the ends learn
from the bound, and the shape in between from the square of the drawn term, whose mean is that
variance and a constant. A chain of T steps has T/2 expm1(gamma(t) - gamma(s)) in the place of
gamma'(t)/2, s = t - 1/T, and costs more for every T.

Variational Diffusion Models (Kingma et al., 2021), arXiv:2107.00630, eqs. 11-18; appendix I.
Differs from the paper: the shape has a pass of its own, as a second player; the times of a batch
are stratified at random within equal parts.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...core.catalogue import example, system
from ...core.contract import Bounded, Player, Terms
from ...core.spaces import Pixels, Reals, count
from ...nn.denoiser import TimeMLP
from ...nn.sums import per_example
from ...nn.unet import UNet
from ...probability.learned_noise import LearnedNoise
from ...solvers.diffusion import Level
from ...solvers.samplers import Ancestral, Sampler
from .diffusion import Diffusion, check_end, spread, stratified


class VDM(Diffusion, Bounded):
    """A diffusion along a learned gamma(t), t in [0, 1], and its bound.

    Args:
        space: Pixels, or Reals of about unit scale.
        denoiser: called (z, time), and with the conditions after it; predicts eps. The time is
            (gamma(t) - least) / (most - least), so that it tells the noise, not the schedule.
        noise: the schedule as it starts.
        steps: T of a chain; None is continuous time.
        sampler: what `sample` uses.
        clipped: whether the denoised of Pixels are clipped to [-1, 1] in sampling.
    """

    def __init__(
        self,
        space: Pixels | Reals,
        denoiser: nn.Module,
        noise: LearnedNoise,
        steps: int | None = None,
        sampler: Sampler = Ancestral(100),  # noqa: B008 (it is frozen)
        clipped: bool = True,
    ):
        super().__init__(space, sampler, denoiser, "eps by the noise of a schedule", clipped)
        self.steps = None if steps is None else count("steps", steps)
        self.least, self.most = noise.least, noise.most
        self.learner, self.shape = nn.ModuleList([denoiser, noise.ends]), noise.shape
        signal = 1 / (1 + math.exp(noise.most))
        check_end(signal, f"gamma up to {noise.most:g}", "Take a greater `most`")

    @property
    def denoiser(self) -> nn.Module:
        """The network."""
        return self.learner[0]

    def gamma(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """The schedule and its slope at the times `t`, (batch,) each."""
        ends, (value, slope) = self.learner[1], self.shape(t)
        return ends.least + ends.span * value, ends.span * slope

    def at(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """alpha and sigma at the times `t`, (batch,)."""
        return _scales(self.gamma(t)[0])

    def levels(self, steps: int | None = None) -> list[Level]:
        """steps + 1 levels: times evenly from 1 to 0, and the data. None takes T, or 100 steps."""
        steps = count("steps", (self.steps or 100) if steps is None else steps)
        times = torch.linspace(1, 0, steps).tolist()
        return [*map(self.level_at, times), Level(0.0, 1.0, 0.0)]

    def level_at(self, t: float) -> Level:
        """The level at the time `t`. Raises ValueError outside [0, 1]."""
        if not 0 <= t <= 1:
            raise ValueError(f"the times of a VDM are 0 to 1: there is no time {t!r}")
        with torch.no_grad():
            where = torch.tensor([t], device=self.device, dtype=self.dtype)
            gamma = self.gamma(where)[0].double()
        alpha, sigma = _scales(gamma)
        return Level(t, alpha.item(), sigma.item())

    def level_of(self, noise: float) -> Level:
        """The level where sigma / alpha is `noise`. Raises ValueError beyond the ends."""
        low, high = self.level_at(0.0), self.level_at(1.0)
        if not low.noise * (1 - 1e-4) <= noise <= high.noise * (1 + 1e-4):
            raise ValueError(
                f"the noise goes from {low.noise:.4g} to {high.noise:.4g} times the signal: there "
                f"is no level of {noise:.4g}"
            )
        for _ in range(40):  # by bisection: noise rises with t
            middle = self.level_at((low.t + high.t) / 2)
            low, high = (middle, high) if middle.noise < noise else (low, middle)
        return Level(high.t, 1 / math.hypot(1, noise), noise / math.hypot(1, noise))

    def denoise_at(self, x: Tensor, t: Tensor, *conditions: Tensor) -> Tensor:
        """E[x_0 | z_t = x] at the times `t`, (batch,)."""
        gamma = self.gamma(t)[0]
        alpha, sigma = (spread(v, x) for v in _scales(gamma))
        return (x - sigma * self._eps(x, gamma, *conditions)) / alpha

    def _eps(self, z: Tensor, gamma: Tensor, *conditions: Tensor) -> Tensor:
        return self.denoiser(z, (gamma - self.least) / (self.most - self.least), *conditions)

    def diffusion_loss(self, x: Tensor, t: Tensor, eps: Tensor, *conditions: Tensor) -> Tensor:
        """The diffusion term in nats, (batch,), at times `t` in (0, 1] with the noise `eps`.

        Its mean over t, uniform (in a chain: over 1/T, ..., 1), and eps is the bound's.
        """
        gamma, slope = self.gamma(t)
        if self.steps is not None:
            slope = self.steps * (gamma - self.gamma(t - 1 / self.steps)[0]).expm1()
        alpha, sigma = (spread(v, eps) for v in _scales(gamma))
        wrong = eps - self._eps(alpha * self.to_float(x) + sigma * eps, gamma, *conditions)
        return slope * per_example(wrong.square()) / 2

    def reconstruction(self, x: Tensor, eps: Tensor) -> Tensor:
        """-log p(x | z_0) in nats, (batch,); of Pixels a softmax over levels, p ~ q(z_0 | x)."""
        gamma = self.gamma(eps.new_zeros(1))[0]
        seen = self.to_float(x) + (gamma / 2).exp() * eps  # z_0 / alpha_0
        if isinstance(self.space, Reals):
            return per_example((eps.square() + gamma + math.log(2 * math.pi)) / 2)
        values = torch.linspace(-1, 1, self.space.levels, device=eps.device, dtype=eps.dtype)
        logits = -(seen[..., None] - values).square() / (2 * gamma.exp())
        nats = F.cross_entropy(logits.flatten(0, -2), x.long().flatten(), reduction="none")
        return per_example(nats.view(x.shape))

    def prior(self, x: Tensor) -> Tensor:
        """KL(q(z_1 | x) || N(0, I)) in nats, (batch,)."""
        x0 = self.to_float(x)
        alpha, sigma = self.at(x0.new_ones(1))
        return per_example(((alpha * x0) ** 2 + sigma**2 - 1) / 2 - sigma.log())

    def _drawn(self, x: Tensor, *conditions: Tensor, part: int = 0, parts: int = 1) -> Tensor:
        """The diffusion term at a random time from one of equal parts of [0, 1)."""
        t = (part + stratified(len(x), self.device, self.dtype)) / parts
        if self.steps is not None:
            t = ((t * self.steps).floor() + 1).clamp(max=self.steps) / self.steps
        return self.diffusion_loss(x, t, torch.randn_like(self.to_float(x)), *conditions)

    def elbo(self, x: Tensor, *conditions: Tensor, samples: int = 1) -> Tensor:
        """A lower bound on log p(x) in nats, (batch,): the mean of `samples` draws of t and eps."""
        total = self.prior(x)
        for i in range(count("samples", samples)):
            drawn = self._drawn(x, *conditions, part=i, parts=samples)
            noise = torch.randn_like(self.to_float(x))
            total = total + (drawn + self.reconstruction(x, noise)) / samples
        return -total

    def terms(self, x: Tensor, *conditions: Tensor) -> Terms:
        """{"diffusion", "reconstruction", "prior"}: the bound, in nats per dimension."""
        dims = self.space.dims
        return {
            "diffusion": self._drawn(x, *conditions) / dims,
            "reconstruction": self.reconstruction(x, torch.randn_like(self.to_float(x))) / dims,
            "prior": self.prior(x) / dims,
        }

    def spread_of_terms(self, x: Tensor, *conditions: Tensor) -> Terms:
        """{"variance"}: the squared diffusion term, in squared nats per dimension."""
        return {"variance": (self._drawn(x, *conditions) / self.space.dims) ** 2}

    def players(self) -> tuple[Player, ...]:
        """The denoiser with the schedule's ends, and the shape between where it can move."""
        learner = Player("denoiser", self.learner, self.loss)
        if not list(self.shape.parameters()):
            return (learner,)
        return learner, Player("schedule", self.shape, self.spread_of_terms)


def _scales(gamma: Tensor) -> tuple[Tensor, Tensor]:
    """alpha and sigma, whose squares sum to 1."""
    return (-gamma).sigmoid().sqrt(), gamma.sigmoid().sqrt()


system(
    "vdm",
    lecture=13,
    title="Variational diffusion model",
    paper="Kingma et al., 2021, arXiv:2107.00630",
)


@example(data="moons")
def vdm() -> VDM:
    """The smallest instance, in the plane."""
    net = TimeMLP(2, width=32, layers=2)
    return VDM(Reals((2,)), net, LearnedNoise(-6.0, 5.0, 4), sampler=Ancestral(20))


@example(data="bars")
def vdm_images() -> VDM:
    """A chain of 16 steps on 4x4 black and white images."""
    net = UNet(1, width=8, multipliers=(1, 2), blocks=1, attention=0)
    space, noise = Pixels(1, 4, 4, levels=2), LearnedNoise(-3.0, 5.0, 4)
    return VDM(space, net, noise, steps=16, sampler=Ancestral(8))

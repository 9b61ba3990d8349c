"""DDPM: learn to undo one small step of noise, many times.

    q(x_t | x_0) = N(alpha_t x_0, sigma_t^2 I),   alpha_t^2 = abar_t = 1 - sigma_t^2

    -log p(x_0) <= KL(q(x_T|x_0) || N(0, I))                                       L_T
                   + sum_{t > 1} KL(q(x_{t-1}|x_t, x_0) || p(x_{t-1}|x_t))         L_{t-1}
                   - log p(x_0|x_1)                                                L_0

Given x_0 every reverse step of q is a Gaussian in closed form, so the bound is a sum of KLs between
Gaussians that can be estimated at one random t: a hierarchical VAE of a thousand layers, trained
one layer at a time. Dropping the weights of the KLs leaves the simple loss
|eps - eps_theta(x_t, t)|^2. The decoder p(x_0|x_1) of Pixels is a Gaussian's mass in each integer's
bin, so that the bound is one on log p of the integers; of Reals it is the Gaussian's density.

Denoising Diffusion Probabilistic Models (Ho, Jain & Abbeel, 2020), arXiv:2006.11239, eqs. 4-8, 13,
14 and algorithms 1, 2. Learned variances and the hybrid loss: Improved Denoising Diffusion
Probabilistic Models (Nichol & Dhariwal, 2021), arXiv:2102.09672, eqs. 15, 16.
Differs from the papers: the hybrid's bound is in nats, not bits, per dimension; the times of a
batch are stratified; the denoised are clipped in the bound too (or nowhere, with `clipped=False`).
"""

from __future__ import annotations

import bisect
import math

import torch
from torch import Tensor, nn

from ...core.catalogue import example, system
from ...core.contract import Bounded, Terms
from ...core.spaces import Pixels, Reals, count
from ...nn.denoiser import TimeMLP
from ...nn.sums import per_example
from ...nn.unet import UNet
from ...probability.diffusion_schedules import CosineSchedule, LinearSchedule, Schedule
from ...probability.discretized_gaussian import discretized_gaussian_log_prob
from ...solvers.diffusion import Level, posterior
from ...solvers.samplers import DDIM, Ancestral, Sampler
from .diffusion import Diffusion, check_end, spread, stratified
from .parametrisation import (
    LargeVariance,
    LearnedVariance,
    MinSNR,
    PredictEps,
    Prediction,
    PredictV,
    Variance,
)


class DDPM(Diffusion, Bounded):
    """A chain of `steps` Gaussian steps from noise to data.

    Args:
        space: Pixels, or Reals of about unit scale.
        denoiser: called (x, t in [0, 1]), and with the conditions after t where it is told any; its
            output has x's shape, or twice as many channels with `LearnedVariance`. `UNet` and
            `TimeMLP` fit.
        steps: T.
        schedule: of the noise.
        prediction: what the network predicts.
        variance: of the reverse steps.
        sampler: what `sample` uses.
        clipped: whether the denoised of Pixels are clipped to [-1, 1], as in the official code.
        weighting: of the simple loss over steps; None weighs them alike.
    """

    table: Tensor
    log_noise: Tensor

    def __init__(
        self,
        space: Pixels | Reals,
        denoiser: nn.Module,
        steps: int = 1000,
        schedule: Schedule = LinearSchedule(),  # noqa: B008 (it is frozen, as are the others)
        prediction: Prediction = PredictEps(),  # noqa: B008
        variance: Variance = LargeVariance(),  # noqa: B008
        sampler: Sampler = Ancestral(),  # noqa: B008
        clipped: bool = True,
        weighting: MinSNR | None = None,
    ):
        predicts = f"{prediction.told} in {steps} steps of {schedule}"
        super().__init__(space, sampler, denoiser, predicts, clipped)
        self.denoiser, self.steps = denoiser, count("steps", steps)
        self.prediction, self.variance, self.weighting = prediction, variance, weighting
        signal = schedule.signal(steps)
        what = f"{schedule} in {steps} steps"
        check_end(signal[-1].item(), what, "Take a longer chain or more noise a step")
        self.ladder = [
            Level(float(t), math.sqrt(a), math.sqrt(max(1 - a, 0.0)))
            for t, a in enumerate(signal.tolist())
        ]
        self._tabulate()

    def _tabulate(self) -> None:
        """Rows alpha, sigma, and of the step t -> t-1: x_0's weight, log beta tilde, log beta."""
        columns = [(1.0, 0.0, 1.0, 1.0, 1.0)]
        for after, now in zip(self.ladder, self.ladder[1:]):
            beta = now.sigma**2 - (now.alpha / after.alpha * after.sigma) ** 2
            small = beta * (after.sigma / now.sigma) ** 2
            columns.append((now.alpha, now.sigma, after.alpha * beta / now.sigma**2, small, beta))
        table = torch.tensor(columns, dtype=torch.float64).T.contiguous()
        # beta tilde_1 is 0, which has no log: as in the official code, its neighbour stands in.
        table[3, 1] = table[3, 2] if self.steps > 1 else table[4, 1]
        table[3:] = table[3:].log()
        log_noise = (table[1] / table[0]).log()
        self.register_buffer("table", table.to(self.device, self.dtype), persistent=False)
        self.register_buffer("log_noise", log_noise.to(self.device, self.dtype), persistent=False)

    def _apply(self, fn, recurse=True):
        """Moving to another type computes the table anew, so that float64 has all its digits."""
        super()._apply(fn, recurse)
        self._tabulate()
        return self

    def levels(self, steps: int | None = None) -> list[Level]:
        """steps + 1 levels from T to 0, as evenly spread as whole numbers allow.

        Raises ValueError for more steps than the chain has.
        """
        steps = self.steps if steps is None else count("steps", steps)
        if steps > self.steps:
            raise ValueError(f"the chain has {self.steps} steps; {steps} cannot be taken")
        return [self.ladder[round(self.steps * i / steps)] for i in range(steps, -1, -1)]

    def level_at(self, t: float) -> Level:
        """The level at step `t`, 1 .. T, or between two steps, where log(sigma / alpha) is linear.

        Raises ValueError outside.
        """
        if not 1 <= t <= self.steps:
            raise ValueError(f"the chain's times are 1 .. {self.steps}: there is no time {t!r}")
        low = min(int(t), self.steps - 1) or 1
        logs = [math.log(level.noise) for level in self.ladder[low : low + 2]]
        noise = math.exp(logs[0] + (t - low) * (logs[-1] - logs[0]))
        return self.ladder[int(t)] if t == int(t) else _of_noise(t, noise)

    def level_of(self, noise: float) -> Level:
        """The level where sigma / alpha is `noise`. Raises ValueError beyond the chain's ends."""
        least, most = self.ladder[1].noise, self.ladder[-1].noise
        if not least * (1 - 1e-6) <= noise <= most * (1 + 1e-6):
            raise ValueError(
                f"the chain's noise goes from {least:.4g} to {most:.4g} times the signal: there is "
                f"no level of {noise:.4g}"
            )
        if self.steps == 1:
            return self.ladder[1]
        noise = min(max(noise, least), most)
        high = bisect.bisect_left(self.ladder, noise, lo=2, hi=self.steps, key=lambda v: v.noise)
        below, above = self.ladder[high - 1], self.ladder[high]
        share = math.log(noise / below.noise) / math.log(above.noise / below.noise)
        return _of_noise(below.t + share, noise)

    def at(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """alpha and sigma at the steps `t`, 1 .. T, or between two steps, (batch,)."""
        low = t.long()
        alpha, sigma = self.table[0][low], self.table[1][low]
        if not t.is_floating_point():
            return alpha, sigma
        share, logs = t - low, self.log_noise[torch.stack([low, (low + 1).clamp(max=self.steps)])]
        noise = torch.lerp(logs[0], logs[1], share).exp()
        between = (1 + noise**2).rsqrt()
        inside = share > 0
        return torch.where(inside, between, alpha), torch.where(inside, noise * between, sigma)

    @property
    def walk(self) -> Sampler:
        """DDIM over at most 50 steps, where the model's own sampler draws noise."""
        return DDIM(min(50, self.steps)) if self.sampler.draws else self.sampler

    def denoise_at(self, x: Tensor, t: Tensor, *conditions: Tensor) -> Tensor:
        """E[x_0 | x_t = x] at the steps `t`, 1 .. T, (batch,)."""
        alpha, sigma = (spread(v, x) for v in self.at(t))
        return self.prediction.x0(self._output(x, t, *conditions)[0], x, alpha, sigma)

    def _output(self, x: Tensor, t: Tensor, *conditions: Tensor) -> tuple[Tensor, Tensor | None]:
        """The network's prediction, and its second output where it has one."""
        time = t.to(x.dtype) / self.steps
        out = self.denoiser(x, time, *conditions)
        parts = 2 if isinstance(self.variance, LearnedVariance) else 1
        expected = (len(x), parts * x.shape[1], *x.shape[2:])
        if out.shape != expected:
            raise ValueError(
                f"with {self.variance} the denoiser must give {expected}, not {tuple(out.shape)}"
            )
        prediction, *fraction = out.chunk(parts, dim=1)
        return prediction, fraction[0] if fraction else None

    def _x0(self, x: Tensor, t: Tensor, out: Tensor) -> Tensor:
        alpha, sigma = (spread(v, x) for v in self.at(t))
        return self.clip(self.prediction.x0(out, x, alpha, sigma))

    def reverse(
        self, x: Tensor, now: Level, after: Level, *conditions: Tensor
    ) -> tuple[Tensor, Tensor | float]:
        """Mean and variance of p(x_s | x_t), also for a step that leaves levels out."""
        out, fraction = self._output(x, x.new_full((len(x),), now.t), *conditions)
        x0 = self._x0(x, x.new_full((len(x),), now.t), out)
        mean, small = posterior(x, x0, now, after)
        large = now.sigma**2 - (now.alpha / after.alpha * after.sigma) ** 2
        ends = (x.new_tensor(v).log() for v in (max(small, 1e-20), large))
        return mean, self.variance.log(fraction, *ends).exp()

    def terms(self, x: Tensor, *conditions: Tensor) -> Terms:
        """{"simple"}: mean squared error; with `LearnedVariance` also {"bound"}, nats per dim."""
        x0 = self.to_float(x)
        t = 1 + (stratified(len(x), self.device, self.dtype) * self.steps).long()
        eps = torch.randn_like(x0)
        alpha, sigma = (spread(v, x0) for v in self.at(t))
        noisy = alpha * x0 + sigma * eps
        out, fraction = self._output(noisy, t, *conditions)
        wrong = out - self.prediction.target(x0, eps, alpha, sigma)
        terms = {"simple": wrong.square().flatten(1).mean(1)}
        if self.weighting is not None:
            terms["simple"] = self.weighting(self.prediction, *self.at(t)) * terms["simple"]
        if isinstance(self.variance, LearnedVariance):
            # The bound teaches the variance alone: the mean is left to the simple loss.
            rate = self._rate(x, noisy, t, self._x0(noisy, t, out.detach()), fraction)
            terms["bound"] = self.variance.weight * self.steps * rate / self.space.dims
        return terms

    def _rate(
        self, x: Tensor, noisy: Tensor, t: Tensor, x0: Tensor, fraction: Tensor | None
    ) -> Tensor:
        """L_{t-1} in nats, (batch,): the decoder's where t = 1."""
        _, _, from_x0, small, large = (spread(v, noisy) for v in self.table[:, t])
        log_variance = self.variance.log(fraction, small, large).expand_as(noisy)
        gap = (from_x0 * (self.to_float(x) - x0)) ** 2 / log_variance.exp()
        kl = (gap + (small - log_variance).exp() - 1 + log_variance - small) / 2
        nll = -self._decode(x, x0, log_variance)
        return torch.where(t == 1, per_example(nll), per_example(kl))

    def _decode(self, x: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:
        """log p(x_0 | x_1), elementwise."""
        std = (log_variance / 2).exp()
        if isinstance(self.space, Pixels):
            return discretized_gaussian_log_prob(x, mean, std, self.space.levels)
        return -(((x - mean) / std) ** 2) / 2 - log_variance / 2 - math.log(2 * math.pi) / 2

    def _draw_rate(self, x: Tensor, t: Tensor, *conditions: Tensor) -> Tensor:
        """L_{t-1} at the steps `t` with one draw of x_t, in nats, (batch,)."""
        alpha, sigma = (spread(v, x) for v in self.at(t))
        x0 = self.to_float(x)
        noisy = alpha * x0 + sigma * torch.randn_like(x0)
        out, fraction = self._output(noisy, t, *conditions)
        return self._rate(x, noisy, t, self._x0(noisy, t, out), fraction)

    def _forgotten(self, x: Tensor) -> Tensor:
        """L_T = KL(q(x_T | x_0) || N(0, I)) in nats, (batch,)."""
        alpha, sigma = self.table[0, -1], self.table[1, -1]
        squares = (alpha * self.to_float(x)) ** 2
        return per_example((squares + sigma**2 - 1) / 2 - sigma.log())

    def rates(self, x: Tensor, *conditions: Tensor) -> Tensor:
        """L_0, L_1, ..., L_T in nats, (batch, T + 1), each with one draw of noise.

        Minus their sum is a lower bound on log p(x) that leaves nothing to chance but that noise.
        """
        self.space.check(x)
        steps = (torch.full((len(x),), t, device=self.device) for t in range(1, self.steps + 1))
        drawn = [self._draw_rate(x, t, *conditions) for t in steps]
        return torch.stack([*drawn, self._forgotten(x)], dim=1)

    def elbo(self, x: Tensor, *conditions: Tensor, samples: int = 1) -> Tensor:
        """A lower bound on log p(x) in nats, (batch,): L_T exactly, L_0 and a random L_t drawn.

        Unbiased for any number of `samples`: each is one draw of L_0 and one of a t in 2 .. T,
        from as many equal parts of what the steps would cost for standard normal data,
        log(sigma_t^2 / sigma_{t-1}^2), with a little of every t. `rates` visits every t.
        """
        ones = torch.ones(len(x), dtype=torch.long, device=self.device)
        total = self._forgotten(x)
        chance = self._chances()
        for i in range(count("samples", samples)):
            total = total + self._draw_rate(x, ones, *conditions) / samples
            if self.steps > 1:
                u = (i + stratified(len(x), self.device, self.dtype)) / samples
                place = torch.searchsorted(chance.cumsum(0), u).clamp(max=self.steps - 2)
                weight = 1 / (samples * chance[place])
                total = total + weight * self._draw_rate(x, 2 + place, *conditions)
        return -total

    def _chances(self) -> Tensor:
        """With what probability `elbo` visits t = 2 .. T."""
        cost = 2 * (self.table[1, 2:] / self.table[1, 1:-1]).log()
        return 0.9 * cost / cost.sum() + 0.1 / (self.steps - 1)


def _of_noise(t: float, noise: float) -> Level:
    """The level of that noise whose variances sum to 1."""
    norm = math.hypot(1.0, noise)
    return Level(t, 1 / norm, noise / norm)


system(
    "ddpm",
    lecture=13,
    title="Denoising diffusion probabilistic model",
    paper="Ho et al., 2020, arXiv:2006.11239",
)


@example(data="moons")
def ddpm() -> DDPM:
    """The smallest instance: a chain of 20 steps in the plane."""
    return DDPM(Reals((2,)), TimeMLP(2, width=32, layers=2), steps=20)


@example(data="bars")
def ddpm_images() -> DDPM:
    """A tiny U-Net with learned variances on 4x4 black and white images."""
    net = UNet(1, outputs=2, width=8, multipliers=(1, 2), blocks=1, attention=0)
    space = Pixels(1, 4, 4, levels=2)
    return DDPM(space, net, 16, CosineSchedule(), PredictV(), LearnedVariance(), DDIM(8))

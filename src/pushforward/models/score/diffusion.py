"""What all diffusions share: a ladder of noise, a denoiser, a sampler.

    x_t = alpha_t x_0 + sigma_t eps,    score(x, t) = (alpha_t E[x_0 | x_t = x] - x) / sigma_t^2

Whoever knows the mean of the data given the noisy data knows the score, and the other way round
(Tweedie's formula). A subclass says which (alpha, sigma) there are, how a network becomes a
denoiser and what it learns; sampling is then the same for all.

Pixels are moved to [-1, 1] and back; the denoised are clipped to it, where means of data must lie,
unless a model was built with `clipped=False`.
"""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ...core.contract import Completing, Pushforward, Scored, Terms
from ...core.shares import places
from ...core.spaces import Pixels, Reals, count
from ...solvers.diffusion import Level, posterior
from ...solvers.inpainting import inpaint
from ...solvers.samplers import DDIM, Sampler
from .parametrisation import Prediction

ENOUGH = 0.1  # of x_0's variance in x_T: more of it is told


class Denoising(Pushforward, Completing):
    """What draws by the steps of a diffusion: one as it is, or one that is led on its way."""

    @property
    @abstractmethod
    def diffusion(self) -> Diffusion:
        """Whose noise, levels and sampler are used."""

    @abstractmethod
    def process(self, *conditions: Tensor) -> Given:
        """What samplers see, given the conditions."""

    def sample(self, n: int, *conditions: Tensor) -> Tensor:
        """`n` data, given their conditions."""
        own = self.diffusion
        return own.to_data(own.sampler(self.process(*conditions), own.prior_std * self.latents(n)))

    def latents(self, n: int) -> Tensor:
        """Standard normal noise of the data's shape."""
        return torch.randn(n, *self.space.shape, device=self.device, dtype=self.dtype)

    def push(self, z: Tensor, *conditions: Tensor) -> Tensor:
        """The data at the end of the probability flow that starts in `z`: no noise is drawn."""
        own = self.diffusion
        return own.to_data(own.walk(self.process(*conditions), own.prior_std * z))

    def complete(self, x: Tensor, known: Tensor, *conditions: Tensor, repeats: int = 5) -> Tensor:
        """Data that agree with `x` where `known` (bool, broadcast to x's shape) is true.

        What is drawn is conditioned on all that is known, by RePaint in `repeats` rounds at each
        level of the sampler's ladder; 1 is replacement alone, which is quick and fits worse.
        """
        return completed(self.process(*conditions), x, known, repeats)


class Diffusion(Scored, Denoising):
    """Data from noise by a denoiser; `sampler` may be exchanged at any time.

    It is told what its network is told, which the network says: `UNet(..., classes=10).given` is
    Labels(10), and it is called (x, t, y). `terms` is the loss without the contract's checks, for
    those who train the network's "unknown" as well (`Guided`).

    A network belongs to what it predicts, and along which path: it remembers that, and a diffusion
    that reads its output as something else refuses it. Samplers of any paper fit any diffusion.
    """

    space: Pixels | Reals

    def __init__(
        self,
        space: Pixels | Reals,
        sampler: Sampler,
        network: nn.Module,
        predicts: str,
        clipped: bool = True,
    ):
        if not isinstance(space, (Pixels, Reals)):
            raise ValueError(f"a diffusion models Pixels or Reals, not {space}")
        super().__init__(space, getattr(network, "given", None))
        claim(network, predicts, type(self).__name__)
        self.sampler, self.clipped = sampler, clipped

    @abstractmethod
    def terms(self, x: Tensor, *conditions: Tensor) -> Terms:
        """What is minimised, for conditions as the network takes them, (batch,) each."""

    def loss(self, *batch: Tensor) -> Terms:
        """The same, for conditions that are checked."""
        return self.terms(*batch)

    @abstractmethod
    def levels(self, steps: int | None = None) -> Sequence[Level]:
        """steps + 1 levels from noise to data; None takes the model's own number of steps."""

    @abstractmethod
    def level_at(self, t: float) -> Level:
        """The level at the model's own time `t`."""

    @abstractmethod
    def level_of(self, noise: float) -> Level:
        """The level where sigma / alpha is `noise`."""

    @abstractmethod
    def at(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """alpha and sigma at the times `t`, (batch,)."""

    @abstractmethod
    def denoise_at(self, x: Tensor, t: Tensor, *conditions: Tensor) -> Tensor:
        """E[x_0 | x_t = x] at the times `t`, (batch,), given the conditions."""

    def denoise(self, x: Tensor, level: Level, *conditions: Tensor) -> Tensor:
        """E[x_0 | x_t = x] where all of the batch are on one level."""
        return self.clip(self.denoise_at(x, x.new_full((len(x),), level.t), *conditions))

    def reverse(
        self, x: Tensor, now: Level, after: Level, *conditions: Tensor
    ) -> tuple[Tensor, Tensor | float]:
        """Mean and variance of p(x_s | x_t): the posterior given the denoised."""
        return posterior(x, self.denoise(x, now, *conditions), now, after)

    @property
    def diffusion(self) -> Diffusion:
        """Itself."""
        return self

    def process(self, *conditions: Tensor) -> Given:
        """What samplers see, given the conditions."""
        return Given(self, conditions)

    @property
    def prior_std(self) -> float:
        """Standard deviation of the noise that sampling starts from."""
        return 1.0

    @property
    def walk(self) -> Sampler:
        """The sampler of `push`: the model's own, or DDIM where that one draws noise."""
        return DDIM() if self.sampler.draws else self.sampler

    def predict(self, prediction: Prediction, x: Tensor, t: Tensor, *conditions: Tensor) -> Tensor:
        """What the network says of `x` at times `t`, as another one would: eps, x_0, v, ..."""
        alpha, sigma = (spread(v, x) for v in self.at(t))
        x0 = self.denoise_at(x, t, *conditions)
        return prediction.target(x0, (x - alpha * x0) / sigma, alpha, sigma)

    def score(self, x: Tensor, t: Tensor, *conditions: Tensor) -> Tensor:
        """grad_x log p_t(x), of `x`'s shape, for noisy `x` (Pixels: about [-1, 1]) at times `t`."""
        alpha, sigma = (spread(v, x) for v in self.at(t))
        return (alpha * self.denoise_at(x, t, *conditions) - x) / sigma**2

    def to_float(self, x: Tensor) -> Tensor:
        """Data as the denoiser sees them."""
        if isinstance(self.space, Pixels):
            return self.space.to_signed(x, self.dtype)
        return x.to(self.dtype)

    def to_data(self, x: Tensor) -> Tensor:
        """What the denoiser sees as data of the space."""
        return self.space.from_signed(x) if isinstance(self.space, Pixels) else x

    def clip(self, x0: Tensor) -> Tensor:
        """A mean of data lies between the least and the greatest."""
        return x0.clamp(-1, 1) if self.clipped and isinstance(self.space, Pixels) else x0


def claim(network: nn.Module, predicts: str, who: str) -> None:
    """Writes on the network what it predicts. Raises ValueError where that is something else."""
    known = network.__dict__.get("predicts", predicts)
    if known != predicts:
        raise ValueError(
            f"this network predicts {known}, so {who} cannot read it as {predicts}: build a new "
            "network, or keep the diffusion that it belongs to and give that another sampler, "
            "such as HeunSampler(spacing=Karras())"
        )
    network.__dict__["predicts"] = predicts


def check_end(signal: float, what: str, remedy: str) -> None:
    """Warns where the end of `what`, taken to be noise alone, has this share of signal in it."""
    if signal > ENOUGH:
        warnings.warn(
            f"{what} does not end near noise: at its end the signal-to-noise "
            f"ratio alpha^2 / sigma^2 is still {signal / max(1 - signal, 1e-12):.3g}, yet samples "
            f"start from noise alone. {remedy}",
            stacklevel=4,
        )


@dataclass(frozen=True)
class Given:
    """A diffusion as a sampler sees it, given its conditions."""

    model: Diffusion
    conditions: tuple[Tensor, ...] = ()

    def levels(self, steps: int | None = None) -> Sequence[Level]:
        """The model's levels."""
        return self.model.levels(steps)

    def level_at(self, t: float) -> Level:
        """The level at the model's own time `t`."""
        return self.model.level_at(t)

    def level_of(self, noise: float) -> Level:
        """The level where sigma / alpha is `noise`."""
        return self.model.level_of(noise)

    def mean(self, x: Tensor, level: Level) -> Tensor:
        """E[x_0 | x_t = x, conditions] as the network says it, whatever data may be."""
        t = x.new_full((len(x),), level.t)
        return self.model.denoise_at(x, t, *self.conditions)

    def denoise(self, x: Tensor, level: Level) -> Tensor:
        """The same, clipped to where means of data must lie."""
        return self.model.denoise(x, level, *self.conditions)

    def reverse(self, x: Tensor, now: Level, after: Level) -> tuple[Tensor, Tensor | float]:
        """Mean and variance of p(x_s | x_t, conditions)."""
        return self.model.reverse(x, now, after, *self.conditions)


@dataclass(frozen=True)
class Steered(Given):
    """A diffusion whose denoised are moved on the way, as a sampler sees it."""

    def denoise(self, x: Tensor, level: Level) -> Tensor:
        """The mean, clipped to where means of data must lie."""
        return self.model.clip(self.mean(x, level))

    def reverse(self, x: Tensor, now: Level, after: Level) -> tuple[Tensor, Tensor | float]:
        """Mean and variance of the posterior given the denoised."""
        return posterior(x, self.denoise(x, now), now, after)


def completed(given: Given, x: Tensor, known: Tensor, repeats: int) -> Tensor:
    """Data of a diffusion that agree with `x` where `known` is true (`Diffusion.complete`)."""
    model, rounds = given.model, count("repeats", repeats)
    values, kept = model.to_float(x), known.expand_as(x)
    levels = model.sampler.levels(given)
    noise = levels[0].sigma * model.latents(len(x))
    drawn = inpaint(given, noise, levels, values, kept, rounds)
    return torch.where(kept, x, model.to_data(drawn).to(x.dtype))


def spread(v: Tensor, x: Tensor) -> Tensor:
    """(batch,) as (batch, 1, ..., 1), to multiply `x` by."""
    return v.view(-1, *[1] * (x.dim() - 1))


def stratified(n: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    """n uniforms, one in each of n equal parts of [0, 1), in random order: means vary less."""
    part, parts = places(n, device)
    u = torch.rand(n, device=device, dtype=dtype)
    return ((part.to(dtype) + u) / parts).clamp(max=1 - 1e-7)

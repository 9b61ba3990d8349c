"""Consistency models: all points of a path of the probability flow lead to the same datum, at once.

    f(x, sigma) = c_skip x + c_out F(c_in x, c_noise),        f(x, least) = x
    E[ lambda d( f(x_0 + sigma' eps, sigma'), f^-(x_s, s) ) ],    s < sigma' neighbours on a ladder

x_s is on the same path: a step of a teacher's ODE from x_0 + sigma' eps (distillation), or, as if
x_0 were all that x could come from, x_0 + s eps (training); f^- takes no gradient. What is known at
no noise, where f is the identity, is handed up the ladder from neighbour to neighbour. One call
then draws a datum; more calls add noise and take it away again.

    c_skip = s^2 / ((sigma - least)^2 + s^2),   c_out = s (sigma - least) / sqrt(sigma^2 + s^2)
    d(a, b) = sqrt(|a - b|^2 + c^2) - c,  c = 0.00054 sqrt(dims),     lambda = 1 / (sigma' - s)

with s here the deviation of the data.

Consistency Models (Song et al., 2023), arXiv:2303.01469, algorithms 1-3, appendix C. Improved
Techniques for Training Consistency Models (Song & Dhariwal, 2024), arXiv:2310.14189, table 1: the
distance, the weight, ladders that double as training goes on, log-normal levels, no average for
f^-.
Differs from the papers: those improvements serve distillation too, but for its ladder, which stays;
the teacher is any diffusion, learns in a stage before, and steps by Heun's rule.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ...core.catalogue import example, system
from ...core.contract import Completing, Player, Pushforward, Stage, Terms, keep_apart
from ...core.spaces import Pixels, Reals, count
from ...nn.denoiser import TimeMLP
from .diffusion import Diffusion, claim, spread, stratified
from .edm import EDM
from .inheritance import Inheritance

LOG_MEAN, LOG_STD = -1.1, 2.0  # of the noise levels in training


class Consistency(Pushforward, Completing):
    """A network that leads noise of any level to data in one call.

    It begins with the weights of its teacher where that is an EDM whose network is built alike.

    Args:
        space: Pixels, or Reals.
        network: F, called (x, t), and with the conditions after t.
        teacher: a diffusion of the same data that is told the same; None trains without.
        data_std: s, about 0.5 for images in [-1, 1].
        least, most: the ends of the noise.
        ladder: steps of the ladder; without a teacher it has `first` at the start of training, and
            doubles until it has these.
        first: see above.
        calls: of the network for a sample; 1 draws no noise on the way.
        share: of the training steps, for the teacher.
    """

    space: Pixels | Reals

    def __init__(
        self,
        space: Pixels | Reals,
        network: nn.Module,
        teacher: Diffusion | None = None,
        data_std: float = 0.5,
        least: float = 0.002,
        most: float = 80.0,
        ladder: int = 160,
        first: int = 10,
        calls: int = 1,
        share: float = 0.5,
    ):
        if not isinstance(space, (Pixels, Reals)):
            raise ValueError(f"a consistency model is of Pixels or Reals, not {space}")
        super().__init__(space, getattr(network, "given", None))
        if not 0 < least < most or data_std <= 0:
            raise ValueError(
                "noise levels and data_std must be positive, least below most: was given "
                f"least={least}, most={most}, data_std={data_std}"
            )
        if not 0 < share < 1:
            raise ValueError(f"share must be between 0 and 1, not {share!r}")
        claim(network, f"a consistency model's F of data_std {data_std:g}", type(self).__name__)
        self.network, self.data_std = network, data_std
        self.least, self.most = least, most
        self.steps, self.first = count("ladder", ladder, 2), count("first", first, 2)
        self.calls, self.share = count("calls", calls), share
        self.teacher, self.inheritance = self._pupil_of(teacher), Inheritance()

    def _pupil_of(self, teacher: Diffusion | None) -> Diffusion | None:
        if teacher is None:
            return None
        if teacher.space != self.space or teacher.given != self.given:
            raise ValueError(
                f"the teacher is of {teacher.space} given {teacher.given}, the network of "
                f"{self.space} given {self.given}: they must be of the same data and told the same"
            )
        keep_apart(teacher, self.network)
        for noise in (self.least, self.most):
            teacher.level_of(noise)  # which says where there is none
        return teacher

    def stages(self) -> tuple[Stage, ...]:
        """The teacher, where there is one, then the network."""
        player = Player("consistency", self.network, self.loss)
        if self.teacher is None:
            return (Stage("train", (player,)),)
        teacher = Player("teacher", self.teacher, self.teacher.loss)
        first: tuple[Player, ...] = ()
        if isinstance(self.teacher, EDM) and self.teacher.data_std == self.data_std:
            first = self.inheritance.player(self.network, self.teacher.network)
        after = Stage("distillation", (*first, player), share=1 - self.share)
        return Stage("teacher", (teacher,), share=self.share), after

    def levels(self, steps: int) -> Tensor:
        """steps + 1 rising levels of noise, (EDM, eq. 5), float64 on the CPU."""
        low, high = (v ** (1 / 7) for v in (self.least, self.most))
        return torch.linspace(low, high, steps + 1, dtype=torch.float64) ** 7

    def rungs(self) -> int:
        """Steps of the ladder at this moment of training."""
        if self.teacher is not None or self.first >= self.steps:
            return self.steps
        doublings = math.log2(self.steps / self.first)
        done = math.floor(float(self.progress) * (math.floor(doublings) + 1))
        return min(self.first * 2**done, self.steps)

    def lead(self, x: Tensor, sigma: Tensor, *conditions: Tensor) -> Tensor:
        """f(x, sigma): the datum, in the model's float scale, for noise levels (batch,)."""
        s, noise = self.data_std, spread(sigma.to(x.dtype), x)
        norm = (noise**2 + s**2).sqrt()
        out = self.network(x / norm, sigma.to(x.dtype).log() / 400, *conditions)
        skip = s**2 / ((noise - self.least) ** 2 + s**2)
        return skip * x + s * (noise - self.least) / norm * out

    def loss(self, x: Tensor, *conditions: Tensor) -> Terms:
        """{"consistency": (batch,)}."""
        x0, levels = self._floats(x), self.levels(self.rungs())
        i = self._drawn(levels, len(x0)).cpu()
        low, high = (levels[j].to(self.device, self.dtype) for j in (i, i + 1))
        eps = torch.randn_like(x0)
        noisy = x0 + spread(high, x0) * eps
        with torch.no_grad():
            below = x0 + spread(low, x0) * eps
            if self.teacher is not None:
                below = self._taught(noisy, levels, i, conditions)
            target = self.lead(below, low, *conditions)
        squares = (self.lead(noisy, high, *conditions) - target).square().flatten(1).sum(1)
        c = 0.00054 * math.sqrt(self.space.dims)
        return {"consistency": ((squares + c**2).sqrt() - c) / (high - low)}

    def _drawn(self, levels: Tensor, n: int) -> Tensor:
        """Indices (n,) of steps of the ladder, whose noise is log-normal."""
        cdf = torch.special.ndtr((levels.log() - LOG_MEAN) / LOG_STD)
        chance = (cdf - cdf[0]) / (cdf[-1] - cdf[0])
        u = stratified(n, torch.device("cpu"), torch.float64)
        return (torch.searchsorted(chance, u, right=True) - 1).clamp(0, len(levels) - 2)

    def _taught(
        self, x: Tensor, levels: Tensor, i: Tensor, conditions: tuple[Tensor, ...]
    ) -> Tensor:
        """Heun's step of the teacher's flow, from level i + 1 of each of the batch to level i."""
        teacher = self.teacher
        assert teacher is not None
        known = [teacher.level_of(float(v)) for v in levels]
        t, alpha = (
            torch.tensor([getattr(v, name) for v in known]).to(self.device, self.dtype)
            for name in ("t", "alpha")
        )
        noise = levels.to(self.device, self.dtype)

        def slope(x: Tensor, j: Tensor) -> Tensor:
            x0 = teacher.denoise_at(spread(alpha[j], x) * x, t[j], *conditions)
            return (x - teacher.clip(x0)) / spread(noise[j], x)

        i = i.to(self.device)
        step = spread(noise[i] - noise[i + 1], x)
        first = slope(x, i + 1)
        return x + step * (first + slope(x + step * first, i)) / 2

    def latents(self, n: int) -> Tensor:
        """Standard normal noise of the data's shape."""
        return torch.randn(n, *self.space.shape, device=self.device, dtype=self.dtype)

    def push(self, z: Tensor, *conditions: Tensor) -> Tensor:
        """The data that one call makes of `z`."""
        return self._data(self._leap(self.most * z, self.most, conditions))

    def sample(self, n: int, *conditions: Tensor) -> Tensor:
        """`n` data by `calls` of the network."""
        x = self._leap(self.most * self.latents(n), self.most, conditions)
        for sigma in self.levels(self.calls).flip(0)[1:-1].tolist():
            noise = math.sqrt(sigma**2 - self.least**2) * torch.randn_like(x)
            x = self._leap(x + noise, sigma, conditions)
        return self._data(x)

    def complete(self, x: Tensor, known: Tensor, *conditions: Tensor, calls: int = 20) -> Tensor:
        """Data that agree with `x` where `known` (bool, broadcast to x's shape) is true.

        The known are put into what each of `calls` leaps says, which gets noise again (zero-shot
        editing, algorithm 4): what is drawn heeds all that is known, but for the first leap.
        """
        values = self._floats(x)
        levels = self.levels(count("calls", calls)).flip(0).tolist()
        drawn = self._leap(levels[0] * self.latents(len(x)), levels[0], conditions)
        for sigma in levels[1:-1]:
            there = torch.where(known, values, drawn)
            noise = math.sqrt(sigma**2 - self.least**2) * torch.randn_like(there)
            drawn = self._leap(there + noise, sigma, conditions)
        return torch.where(known, x, self._data(drawn).to(x.dtype))

    def _leap(self, x: Tensor, sigma: float, conditions: tuple[Tensor, ...]) -> Tensor:
        found = self.lead(x, x.new_full((len(x),), sigma), *conditions)
        return found.clamp(-1, 1) if isinstance(self.space, Pixels) else found

    def _floats(self, x: Tensor) -> Tensor:
        if isinstance(self.space, Pixels):
            return self.space.to_signed(x, self.dtype)
        return x.to(self.dtype)

    def _data(self, x: Tensor) -> Tensor:
        return self.space.from_signed(x) if isinstance(self.space, Pixels) else x


system(
    "consistency",
    lecture=13,
    title="Consistency models",
    paper="Song et al., 2023, arXiv:2303.01469",
)


@example(data="moons")
def consistency() -> Consistency:
    """Trained without a teacher, in the plane."""
    net = TimeMLP(2, width=32, layers=2)
    return Consistency(Reals((2,)), net, data_std=0.7, most=10.0, ladder=40)


@example(data="moons")
def consistency_distilled() -> Consistency:
    """Distilled from an EDM, in the plane, and sampled in two calls."""
    teacher = EDM(Reals((2,)), TimeMLP(2, width=32, layers=2), 0.7, most=10.0, log_mean=-1.0)
    net = TimeMLP(2, width=32, layers=2)
    return Consistency(Reals((2,)), net, teacher, data_std=0.7, most=10.0, ladder=18, calls=2)

"""Autoguidance: a diffusion is led away from where a worse version of itself would go.

    D_w(x, t) = D_guide(x, t) + w (D(x, t) - D_guide(x, t))

A small or little-trained guide makes the same errors, only larger. Their difference points from
what both get wrong to the data, in every class and without one, and samples lose no variety as they
do where a class is exaggerated.

Guiding a Diffusion Model with a Bad Version of Itself (Karras et al., 2024), arXiv:2406.02507,
eq. 4 and section 4.
Differs from the paper: both learn side by side, the guide in each `every`-th step; they may be of
different papers and paths, which meet where the noise is the same.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

from ...core.catalogue import example
from ...core.contract import Player, keep_apart
from ...core.spaces import Reals, count
from ...nn.denoiser import TimeMLP
from ...solvers.diffusion import Level
from ...solvers.samplers import HeunSampler
from .diffusion import Denoising, Diffusion, Steered
from .edm import EDM
from .guidance import finite, interval


class AutoGuided(Denoising):
    """A diffusion and its guide, both over the same data and told the same.

    Args:
        model: D, whose sampler is used.
        guide: a smaller network, or the same of which `every` makes one that learns less.
        weight: w; 1 is the model alone.
        every: the guide learns in each of so many steps.
        between: the levels of noise, sigma / alpha, between which there is guidance.
    """

    def __init__(
        self,
        model: Diffusion,
        guide: Diffusion,
        weight: float = 2.0,
        every: int = 4,
        between: tuple[float, float] = (0.0, math.inf),
    ):
        if guide.space != model.space or guide.given != model.given:
            raise ValueError(
                f"model and guide must be of the same data and told the same, but the model is of "
                f"{model.space} given {model.given}, the guide of {guide.space} given {guide.given}"
            )
        keep_apart(model, guide)
        super().__init__(model.space, model.given)
        self.model, self.guide = model, guide
        self.weight, self.every = finite("weight", weight), count("every", every)
        self.between = interval(between)

    def players(self) -> tuple[Player, ...]:
        """Both learn alone."""
        guide = Player("guide", self.guide, self.guide.loss, every=self.every)
        return Player("model", self.model, self.model.loss), guide

    @property
    def diffusion(self) -> Diffusion:
        """The one that is guided."""
        return self.model

    def process(self, *conditions: Tensor) -> Apart:
        """The guided diffusion, as samplers see it."""
        return Apart(self.model, conditions, self.guide, self.weight, self.between)


@dataclass(frozen=True)
class Apart(Steered):
    """A diffusion led away from its guide, as a sampler sees it."""

    guide: Diffusion | None = None
    weight: float = 1.0
    between: tuple[float, float] = (0.0, math.inf)

    def mean(self, x: Tensor, level: Level) -> Tensor:
        """D_w."""
        good = self.model.denoise(x, level, *self.conditions)
        if self.guide is None or not self.between[0] <= level.noise <= self.between[1]:
            return good
        its = self._guides(level)
        bad = self.guide.denoise(x * (its.sigma / level.sigma), its, *self.conditions)
        return bad + self.weight * (good - bad)

    def _guides(self, level: Level) -> Level:
        """The guide's level of the same noise."""
        assert self.guide is not None
        return self.guide.level_of(level.noise) if level.alpha else self.guide.levels(1)[0]


@example(data="moons")
def autoguided() -> AutoGuided:
    """The smallest instance: two EDMs in the plane."""

    def edm(width: int) -> EDM:
        sampler = HeunSampler(8)
        net = TimeMLP(2, width=width, layers=2)
        return EDM(Reals((2,)), net, 0.7, most=10.0, log_mean=-1.0, sampler=sampler)

    return AutoGuided(edm(32), edm(8), weight=1.5, every=2)

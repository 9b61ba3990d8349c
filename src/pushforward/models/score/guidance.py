"""Classifier-free guidance: one network learns with and without the class; sampling exaggerates.

    D_w(x, t, y) = D(x, t) + w (D(x, t, y) - D(x, t))

w = 1 draws from the class; w > 1 moves on along the difference, which is the gradient of
log p(y | x_t): samples that are more typical of the class, and less varied.

Classifier-Free Diffusion Guidance (Ho & Salimans, 2021), arXiv:2207.12598, eq. 6 and algorithms 1,
2 (their weight is w - 1).
Applying Guidance in a Limited Interval Improves Sample and Distribution Quality in Diffusion Models
(Kynkaanniemi et al., 2024), arXiv:2404.07724, eq. 3: elsewhere than `between` two noise levels
w = 1.
Differs from the papers: the means of the data are combined, not eps, which is the same until they
are clipped; reverse steps take the posterior's variance.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ...core.catalogue import system
from ...core.contract import Terms
from ...core.spaces import Labels
from ...solvers.diffusion import Level
from .diffusion import Denoising, Diffusion, Steered


class Guided(Denoising):
    """Any diffusion whose network knows `classes`, trained and sampled with guidance.

    Without labels, or for the label `classes`, it draws from all classes: its network was trained
    on "unknown" as well.

    Args:
        model: the diffusion; its network was built with `classes`.
        classes: how many there are.
        drop: how often training hides the class, above 0.
        weight: w.
        between: the levels of noise, sigma / alpha, from the less to the more, between which there
            is guidance.

    Raises ValueError where the model is told something else than one of so many classes.
    """

    def __init__(
        self,
        model: Diffusion,
        classes: int,
        drop: float = 0.1,
        weight: float = 2.0,
        between: tuple[float, float] = (0.0, math.inf),
    ):
        super().__init__(model.space, Labels(classes, unknown=True))
        if model.given != Labels(classes):
            raise ValueError(
                f"guidance over {classes} classes needs a network that is told Labels({classes}), "
                f"not {model.given}: build it with classes={classes}"
            )
        if not 0 < drop <= 1:
            raise ValueError(
                f'drop must be a probability above 0, so that "unknown" is learned, not {drop!r}'
            )
        self.model, self.classes = model, classes
        self.drop, self.weight = drop, finite("weight", weight)
        self.between = interval(between)

    def loss(self, x: Tensor, y: Tensor) -> Terms:
        """The diffusion's loss, with some classes replaced by "unknown"."""
        hidden = torch.rand(len(y), device=y.device) < self.drop
        return self.model.terms(x, torch.where(hidden, self.classes, y))

    @property
    def diffusion(self) -> Diffusion:
        """The one that is guided."""
        return self.model

    def process(self, *conditions: Tensor) -> Blend:
        """The guided diffusion of the classes y, (n,) int64, as samplers see it."""
        return Blend(self.model, conditions, self.classes, self.weight, self.between)


@dataclass(frozen=True)
class Blend(Steered):
    """A guided diffusion as a sampler sees it, given the classes."""

    unknown: int = 0
    weight: float = 1.0
    between: tuple[float, float] = (0.0, math.inf)

    def mean(self, x: Tensor, level: Level) -> Tensor:
        """D_w, with both halves in one call of the network; alone D(x, t, y) outside `between`."""
        (y,) = self.conditions
        if not self.between[0] <= level.noise <= self.between[1]:
            return super().mean(x, level)
        t = x.new_full((2 * len(x),), level.t)
        both = torch.cat([torch.full_like(y, self.unknown), y])
        without, given = self.model.denoise_at(torch.cat([x, x]), t, both).chunk(2)
        return without + self.weight * (given - without)


def finite(name: str, value: float) -> float:
    """Returns `value`; raises ValueError where it is not a finite number."""
    if not math.isfinite(value):
        raise ValueError(f"{name} must be a finite number, not {value!r}")
    return value


def interval(between: tuple[float, float]) -> tuple[float, float]:
    """Returns two levels of noise; raises ValueError where they are not one below the other."""
    low, high = between
    if not 0 <= low < high:
        raise ValueError(
            f"between must name two levels of noise, the less of them first, not {between!r}"
        )
    return float(low), float(high)


system(
    "classifier-free-guidance",
    lecture=13,
    title="Classifier-free guidance",
    paper="Ho & Salimans, 2021, arXiv:2207.12598",
)

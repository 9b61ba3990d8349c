"""The field that a denoiser spans, and the ways that solvers take along it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

import pushforward as pf
from pushforward.models.score.diffusion import Given
from pushforward.solvers.diffusion import Level, Process, posterior
from pushforward.solvers.known import KnownMixture
from pushforward.solvers.samplers import Sampler

from .panels import DATA, MODEL, OTHER, dots, named, square
from .running import Run, started

if TYPE_CHECKING:
    from pushforward.pictures.notebook import Sheet

TITLE = "Noise and steps"
LEAD = r"""
**Who can denoise can draw.** At every level of noise $\sigma$ the score points from a place
towards the mean of the data that it may have come from. A solver follows that field from much
noise to none.

*Try*: move the noise from 10 down to 0.05. Then give the solvers 3, 6, 12, 25 steps. Then take the
denoiser that a network learns now, in two seconds, in place of the exact one.

*See*: at much noise all arrows point to the one mean of all; the moons part late, between 1 and
0.3. With few steps Euler cuts corners; Heun and DPM-Solver++ need fewer evaluations for the same
distance to the data. The ancestral solver draws noise on its way: its paths shake, and it needs
more steps.
"""
STD, MOST, LEAST, CENTRES, DRAWS = 0.15, 10.0, 0.03, 80, 400
EXACT, LEARNED = "exact, of the data's mixture", "a network's, learned now"
SOLVERS: dict[str, type] = {
    "Euler (DDIM)": pf.DDIM,
    "Heun": pf.HeunSampler,
    "DPM-Solver++ (2M)": pf.DPMSolverPP,
    "ancestral": pf.Ancestral,
}
TRAINED, PATHS = 400, 40


@dataclass(frozen=True)
class Watched:
    """A process that notes where its denoiser was asked: (points, sigma) one after the other."""

    process: Process
    asked: list[tuple[Tensor, float]] = field(default_factory=list)

    def levels(self, steps: int | None = None) -> Sequence[Level]:
        """The process's levels."""
        return self.process.levels(steps)

    def level_at(self, t: float) -> Level:
        """The level at its own time `t`."""
        return self.process.level_at(t)

    def level_of(self, noise: float) -> Level:
        """The level where sigma / alpha is `noise`."""
        return self.process.level_of(noise)

    def denoise(self, x: Tensor, level: Level) -> Tensor:
        """E[x_0 | x_t = x], which is noted."""
        self.asked.append((x, level.sigma))
        return self.process.denoise(x, level)

    def reverse(self, x: Tensor, now: Level, after: Level) -> tuple[Tensor, Tensor | float]:
        """Mean and variance of the step back."""
        return posterior(x, self.denoise(x, now), now, after)


@dataclass(frozen=True)
class Walk:
    """Draws (n, 2), where their paths were looked at (times, n, 2), and how often was asked."""

    ends: Tensor
    path: Tensor
    evaluations: int


def data() -> pf.core.dataset.Dataset:
    """Two moons."""
    return pf.data.moons(4_000)


@lru_cache(1)
def exact() -> KnownMixture:
    """A bump of width 0.15 on each of 80 places of two moons: its denoiser is a formula."""
    places = pf.data.moons(CENTRES * 2, noise=0.0).train.tensors[0][:CENTRES].double()
    return KnownMixture(places, torch.full((CENTRES,), 1 / CENTRES).double(), STD, LEAST, MOST)


@lru_cache(1)
def learned(steps: int = TRAINED) -> Process:
    """The same that a small network learns from draws."""
    started()
    model = pf.EDM(pf.Reals((2,)), pf.TimeMLP(2, width=64), 1.5, LEAST, MOST, log_mean=-0.5)
    recipe = pf.Recipe(steps, 512, pf.Adam(4e-3), schedule=pf.Cosine(), ema=0.97)
    Run(model, data(), recipe).go(steps)
    return Given(model)


def denoiser(name: str) -> Process:
    """The process of `EXACT` or `LEARNED`."""
    return exact() if name == EXACT else learned()


def sampler(name: str, steps: int) -> Sampler:
    """One of `SOLVERS` with so many steps."""
    return SOLVERS[name](steps)


def score(process: Process, x: Tensor, sigma: float) -> Tensor:
    """grad log p_sigma at `x`, (n, 2), by Tweedie's formula."""
    with torch.no_grad():
        return (process.denoise(x, process.level_of(sigma)) - x) / sigma**2


@lru_cache(64)
def walk(name: str, solver: str, steps: int, n: int = DRAWS) -> Walk:
    """`n` draws by so many steps of a solver."""
    watched = Watched(denoiser(name))
    torch.manual_seed(0)
    noise = MOST * torch.randn(n, 2, dtype=torch.float64 if name == EXACT else torch.float32)
    with torch.no_grad():
        ends = sampler(solver, steps)(watched, noise)
    path = torch.stack([x for x, _ in watched.asked] + [ends])
    return Walk(ends, path, len(watched.asked))


def distance(found: Walk) -> float:
    """The energy distance of the draws to test data; two sets of data are about 0.005 apart."""
    return pf.energy_distance(found.ends.float(), data().test.tensors[0]).value


def panels(name: str, solver: str, steps: int, sigma: float) -> list[Sheet]:
    """The field at a level of noise, the paths, and where they end."""
    found = walk(name, solver, steps)
    return [_field(name, sigma), _paths(found), _ends(found)]


def _field(name: str, sigma: float) -> Sheet:
    reach = 3.4 + 1.5 * sigma
    figure, axis = square(f"the field at noise σ = {sigma:g}", reach)
    torch.manual_seed(0)
    clean = data().test.tensors[0]
    dots(axis, clean + sigma * torch.randn_like(clean), DATA, "data with noise", 3)
    side = torch.linspace(-0.95, 0.95, 17, dtype=torch.float64) * reach
    at = torch.cartesian_prod(side, side).to(torch.float64 if name == EXACT else torch.float32)
    arrows = score(denoiser(name), at, sigma)
    longest = float(arrows.norm(dim=1).max()) / (0.2 * reach)  # which is shown so long
    shown: dict[str, Any] = {"angles": "xy", "scale_units": "xy", "scale": longest, "color": MODEL}
    axis.quiver(*at.T.numpy(), *arrows.T.numpy(), **shown, width=0.004)
    named(axis, loc="upper right")
    return figure


def _paths(found: Walk) -> Sheet:
    figure, axis = square(f"paths: the denoiser was asked {found.evaluations} times", 8.0)
    axis.plot(*found.path[:, :PATHS].permute(2, 0, 1).numpy(), color="0.55", linewidth=0.6)
    dots(axis, found.path[1:-1, :PATHS].flatten(0, 1), "0.3", size=3)
    dots(axis, found.path[0, :PATHS], OTHER, "noise", 12)
    dots(axis, found.ends[:PATHS], MODEL, "draws", 12)
    named(axis, loc="upper right")
    return figure


def _ends(found: Walk) -> Sheet:
    figure, axis = square(f"energy distance to data: {distance(found):.3f}", 3.8)
    dots(axis, data().test.tensors[0], DATA, "data")
    dots(axis, found.ends, MODEL, "draws")
    named(axis, loc="upper right")
    return figure

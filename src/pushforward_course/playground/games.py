"""A GAN on a ring of eight bumps, step by step."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

import pushforward as pf
from pushforward.pictures.modes import mixture

from .panels import DATA, MODEL, dots, named, panel, square
from .running import LONG, Run, started

if TYPE_CHECKING:
    from pushforward.metrics.mode_counts import Modes
    from pushforward.pictures.notebook import Sheet

TITLE = "A game on a ring"
LEAD = r"""
**Two networks play.** The critic learns to tell data from draws; the generator moves its draws to
where the critic is fooled. The shade is the critic's score: blue where it takes points for data.
There are eight bumps to be found.

*Try*: take single steps first, then tens, then hundreds. Then choose another loss and begin again.

*See*: draws run after the blue. With the loss that *saturates* a generator that is far off learns
slowly, since a critic that is sure has no slope. Modes are found, lost, and found again; the
penalty of WGAN-GP, or R1, calms the chase.
"""
LATENT, WIDTH, BATCH, REACH = 2, 48, 128, 5.0
DRAWS = 800


def _nets() -> tuple[nn.Module, nn.Module]:
    return pf.MLP(LATENT, 2, WIDTH, 2), pf.MLP(2, 1, WIDTH, 2)


PLANE = pf.Reals((2,))
LOSSES: dict[str, Callable[[], pf.GAN]] = {
    "non-saturating (the usual)": lambda: pf.GAN(PLANE, *_nets(), LATENT),
    "saturating (the theorem's)": lambda: pf.GAN(PLANE, *_nets(), LATENT, pf.Saturating()),
    "non-saturating with R1": lambda: pf.GAN(PLANE, *_nets(), LATENT, penalties=(pf.R1(0.5),)),
    "least squares": lambda: pf.LSGAN(PLANE, *_nets(), LATENT),
    "Wasserstein, clipped": lambda: pf.WGAN(PLANE, *_nets(), LATENT, turns=2, bound=0.1),
    "Wasserstein, penalty": lambda: pf.WGANGP(PLANE, *_nets(), LATENT, turns=2, penalty=0.1),
}
USUAL = next(iter(LOSSES))


class Game:
    """A game that has been played for some steps; it begins anew by being built.

    Args:
        loss: one of `LOSSES`.
        seed: of weights, data and noise.
    """

    def __init__(self, loss: str = USUAL, seed: int = 0):
        started(seed)
        rate = pf.Adam(2e-3, betas=(0.5, 0.9))
        recipe = pf.Recipe(LONG, BATCH, rate, seed=seed)
        self.run = Run(LOSSES[loss](), pf.data.gaussians8(4_000), recipe)
        self.noise = torch.randn(DRAWS, LATENT)
        self.covered = [(0, self.modes().covered)]

    @property
    def taken(self) -> int:
        """Steps so far."""
        return self.run.training.step

    def play(self, steps: int) -> Game:
        """Takes so many steps, and counts modes after each ten. Returns itself."""
        for part in _tens(steps):
            self.run.go(part)
            self.covered.append((self.taken, self.modes().covered))
        return self

    def draws(self) -> Tensor:
        """What the generator makes of the same noise each time, (800, 2)."""
        with torch.no_grad():
            return self.run.model.push(self.noise)

    def modes(self) -> Modes:
        """Which of the eight bumps the draws reach."""
        return pf.modes(self.draws(), *mixture("ring"))


def _tens(steps: int) -> list[int]:
    """So many steps in parts of at most ten.

    >>> _tens(25)
    [10, 10, 5]
    """
    return [min(10, steps - done) for done in range(0, steps, 10)]


def panels(game: Game) -> list[Sheet]:
    """Data and draws over the critic's score, and the modes over time."""
    return [_plane(game), _history(game)]


def _plane(game: Game) -> Sheet:
    figure, axis = square(f"after {game.taken} steps: {game.modes().covered} of 8 modes", REACH)
    at = torch.linspace(-REACH, REACH, 81)
    with torch.no_grad():
        scores = game.run.model.critic(torch.cartesian_prod(at, at)).reshape(81, 81).T
    low, high = scores.quantile(torch.tensor([0.02, 0.98])).tolist()
    shade = {"vmin": low, "vmax": max(high, low + 1e-3), "rasterized": True}
    axis.pcolormesh(at.numpy(), at.numpy(), scores.numpy(), cmap="RdBu", alpha=0.55, **shade)
    dots(axis, game.run.data.test.tensors[0][:400], DATA, "data")
    dots(axis, game.draws()[:400], MODEL, "draws", 7)
    named(axis, loc="upper right")
    return figure


def _history(game: Game) -> Sheet:
    figure, axis = panel("modes covered")
    axis.step(*zip(*game.covered), color=MODEL, where="post")
    axis.plot(*game.covered[-1], "o", color=MODEL, clip_on=False)
    axis.set(xlabel="step", ylim=(-0.3, 8.3), yticks=range(9), xlim=(0, max(50, game.taken)))
    axis.grid(axis="y", alpha=0.3)
    return figure

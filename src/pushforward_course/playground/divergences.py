"""One Gaussian for two bumps, by either direction of the KL.

forward:  min_q KL(p || q)  =  the q with p's mean and variance          (closed form)
reverse:  min_q KL(q || p), by gradients through q's own draws           (trained)
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.distributions import Normal

import pushforward as pf
from pushforward.data.arrays import tensors

from .panels import DATA, MODEL, OTHER, named, panel
from .running import Run, started

if TYPE_CHECKING:
    from pushforward.pictures.notebook import Sheet

TITLE = "KL directions"
LEAD = r"""
**One Gaussian must stand for two bumps.** The *forward* KL, $\mathrm{KL}(p\,\|\,q)$, is what
maximum likelihood minimises; the *reverse* KL, $\mathrm{KL}(q\,\|\,p)$, is what variational
inference minimises. The left picture shows $p$ and both fits, the right one their logarithms.

*Try*: draw the bumps apart, slowly. Then let the reverse fit begin on the other side.

*See*: the forward fit covers both bumps and puts mass where there is none. The reverse fit is of
one mind with it at first; then it settles on one bump, which one is a matter of where it began,
and its KL is then $-\log w$ for that bump's weight $w$.
"""
SCALE, STEPS, REACH = 0.6, 150, 8.0


@dataclass(frozen=True)
class Fit:
    """A Gaussian on the line, and both KLs between the target p and it, in nats."""

    mean: float
    std: float
    forward: float
    reverse: float

    @property
    def density(self) -> Normal:
        """The Gaussian."""
        return Normal(*torch.tensor([self.mean, self.std], dtype=torch.float64))


@dataclass(frozen=True)
class Fits:
    """The target, and the best Gaussian by either direction."""

    target: pf.FixedMixture
    forward: Fit
    reverse: Fit


def bumps(distance: float, weight: float) -> pf.FixedMixture:
    """Two bumps so far apart; `weight` is the left one's."""
    ends = ((-distance / 2,), (distance / 2,))
    return pf.FixedMixture(ends, (SCALE, SCALE), (weight, 1 - weight)).double()


@lru_cache(256)
def fits(distance: float, weight: float, start: float, steps: int = STEPS) -> Fits:
    """Both fits; the reverse one begins at `start` and learns for so many steps."""
    target = bumps(distance, weight)
    mean, std = pf.moment_matching_on_line(_log_p(target), -4 * REACH, 4 * REACH)
    forward = _judged(target, mean.item(), std.item())
    return Fits(target, forward, _reversed(target, start, steps))


def _log_p(target: pf.FixedMixture) -> pf.objectives.quadrature.LogDensity:
    return lambda x: target.log_prob(x[:, None])


def _reversed(target: pf.FixedMixture, start: float, steps: int) -> Fit:
    started()
    count = tensors(torch.zeros(1_000, 1, dtype=torch.float64), name="a number of draws")
    recipe = pf.Recipe(steps, 64, pf.Adam(8e-2), schedule=pf.Cosine())
    learned = pf.Gaussian(1, (start,)).double()
    model = pf.ReverseKL(learned, target)
    Run(model, count, recipe).go(steps)
    return _judged(target, learned.mean.item(), learned.root.item())


def _judged(target: pf.FixedMixture, mean: float, std: float) -> Fit:
    p, q = _log_p(target), Normal(*torch.tensor([mean, std], dtype=torch.float64)).log_prob
    kl = {f.name: f for f in pf.objectives.F_DIVERGENCES}["kl"]
    forward = pf.divergence_on_line(kl, p, q, -4 * REACH, 4 * REACH)
    reverse = pf.divergence_on_line(kl, q, p, -4 * REACH, 4 * REACH)
    return Fit(mean, std, forward.item(), reverse.item())


def panels(found: Fits) -> list[Sheet]:
    """The densities, and their logarithms, which show what either direction looks at."""
    at = torch.linspace(-REACH, REACH, 601, dtype=torch.float64)
    with torch.no_grad():
        p = found.target.log_prob(at[:, None])
    return [_densities(found, at, p), _logarithms(found, at, p)]


def _densities(found: Fits, at: Tensor, p: Tensor) -> Sheet:
    figure, axis = panel("densities")
    axis.fill_between(at, p.exp(), color=DATA, alpha=0.3, label="target p")
    axis.plot(at, found.forward.density.log_prob(at).exp(), color=OTHER, label="forward fit")
    axis.plot(at, found.reverse.density.log_prob(at).exp(), color=MODEL, label="reverse fit")
    axis.set(xlim=(-REACH, REACH), ylim=(0, 0.75), yticks=[])
    named(axis)
    return figure


def _logarithms(found: Fits, at: Tensor, p: Tensor) -> Sheet:
    figure, axis = panel("their logarithms")
    axis.plot(at, p, color=DATA, linewidth=3, alpha=0.5)
    axis.plot(at, found.forward.density.log_prob(at), color=OTHER)
    axis.plot(at, found.reverse.density.log_prob(at), color=MODEL)
    axis.set(xlim=(-REACH, REACH), ylim=(-20, 1), ylabel="nats")
    return figure


def told(found: Fits) -> str:
    """A table of the numbers, in Markdown."""
    rows = [("forward", found.forward), ("reverse", found.reverse)]
    lines = [
        f"| {name} fit | {fit.mean:.2f} | {fit.std:.2f} | {fit.forward:.3f} | {fit.reverse:.3f} |"
        for name, fit in rows
    ]
    head = "| | mean | deviation | KL(p ‖ q) | KL(q ‖ p) |\n|---|---|---|---|---|\n"
    return head + "\n".join(lines)

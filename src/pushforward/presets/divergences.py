"""One Gaussian, one target with two modes, both directions of the KL."""

from __future__ import annotations

from ..core.catalogue import preset
from ..probability.gaussian import Gaussian
from ..theory.reverse_fits import ReverseKL
from ..training.experiment import Experiment
from ..training.recipe import Adam, Cosine, Recipe
from .targets import bumps, two_bumps


@preset("forward-kl", "kl-divergence")
def forward_kl(distance: float = 4.0, steps: int = 1_500) -> Experiment:
    """A Gaussian fitted by forward KL, that is by maximum likelihood: it covers both bumps.

    pushforward train forward_kl

    It ends at the moments of the target: mean (0.01, 0.01), standard deviation 2.08 along the line
    between the bumps and 0.59 across it; in truth 0, 2.09 and 0.60.
    """
    recipe = Recipe(steps, 256, Adam(2e-2), schedule=Cosine())
    return Experiment(Gaussian(2), two_bumps(distance), recipe)


@preset("reverse-kl", "kl-divergence")
def reverse_kl(distance: float = 4.0, start: float = 0.5, steps: int = 1_500) -> Experiment:
    """The same Gaussian fitted to the same target by reverse KL: it seeks one bump.

    pushforward train reverse_kl

    It ends on the bump on `start`'s side, at (1.411, 1.413) with standard deviations 0.60; in truth
    1.414 and 0.6. KL(q || p) is log 2 there, what leaving out half of the target costs. The picture
    of both is drawn by `pushforward draw kl-directions`.
    """
    recipe = Recipe(steps, 256, Adam(2e-2), schedule=Cosine())
    model = ReverseKL(Gaussian(2, (start, start)), bumps(distance))
    return Experiment(model, two_bumps(distance), recipe)

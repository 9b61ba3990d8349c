"""Presets of mixtures that learn by EM."""

from __future__ import annotations

from ..core.catalogue import preset
from ..models.flow.dequantized import DequantizedDensity
from ..models.latent.gmm import GMM
from ..training.experiment import Experiment
from ..training.recipe import Recipe


@preset("gmm", "em")
def gmm_digits(components: int = 10, regularisation: float = 0.05, steps: int = 100) -> Experiment:
    """A Gaussian mixture with full covariances on dequantised 8x8 digits, by full-batch EM.

    pushforward train gmm_digits

    Args:
        components: Gaussians.
        regularisation: variance added to every direction, in squared logits.
        steps: iterations of EM, each on new dequantisation noise.
    """
    from ..data import digits

    data = digits()
    model = DequantizedDensity(GMM(data.space.shape, components, None, regularisation), data.space)
    return Experiment(model, data, Recipe(steps, None))

"""Presets of latent-variable models."""

from __future__ import annotations

from ..core.catalogue import preset
from ..models.latent.vae import VAE, dense
from ..models.latent.vampprior import VampPrior
from ..training.experiment import Experiment
from ..training.recipe import Adam, Cosine, Recipe


@preset("vae")
def vae_digits(latent: int = 16, width: int = 256, steps: int = 2_000) -> Experiment:
    """A VAE with 17-way categorical pixels on the 8x8 digits.

    pushforward train vae_digits      (20 seconds on a CPU)
    """
    from ..data import digits

    data = digits()
    model = VAE(*dense(data.space, latent, width))
    return Experiment(model, data, Recipe(steps, 128, Adam(1e-3), schedule=Cosine(), ema=0.995))


@preset("vampprior")
def vamp_digits(
    latent: int = 16, width: int = 256, components: int = 100, steps: int = 2_000
) -> Experiment:
    """The same VAE with a VampPrior, whose pseudo-inputs start on training images.

    pushforward train vamp_digits      (20 seconds on a CPU)
    """
    from ..data import digits

    data = digits()
    encoder, decoder = dense(data.space, latent, width)
    prior = VampPrior(encoder, components).start(data.train.at(slice(0, components))[0])
    recipe = Recipe(steps, 128, Adam(1e-3), schedule=Cosine(), ema=0.995)
    return Experiment(VAE(encoder, decoder, prior), data, recipe)

"""Presets of the adversarial family."""

from __future__ import annotations

from ..core.catalogue import preset
from ..models.adversarial.gan import critic_for, generator_for
from ..models.adversarial.wgan_gp import WGANGP
from ..training.experiment import Experiment
from ..training.recipe import Adam, Cosine, Recipe


@preset("wgan-gp")
def wgan_gp_digits(steps: int = 800, width: int = 16, turns: int = 3) -> Experiment:
    """WGAN-GP on the 8x8 digits, with a learning rate twenty times the paper's for a short run.

    pushforward train wgan_gp_digits      (half a minute of one CPU core)
    """
    from ..data import digits

    data = digits()
    networks = generator_for(data.space, 64, width), critic_for(data.space, width)
    model = WGANGP(data.space, *networks, latent=64, turns=turns)
    recipe = Recipe(steps, 64, Adam(2e-3, betas=(0.0, 0.9)), schedule=Cosine(), ema=0.99)
    return Experiment(model, data, recipe)


@preset("wgan-gp")
def wgan_gp_gaussians25(steps: int = 1_500, width: int = 128) -> Experiment:
    """WGAN-GP on 25 Gaussians in a grid (Gulrajani et al., 2017, figure 2): all are covered.

    pushforward train wgan_gp_gaussians25      (a minute of one CPU core)

    lambda is 0.1, as in the official code for toys: 10 is for images, whose distances are larger.
    """
    from ..data import gaussians25

    data = gaussians25()
    networks = generator_for(data.space, 2, width), critic_for(data.space, width)
    model = WGANGP(data.space, *networks, latent=2, penalty=0.1)
    recipe = Recipe(steps, 256, Adam(1e-3, betas=(0.0, 0.9)), schedule=Cosine(), ema=0.99)
    return Experiment(model, data, recipe)


@preset("wgan-gp")
def wgan_gp_mnist(steps: int = 20_000, width: int = 32) -> Experiment:
    """WGAN-GP on MNIST with the paper's settings and pyramids of convolutions.

    pushforward train wgan_gp_mnist --device cuda      (a GPU preset: not run here)
    """
    from ..data import mnist

    data = mnist()
    model = WGANGP(data.space, generator_for(data.space, 128, width), critic_for(data.space, width))
    recipe = Recipe(steps, 128, Adam(1e-4, betas=(0.0, 0.9)), ema=0.999)
    return Experiment(model, data, recipe)

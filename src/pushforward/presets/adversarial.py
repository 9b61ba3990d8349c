"""Presets of the adversarial family."""

from __future__ import annotations

from ..core.catalogue import preset
from ..models.adversarial.f_gan import FGAN
from ..models.adversarial.gan import GAN, critic_for, generator_for
from ..models.adversarial.lsgan import LSGAN
from ..models.adversarial.wgan_gp import WGANGP
from ..training.experiment import Experiment
from ..training.recipe import Adam, Cosine, Recipe


@preset("wgan-gp")
def wgan_gp_digits(steps: int = 800, width: int = 16, turns: int = 3) -> Experiment:
    """WGAN-GP on the 8x8 digits, with a learning rate twenty times the paper's for a short run.

    pushforward train wgan_gp_digits
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

    pushforward train wgan_gp_gaussians25

    lambda is 0.1, as in the official code for toys: 10 is for images, whose distances are larger.
    """
    from ..data import gaussians25

    data = gaussians25()
    networks = generator_for(data.space, 2, width), critic_for(data.space, width)
    model = WGANGP(data.space, *networks, latent=2, penalty=0.1)
    recipe = Recipe(steps, 256, Adam(1e-3, betas=(0.0, 0.9)), schedule=Cosine(), ema=0.99)
    return Experiment(model, data, recipe)


@preset("gan", "mode-collapse")
def gan_gaussians8(steps: int = 3_000, width: int = 128) -> Experiment:
    """A GAN on eight Gaussians on a circle: some modes come and go.

    pushforward train gan_gaussians8
    """
    from ..data import gaussians8

    data = gaussians8()
    networks = generator_for(data.space, 2, width), critic_for(data.space, width)
    recipe = Recipe(steps, 256, Adam(1e-3, betas=(0.5, 0.999)))
    return Experiment(GAN(data.space, *networks, latent=2), data, recipe)


@preset("conditional-gan")
def conditional_gan_digits(steps: int = 2_500, width: int = 16) -> Experiment:
    """A GAN on the 8x8 digits that is told which digit to draw, and a critic that is told too.

    pushforward train conditional_gan_digits
    """
    from ..data import digits

    data = digits(labels=True)
    generator = generator_for(data.space, 64, width, data.given)
    critic = critic_for(data.space, width, data.given)
    model = GAN(data.space, generator, critic, latent=64, given=data.given)
    recipe = Recipe(steps, 64, Adam(2e-3, betas=(0.0, 0.9)), schedule=Cosine(), ema=0.99)
    return Experiment(model, data, recipe)


@preset("lsgan")
def lsgan_gaussians8(steps: int = 3_000, width: int = 128) -> Experiment:
    """LSGAN on eight Gaussians (Mao et al., 2016, section 4.3).

    pushforward train lsgan_gaussians8
    """
    from ..data import gaussians8

    data = gaussians8()
    networks = generator_for(data.space, 2, width), critic_for(data.space, width)
    recipe = Recipe(steps, 256, Adam(1e-3, betas=(0.5, 0.999)))
    return Experiment(LSGAN(data.space, *networks, latent=2), data, recipe)


@preset("f-gan")
def f_gan_gaussians8(divergence: str = "jensen-shannon", steps: int = 3_000) -> Experiment:
    """f-GAN on eight Gaussians, for any divergence by name.

    pushforward train f_gan_gaussians8      (--divergence kl and others are not measured)
    """
    from ..data import gaussians8

    data = gaussians8()
    networks = generator_for(data.space, 2), critic_for(data.space)
    recipe = Recipe(steps, 256, Adam(1e-3, betas=(0.5, 0.999)))
    return Experiment(FGAN(data.space, divergence, *networks, latent=2), data, recipe)

"""Presets of the adversarial family on the 8x8 digits: each paper's networks, narrow ones."""

from __future__ import annotations

from ..core.catalogue import preset
from ..models.adversarial.biggan import BigGAN
from ..models.adversarial.dcgan import DCGAN
from ..models.adversarial.pggan import PGGAN
from ..models.adversarial.sagan import SAGAN
from ..models.adversarial.sngan import SNGAN
from ..models.adversarial.stylegan import StyleGAN
from ..models.adversarial.stylegan2 import StyleGAN2
from ..models.adversarial.wgan import WGAN
from ..nn.resnet_gan import ResNetCritic, ResNetGenerator
from ..objectives.adaptive_augmentation import AdaptiveAugmentation
from ..training.experiment import Experiment
from ..training.recipe import Adam, Constant, Cosine, Recipe, RMSprop

STYLED = Adam(2e-3, betas=(0.0, 0.99))


@preset("dcgan")
def dcgan_digits(steps: int = 2_500, width: int = 32) -> Experiment:
    """DCGAN on the 8x8 digits: the paper's networks, narrower.

    pushforward train dcgan_digits
    """
    from ..data import digits

    data = digits()
    recipe = Recipe(steps, 64, Adam(5e-4, betas=(0.5, 0.999)), schedule=Cosine(), ema=0.99)
    return Experiment(DCGAN(data.space, latent=64, width=width), data, recipe)


@preset("wgan")
def wgan_digits(steps: int = 1_500, width: int = 16, turns: int = 5) -> Experiment:
    """WGAN with clipped weights on the 8x8 digits.

    pushforward train wgan_digits
    """
    from ..data import digits

    data = digits()
    networks = ResNetGenerator(64, data.space.shape, width), ResNetCritic(data.space.shape, width)
    model = WGAN(data.space, *networks, latent=64, turns=turns)
    return Experiment(model, data, Recipe(steps, 64, RMSprop(5e-4), ema=0.99))


@preset("sngan")
def sngan_digits(steps: int = 1_500, width: int = 24, turns: int = 2) -> Experiment:
    """SNGAN on the 8x8 digits: the paper's residual networks, narrower.

    pushforward train sngan_digits
    """
    from ..data import digits

    data = digits()
    networks = ResNetGenerator(64, data.space.shape, width), ResNetCritic(data.space.shape, width)
    model = SNGAN(data.space, *networks, latent=64, turns=turns)
    recipe = Recipe(steps, 64, Adam(1e-3, betas=(0.0, 0.9)), schedule=Cosine(), ema=0.99)
    return Experiment(model, data, recipe)


@preset("sagan")
def sagan_digits(steps: int = 1_500, width: int = 24, classes: int = 10) -> Experiment:
    """SAGAN on the 8x8 digits, told which digit to draw; attention at 4x4, two learning rates.

    pushforward train sagan_digits
    """
    from ..data import digits

    data = digits(labels=True)
    model = SAGAN(data.space, latent=64, width=width, classes=classes)
    rates = {"critic": Adam(2e-3, betas=(0.0, 0.9)), "generator": Adam(5e-4, betas=(0.0, 0.9))}
    recipe = Recipe(steps, 64, optimizers=rates, schedule=Cosine(), ema=0.99)
    return Experiment(model, data, recipe)


@preset("biggan")
def biggan_digits(steps: int = 1_200, width: int = 24, classes: int = 10) -> Experiment:
    """BigGAN on the 8x8 digits, told which digit to draw.

    pushforward train biggan_digits
    """
    from ..data import digits

    data = digits(labels=True)
    model = BigGAN(data.space, latent=60, width=width, embedding=32, classes=classes)
    rates = {"critic": Adam(1e-3, betas=(0.0, 0.999)), "generator": Adam(3e-4, betas=(0.0, 0.999))}
    recipe = Recipe(steps, 64, optimizers=rates, schedule=Cosine(), ema=0.99)
    return Experiment(model, data, recipe)


@preset("pggan")
def pggan_digits(
    steps: int = 2_500, width: int = 32, turns: int = 1, lr: float = 1e-3
) -> Experiment:
    """PGGAN on the 8x8 digits: 4x4 first, and 8x8 faded in.

    pushforward train pggan_digits

    The paper's rate is for millions of images, as weights of equalised layers are as large as one:
    of a narrower one (width 16, batches of 32), 700 steps with lr=5e-3 and a cosine came to a
    Frechet distance of 49.6, and with 1e-3 to 98.8.

    Args:
        lr: Adam's rate.
    """
    from ..data import digits

    data = digits()
    model = PGGAN(data.space, latent=64, width=width, most=64, turns=turns)
    recipe = Recipe(steps, 64, Adam(lr, betas=(0.0, 0.99)), schedule=Constant(), ema=0.99)
    return Experiment(model, data, recipe)


@preset("stylegan")
def stylegan_digits(steps: int = 2_500, width: int = 32) -> Experiment:
    """StyleGAN on the 8x8 digits, growing from 4x4.

    pushforward train stylegan_digits
    """
    from ..data import digits

    data = digits()
    model = StyleGAN(data.space, 64, width, 64, style=64, mapping=4, gamma=1.0)
    return Experiment(model, data, Recipe(steps, 64, STYLED, ema=0.99))


@preset("stylegan2", "ada")
def stylegan2_digits(steps: int = 2_500, width: int = 32, ada: bool = True) -> Experiment:
    """StyleGAN2 on the 8x8 digits, whose 1,200 training images ask for adaptive augmentation.

    pushforward train stylegan2_digits

    Digits are no digits upside down: what changes is their place, size and brightness, as p says.

    Args:
        ada: whether what the critic sees is augmented.
    """
    from ..data import digits

    data = digits()
    augment = AdaptiveAugmentation(images=50_000, kinds=("geometry", "colour")) if ada else None
    model = StyleGAN2(data.space, 64, width, 64, style=64, mapping=4, gamma=1.0, augment=augment)
    return Experiment(model, data, Recipe(steps, 64, STYLED, ema=0.99))

"""Presets of the adversarial family on MNIST: each paper's networks, narrow ones.

Every one is meant for half an hour on two CPU cores at most; `bench/adversarial_mnist.py` measures
what they draw.
"""

from __future__ import annotations

from ..core.catalogue import preset
from ..models.adversarial.biggan import BigGAN
from ..models.adversarial.co_gan import CoGAN
from ..models.adversarial.dcgan import DCGAN
from ..models.adversarial.fq_gan import FQGAN
from ..models.adversarial.pggan import PGGAN
from ..models.adversarial.sagan import SAGAN
from ..models.adversarial.sngan import SNGAN
from ..models.adversarial.stylegan2 import StyleGAN2
from ..models.adversarial.wgan import WGAN
from ..models.adversarial.wgan_gp import WGANGP
from ..nn.dcgan import DCGANCritic, DCGANGenerator
from ..nn.resnet_gan import AveragingCritic, ResNetCritic, ResNetGenerator
from ..objectives.adaptive_augmentation import AdaptiveAugmentation
from ..probability.quantisation import VectorQuantiser
from ..training.experiment import Experiment
from ..training.recipe import Adam, Cosine, Recipe, RMSprop


@preset("dcgan")
def dcgan_mnist(steps: int = 20_000, width: int = 32) -> Experiment:
    """DCGAN on MNIST: the paper's networks at half of its width.

    pushforward train dcgan_mnist
    """
    from ..data import mnist

    data = mnist()
    recipe = Recipe(steps, 64, Adam(2e-4, betas=(0.5, 0.999)), schedule=Cosine(), ema=0.999)
    return Experiment(DCGAN(data.space, width=width), data, recipe)


@preset("wgan")
def wgan_mnist(steps: int = 10_000, width: int = 32, turns: int = 5) -> Experiment:
    """WGAN with clipped weights on MNIST: DCGAN's networks, as in the paper, at half of its width.

    pushforward train wgan_mnist
    """
    from ..data import mnist

    data = mnist()
    networks = DCGANGenerator(100, data.space.shape, width), DCGANCritic(data.space.shape, width)
    model = WGAN(data.space, *networks, latent=100, turns=turns)
    return Experiment(model, data, Recipe(steps, 64, RMSprop(2e-4), schedule=Cosine(), ema=0.999))


@preset("wgan-gp")
def wgan_gp_mnist(
    steps: int = 5_500, width: int = 20, turns: int = 2, lr: float = 5e-4
) -> Experiment:
    """WGAN-GP on MNIST: the paper's residual networks, narrower, with fewer turns of the critic.

    pushforward train wgan_gp_mnist

    Args:
        lr: Adam's rate.
    """
    from ..data import mnist

    data = mnist()
    networks = (
        ResNetGenerator(128, data.space.shape, width),
        AveragingCritic(data.space.shape, width),
    )
    model = WGANGP(data.space, *networks, turns=turns)
    recipe = Recipe(steps, 32, Adam(lr, betas=(0.0, 0.9)), schedule=Cosine(), ema=0.999)
    return Experiment(model, data, recipe)


@preset("sngan")
def sngan_mnist(
    steps: int = 8_000, width: int = 24, turns: int = 2, lr: float = 5e-4
) -> Experiment:
    """SNGAN on MNIST: the paper's residual networks, narrower.

    pushforward train sngan_mnist

    Args:
        lr: Adam's rate.
    """
    from ..data import mnist

    data = mnist()
    networks = ResNetGenerator(128, data.space.shape, width), ResNetCritic(data.space.shape, width)
    model = SNGAN(data.space, *networks, turns=turns)
    recipe = Recipe(steps, 32, Adam(lr, betas=(0.0, 0.9)), schedule=Cosine(), ema=0.999)
    return Experiment(model, data, recipe)


@preset("sagan")
def sagan_mnist(steps: int = 8_000, width: int = 32, classes: int = 10) -> Experiment:
    """SAGAN on MNIST, told which digit to draw; attention at 14x14, two learning rates.

    pushforward train sagan_mnist
    """
    from ..data import mnist

    data = mnist(labels=True)
    model = SAGAN(data.space, width=width, classes=classes)
    rates = {"critic": Adam(1e-3, betas=(0.0, 0.9)), "generator": Adam(2.5e-4, betas=(0.0, 0.9))}
    recipe = Recipe(steps, 32, optimizers=rates, schedule=Cosine(), ema=0.999)
    return Experiment(model, data, recipe)


@preset("biggan")
def biggan_mnist(steps: int = 6_000, width: int = 24, classes: int = 10) -> Experiment:
    """BigGAN on MNIST, told which digit to draw.

    pushforward train biggan_mnist
    """
    from ..data import mnist

    data = mnist(labels=True)
    model = BigGAN(data.space, latent=60, width=width, embedding=32, classes=classes)
    rates = {"critic": Adam(5e-4, betas=(0.0, 0.999)), "generator": Adam(2e-4, betas=(0.0, 0.999))}
    recipe = Recipe(steps, 32, optimizers=rates, schedule=Cosine(), ema=0.999)
    return Experiment(model, data, recipe)


@preset("pggan")
def pggan_mnist(
    steps: int = 12_000, width: int = 16, most: int = 64, turns: int = 1, lr: float = 5e-3
) -> Experiment:
    """PGGAN on MNIST, from 4x4 to 32x32: two places are added on each side, and cut off again.

    pushforward train pggan_mnist

    Weights of equalised layers are as large as one, so that the paper's rate of 1e-3, for millions
    of images, is slow in a short run: with it the Frechet distance of 2,000 samples was 21.3.

    Args:
        most: the most channels of a layer.
        lr: Adam's rate.
    """
    from ..data import mnist

    data = mnist()
    model = PGGAN(data.space, latent=128, width=width, most=most, turns=turns, padding=2)
    recipe = Recipe(
        steps,
        32,
        Adam(lr, betas=(0.0, 0.99)),
        batch_sizes={"4x4": 64, "8x8": 64},
        schedule=Cosine(),
        ema=0.999,
    )
    return Experiment(model, data, recipe)


@preset("stylegan2", "ada")
def stylegan2_mnist(steps: int = 12_000, width: int = 16, most: int = 64) -> Experiment:
    """StyleGAN2 on MNIST with adaptive augmentation of place, size and brightness.

    pushforward train stylegan2_mnist

    Args:
        most: the most channels of a layer.
    """
    from ..data import mnist

    data = mnist()
    augment = AdaptiveAugmentation(kinds=("geometry", "colour"))
    sizes = {"latent": 128, "width": width, "most": most, "style": 128, "mapping": 4}
    model = StyleGAN2(data.space, **sizes, gamma=1.0, augment=augment)
    recipe = Recipe(steps, 32, Adam(2e-3, betas=(0.0, 0.99)), schedule=Cosine(), ema=0.999)
    return Experiment(model, data, recipe)


@preset("feature-quantised-gan")
def fqgan_mnist(steps: int = 4_000, width: int = 24, words: int = 256) -> Experiment:
    """FQ-GAN on MNIST: SNGAN's networks, narrower, and a dictionary between the critic's halves.

    pushforward train fqgan_mnist

    Args:
        words: in the dictionary of features.
    """
    from ..data import mnist

    data = mnist()
    model = FQGAN(data.space, quantiser=VectorQuantiser(words, width, decay=0.9), width=width)
    recipe = Recipe(steps, 64, Adam(5e-4, betas=(0.5, 0.999)), schedule=Cosine(), ema=0.999)
    return Experiment(model, data, recipe)


@preset("co-gan")
def cogan_mnist(steps: int = 8_000, width: int = 24) -> Experiment:
    """CoGAN on MNIST and its negatives, which nobody paired.

    pushforward train cogan_mnist

    `bench/cogan.py` measures how many of its pairs are of one digit.
    """
    from ..data import unpaired

    data = unpaired("mnist", "mnist", negative=True, joined=True)
    recipe = Recipe(steps, 32, Adam(5e-4, betas=(0.5, 0.999)), schedule=Cosine(), ema=0.999)
    return Experiment(CoGAN(data.space, width=width), data, recipe)

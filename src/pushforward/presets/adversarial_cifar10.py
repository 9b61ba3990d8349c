"""GPU presets of the adversarial family on CIFAR-10: the papers' networks and settings.

Each says the Frechet distance that was published with Inception features; `bench/gpu.py` trains
them. None has a figure here yet: on a copy that went through JPEG figures compare with no published
ones anyway, only among themselves.
"""

from __future__ import annotations

from ..core.catalogue import preset
from ..models.adversarial.biggan import BigGAN
from ..models.adversarial.dcgan import DCGAN
from ..models.adversarial.sagan import SAGAN, TWO_RATES
from ..models.adversarial.sngan import SNGAN
from ..models.adversarial.stylegan2 import StyleGAN2
from ..models.adversarial.wgan_gp import WGANGP
from ..nn.resnet_gan import AveragingCritic, ResNetCritic, ResNetGenerator
from ..objectives.adaptive_augmentation import AdaptiveAugmentation
from ..training.experiment import Experiment
from ..training.recipe import Adam, Decay, Recipe


@preset("dcgan")
def dcgan_cifar10(steps: int = 100_000, width: int = 64) -> Experiment:
    """DCGAN on CIFAR-10 with the paper's settings; published (Miyato et al., 2018): 28.95.

    pushforward train dcgan_cifar10 --device cuda      (a GPU preset: not run here)
    """
    from ..data import cifar10

    data = cifar10()
    recipe = Recipe(steps, 128, Adam(2e-4, betas=(0.5, 0.999)), ema=0.9999)
    return Experiment(DCGAN(data.space, width=width), data, recipe)


@preset("wgan-gp")
def wgan_gp_cifar10(steps: int = 100_000, width: int = 128) -> Experiment:
    """WGAN-GP on CIFAR-10 with the paper's residual networks; published: 26.08.

    pushforward train wgan_gp_cifar10 --device cuda      (a GPU preset: not run here)
    """
    from ..data import cifar10

    data = cifar10()
    shape = data.space.shape
    model = WGANGP(data.space, ResNetGenerator(128, shape, width), AveragingCritic(shape, width))
    recipe = Recipe(steps, 64, Adam(2e-4, betas=(0.0, 0.9)), schedule=Decay(final=0.01), ema=0.9999)
    return Experiment(model, data, recipe)


@preset("sngan")
def sngan_cifar10(steps: int = 100_000, width: int = 128) -> Experiment:
    """SNGAN on CIFAR-10 with the paper's residual networks; published: 21.7 (its ResNet).

    pushforward train sngan_cifar10 --device cuda      (a GPU preset: not run here)
    """
    from ..data import cifar10

    data = cifar10()
    shape = data.space.shape
    networks = ResNetGenerator(128, shape, 2 * width), ResNetCritic(shape, width)
    recipe = Recipe(steps, 64, Adam(2e-4, betas=(0.0, 0.9)), schedule=Decay(final=0.01), ema=0.9999)
    return Experiment(SNGAN(data.space, *networks), data, recipe)


@preset("sagan")
def sagan_cifar10(steps: int = 200_000, width: int = 128, classes: int = 10) -> Experiment:
    """SAGAN on CIFAR-10, told the class, with the paper's two learning rates.

    pushforward train sagan_cifar10 --device cuda      (a GPU preset: not run here)
    """
    from ..data import cifar10

    data = cifar10(labels=True)
    model = SAGAN(data.space, width=width, classes=classes)
    rates = {name: Adam(lr, betas=(0.0, 0.9)) for name, lr in TWO_RATES.items()}
    return Experiment(model, data, Recipe(steps, 64, optimizers=rates, ema=0.9999))


@preset("biggan")
def biggan_cifar10(steps: int = 125_000, width: int = 96, classes: int = 10) -> Experiment:
    """BigGAN on CIFAR-10, told the class; published: 14.73.

    pushforward train biggan_cifar10 --device cuda      (a GPU preset: not run here)
    """
    from ..data import cifar10

    data = cifar10(labels=True)
    model = BigGAN(data.space, latent=120, width=width, classes=classes, turns=4)
    recipe = Recipe(steps, 50, Adam(2e-4, betas=(0.0, 0.999)), ema=0.9999)
    return Experiment(model, data, recipe)


@preset("stylegan2", "ada")
def stylegan2_cifar10(steps: int = 200_000, width: int = 128, classes: int = 0) -> Experiment:
    """StyleGAN2 with adaptive augmentation on CIFAR-10; published: 2.92, told classes 2.42.

    pushforward train stylegan2_cifar10 --device cuda      (a GPU preset: not run here)

    As there: gamma 0.01, no mixing of styles, no penalty on paths, two layers of mapping.
    """
    from ..data import cifar10

    data = cifar10(labels=bool(classes))
    model = StyleGAN2(
        data.space,
        width=width,
        mapping=2,
        classes=classes,
        gamma=0.01,
        beta=0.0,
        mixing=0.0,
        augment=AdaptiveAugmentation(),
    )
    recipe = Recipe(steps, 64, Adam(2.5e-3, betas=(0.0, 0.99)), ema=0.9999)
    return Experiment(model, data, recipe)

"""Modes that games drop, and what is done against it: one pair of networks a data set, all losses.

The plain GAN is there twice, with the loss that saturates and without; everything else is a remedy
of the literature. What differs between two games of a data set is the loss, the penalty, or what
the critic is shown, and its normalisation where that is the remedy.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from ..core.dataset import Dataset
from ..models.adversarial.f_gan import FGAN
from ..models.adversarial.gan import GAN
from ..models.adversarial.lsgan import LSGAN
from ..models.adversarial.sngan import SNGAN
from ..models.adversarial.unrolled_gan import UnrolledGAN
from ..models.adversarial.wgan import WGAN
from ..models.adversarial.wgan_gp import WGANGP
from ..nn.dcgan import DCGANCritic, DCGANGenerator
from ..nn.mlp import MLP
from ..nn.packed import Packed
from ..nn.sngan import SNGANCritic
from ..objectives.adversarial import Hinge, Relativistic, Saturating
from ..objectives.augmentations import InstanceNoise
from ..objectives.penalties import DRAGAN, R1, ZeroCentred
from ..training.experiment import Experiment
from ..training.recipe import Adam, Cosine, Recipe, RMSprop

Build = Callable[[], GAN]
LATENT, WIDTH = 2, 128  # of games in the plane
PLAIN = "GAN"


def in_the_plane(data: Dataset, steps: int = 4_000) -> dict[str, Callable[[], Experiment]]:
    """Games on mixtures in the plane, by name: perceptrons, batches of 256, seed 0.

    Args:
        data: what is learned, such as `gaussians25()`.
        steps: of the game.
    """
    space = data.space

    def nets(size: int = 1) -> tuple[nn.Module, nn.Module]:
        critic = MLP(2 * size, 1, WIDTH, 3)
        return MLP(LATENT, 2, WIDTH, 3), Packed(critic, size) if size > 1 else critic

    def gan(size: int = 1, **knobs: Any) -> Build:
        return lambda: GAN(space, *nets(size), LATENT, **knobs)

    games: dict[str, Build] = {
        PLAIN: gan(),
        "GAN, saturating": gan(objective=Saturating()),
        "LSGAN": lambda: LSGAN(space, *nets(), latent=LATENT),
        "GAN, hinge": gan(objective=Hinge()),
        "f-GAN, reverse KL": lambda: FGAN(space, "reverse-kl", *nets(), latent=LATENT),
        "WGAN": lambda: WGAN(space, *nets(), latent=LATENT, bound=0.1),
        "WGAN-GP": lambda: WGANGP(space, *nets(), latent=LATENT, penalty=0.1),
        "SNGAN": lambda: SNGAN(space, *nets(), latent=LATENT),
        "GAN, relativistic": gan(objective=Relativistic()),
        "GAN, R1": gan(penalties=(R1(1.0),)),
        "GAN, zero-centred": gan(penalties=(ZeroCentred(1.0),)),
        "DRAGAN": gan(penalties=(DRAGAN(1.0),)),
        "GAN, noise": gan(augment=InstanceNoise(1.0)),
        "PacGAN": gan(size=3),
        "unrolled GAN": lambda: UnrolledGAN(space, *nets(), LATENT, unrolled=5),
    }
    clipped = {"WGAN": RMSprop(5e-4)}
    slow = Adam(1e-3, betas=(0.0, 0.9))
    calm = dict.fromkeys(("WGAN-GP", "SNGAN"), slow)
    rates = {**clipped, **calm}
    usual = Adam(1e-3, betas=(0.5, 0.999))
    return {
        name: _experiment(
            build, data, Recipe(steps, 256, rates.get(name, usual), schedule=Cosine(), ema=0.99)
        )
        for name, build in games.items()
    }


def stacked(data: Dataset, steps: int = 10_000) -> dict[str, Callable[[], Experiment]]:
    """Games on stacked MNIST, by name: DCGAN's networks, the critic half as wide as the generator.

    Args:
        data: `stacked_mnist()`.
        steps: of the game.
    """
    space, latent, width = data.space, 100, 32
    shape: tuple[int, int, int] = space.shape  # type: ignore[assignment]

    def generator() -> nn.Module:
        return DCGANGenerator(latent, shape, width)

    def critic(size: int = 1) -> nn.Module:
        net = DCGANCritic((size * shape[0], *shape[1:]), width // 2)
        return Packed(net, size) if size > 1 else net

    def gan(size: int = 1, **knobs: Any) -> Build:
        return lambda: GAN(space, generator(), critic(size), latent, **knobs)

    def apart(**knobs: Any) -> Build:
        return lambda: GAN(space, generator(), SNGANCritic(shape, width // 2), latent, **knobs)

    games: dict[str, Build] = {
        PLAIN: gan(),
        "GAN, saturating": gan(objective=Saturating()),
        "PacGAN": gan(size=3),
        "unrolled GAN": lambda: UnrolledGAN(
            space, generator(), critic(), latent, unrolled=5, rate=0.01
        ),
        "GAN, R1": apart(penalties=(R1(1.0),)),
        "WGAN-GP": lambda: WGANGP(
            space, generator(), SNGANCritic(shape, width // 2), latent, turns=3
        ),
        "SNGAN": lambda: SNGAN(space, generator(), SNGANCritic(shape, width // 2), latent, turns=2),
    }
    usual, calm = Adam(2e-4, betas=(0.5, 0.999)), Adam(2e-4, betas=(0.0, 0.9))
    rates = dict.fromkeys(("GAN, R1", "WGAN-GP", "SNGAN"), calm)
    return {
        name: _experiment(
            build, data, Recipe(steps, 64, rates.get(name, usual), schedule=Cosine(), ema=0.999)
        )
        for name, build in games.items()
    }


def _experiment(build: Build, data: Dataset, recipe: Recipe) -> Callable[[], Experiment]:
    def made() -> Experiment:
        torch.manual_seed(0)
        return Experiment(build(), data, recipe)

    return made

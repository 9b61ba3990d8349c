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
from ..core.spaces import Pixels, Space
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
from ..training.recipe import Adam, Cosine, Optimizer, Recipe, RMSprop

Build = Callable[[], GAN]
LATENT, WIDTH = 2, 128  # of games in the plane
NOISE, CHANNELS = 100, 32  # of games on images
PLAIN = "GAN"


def in_the_plane(data: Dataset, steps: int = 4_000) -> dict[str, Callable[[], Experiment]]:
    """Games on mixtures in the plane, by name: perceptrons, batches of 256, seed 0.

    Args:
        data: what is learned, such as `gaussians25()`.
        steps: of the game.
    """
    usual, calm = Adam(1e-3, betas=(0.5, 0.999)), Adam(1e-3, betas=(0.0, 0.9))
    rates: dict[str, Optimizer] = {"WGAN": RMSprop(5e-4), "WGAN-GP": calm, "SNGAN": calm}
    games = {**_plain(data.space), **_lipschitz(data.space), **_remedies(data.space)}
    return {
        name: _experiment(
            build, data, Recipe(steps, 256, rates.get(name, usual), schedule=Cosine(), ema=0.99)
        )
        for name, build in games.items()
    }


def _nets(size: int = 1) -> tuple[nn.Module, nn.Module]:
    """Perceptrons from noise to points, and from `size` points at a time to scores."""
    critic = MLP(2 * size, 1, WIDTH, 3)
    return MLP(LATENT, 2, WIDTH, 3), Packed(critic, size) if size > 1 else critic


def _gan(space: Space, size: int = 1, **knobs: Any) -> Build:
    return lambda: GAN(space, *_nets(size), LATENT, **knobs)


def _plain(space: Space) -> dict[str, Build]:
    return {
        PLAIN: _gan(space),
        "GAN, saturating": _gan(space, objective=Saturating()),
        "GAN, hinge": _gan(space, objective=Hinge()),
        "GAN, relativistic": _gan(space, objective=Relativistic()),
        "LSGAN": lambda: LSGAN(space, *_nets(), latent=LATENT),
        "f-GAN, reverse KL": lambda: FGAN(space, "reverse-kl", *_nets(), latent=LATENT),
    }


def _lipschitz(space: Space) -> dict[str, Build]:
    return {
        "WGAN": lambda: WGAN(space, *_nets(), latent=LATENT, bound=0.1),
        "WGAN-GP": lambda: WGANGP(space, *_nets(), latent=LATENT, penalty=0.1),
        "SNGAN": lambda: SNGAN(space, *_nets(), latent=LATENT),
    }


def _remedies(space: Space) -> dict[str, Build]:
    return {
        "GAN, R1": _gan(space, penalties=(R1(1.0),)),
        "GAN, zero-centred": _gan(space, penalties=(ZeroCentred(1.0),)),
        "DRAGAN": _gan(space, penalties=(DRAGAN(1.0),)),
        "GAN, noise": _gan(space, augment=InstanceNoise(1.0)),
        "PacGAN": _gan(space, 3),
        "unrolled GAN": lambda: UnrolledGAN(space, *_nets(), LATENT, unrolled=5),
    }


def stacked(data: Dataset, steps: int = 10_000) -> dict[str, Callable[[], Experiment]]:
    """Games on stacked MNIST, by name: DCGAN's networks, the critic half as wide as the generator.

    Where a critic may not normalise over the batch it is SNGAN's.

    Args:
        data: `stacked_mnist()`.
        steps: of the game.
    """
    assert isinstance(data.space, Pixels)
    usual, calm = Adam(2e-4, betas=(0.5, 0.999)), Adam(2e-4, betas=(0.0, 0.9))
    rates = dict.fromkeys(("GAN, R1", "WGAN-GP", "SNGAN"), calm)
    return {
        name: _experiment(
            build, data, Recipe(steps, 64, rates.get(name, usual), schedule=Cosine(), ema=0.999)
        )
        for name, build in _of_images(data.space).items()
    }


def _of_images(space: Pixels) -> dict[str, Build]:
    shape = space.shape

    def nets(size: int = 1) -> tuple[nn.Module, nn.Module]:
        net = DCGANCritic((size * shape[0], *shape[1:]), CHANNELS // 2)
        return DCGANGenerator(NOISE, shape, CHANNELS), Packed(net, size) if size > 1 else net

    def apart() -> tuple[nn.Module, nn.Module]:
        return DCGANGenerator(NOISE, shape, CHANNELS), SNGANCritic(shape, CHANNELS // 2)

    return {
        PLAIN: lambda: GAN(space, *nets(), NOISE),
        "GAN, saturating": lambda: GAN(space, *nets(), NOISE, Saturating()),
        "PacGAN": lambda: GAN(space, *nets(3), NOISE),
        "unrolled GAN": lambda: UnrolledGAN(space, *nets(), NOISE, unrolled=5, rate=0.01),
        "GAN, R1": lambda: GAN(space, *apart(), NOISE, penalties=(R1(1.0),)),
        "WGAN-GP": lambda: WGANGP(space, *apart(), NOISE, turns=3),
        "SNGAN": lambda: SNGAN(space, *apart(), NOISE, turns=2),
    }


def _experiment(build: Build, data: Dataset, recipe: Recipe) -> Callable[[], Experiment]:
    def made() -> Experiment:
        torch.manual_seed(0)
        return Experiment(build(), data, recipe)

    return made

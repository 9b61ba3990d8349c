"""Presets of the adversarial family on sprites, whose factors are known."""

from __future__ import annotations

from ..core.catalogue import preset
from ..models.adversarial.info_gan import InfoGAN, recogniser_for
from ..models.adversarial.stylegan import StyleGAN
from ..nn.resnet_gan import ResNetCritic, ResNetGenerator
from ..nn.spectral import SpectrallyNormalised
from ..objectives.adversarial import Hinge
from ..training.experiment import Experiment
from ..training.recipe import Adam, Cosine, Recipe


@preset("stylegan")
def stylegan_sprites(steps: int = 12_000, width: int = 16, most: int = 128) -> Experiment:
    """StyleGAN on sprites of 64x64 in seven colours, growing from 4x4.

    pushforward train stylegan_sprites --device cuda

    Four scales, eight orientations, 16x16 places. `bench/mixing.py` measures which factors each
    group of layers carries.

    Args:
        most: the most channels of a layer.
    """
    from ..data import sprites

    data = sprites(scales=4, orientations=8, positions=16, colours=7)
    model = StyleGAN(data.space, 128, width, most, style=128, mapping=4, gamma=1.0)
    recipe = Recipe(steps, 32, Adam(2e-3, betas=(0.0, 0.99)), ema=0.999)
    return Experiment(model, data, recipe)


@preset("info-gan")
def infogan_sprites(
    steps: int = 10_000, width: int = 32, weight: float = 1.0, lr: float = 2e-4
) -> Experiment:
    """InfoGAN on sprites of 32x32 in three colours: two kinds of three, and four numbers.

    pushforward train infogan_sprites

    Three shapes, four scales, four orientations, 16x16 places. A critic of spectral norm one and
    the hinge loss stand in place of the paper's.

    Args:
        lr: Adam's rate.
    """
    from ..data import sprites

    data = sprites(size=32, scales=4, orientations=4, positions=16)
    shape, kinds, continuous, noise = data.space.shape, (3, 3), 4, 32
    generator = ResNetGenerator(noise + sum(kinds) + continuous, shape, width)
    critic = SpectrallyNormalised(ResNetCritic(shape, width))
    reader = recogniser_for(data.space, sum(kinds) + 2 * continuous, width)
    model = InfoGAN(
        data.space, generator, critic, reader, noise, kinds, continuous, weight, Hinge(), turns=2
    )
    recipe = Recipe(steps, 32, Adam(lr, betas=(0.0, 0.9)), schedule=Cosine(), ema=0.999)
    return Experiment(model, data, recipe)

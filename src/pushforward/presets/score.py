"""Presets of diffusion models."""

from __future__ import annotations

from ..core.catalogue import preset
from ..models.score.ddpm import DDPM
from ..models.score.parametrisation import LearnedVariance, PredictV
from ..nn.unet import UNet
from ..probability.diffusion_schedules import CosineSchedule
from ..training.experiment import Experiment
from ..training.recipe import Adam, Cosine, Recipe


@preset("ddpm", "ddim")
def ddpm_digits(chain: int = 100, width: int = 24, steps: int = 800) -> Experiment:
    """DDPM with a small U-Net and learned variances on the 8x8 digits.

    pushforward train ddpm_digits

    Args:
        chain: steps of noise, T.
        width: channels of the U-Net at full size.
        steps: of training.
    """
    from ..data import digits

    data = digits()
    net = UNet(1, outputs=2, width=width, multipliers=(1, 2), blocks=1)
    model = DDPM(data.space, net, chain, CosineSchedule(), PredictV(), LearnedVariance())
    recipe = Recipe(steps, 64, Adam(2e-3), schedule=Cosine(warmup=50), ema=0.995, clip=1.0)
    return Experiment(model, data, recipe)

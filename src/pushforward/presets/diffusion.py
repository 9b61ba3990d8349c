"""Presets of the score and diffusion family."""

from __future__ import annotations

from ..core.catalogue import preset
from ..models.score.ddpm import DDPM
from ..models.score.edm import EDM
from ..models.score.flow_matching import FlowMatching
from ..models.score.ncsn import NCSN
from ..models.score.parametrisation import LearnedVariance, PredictV
from ..models.score.score_network import ScoreNetwork
from ..models.score.score_sde import ScoreSDE
from ..models.score.vdm import VDM
from ..nn.denoiser import TimeMLP
from ..nn.dilated_images import DilatedNet
from ..nn.fourier import FourierInput
from ..nn.mlp import MLP
from ..nn.unet import UNet
from ..objectives.score_matching import (
    DenoisingMatching,
    ExplicitMatching,
    Matching,
    SlicedMatching,
)
from ..probability.diffusion_schedules import CosineSchedule, LinearSchedule
from ..probability.learned_noise import LearnedNoise
from ..solvers.samplers import DDIM, Ancestral, AnnealedLangevin, HeunSampler
from ..training.experiment import Experiment
from ..training.recipe import Adam, Constant, Cosine, Recipe


@preset("ddpm")
def ddpm_moons(width: int = 128, chain: int = 200, steps: int = 2_000) -> Experiment:
    """DDPM on two moons.

    pushforward train ddpm_moons
    """
    from ..data import moons

    data = moons()
    model = DDPM(data.space, TimeMLP(data.space.dims, width=width), chain)
    recipe = Recipe(steps, 256, Adam(2e-3), schedule=Cosine(warmup=50), ema=0.99)
    return Experiment(model, data, recipe)


@preset("ddpm", "ddim")
def ddpm_digits(width: int = 24, chain: int = 100, steps: int = 700) -> Experiment:
    """DDPM with learned variances on the 8x8 digits; independent pixels have 2.43 bits/dim.

    pushforward train ddpm_digits

    The noise starts at half the distance between two grey levels: less would ask the network to
    round its input, which costs it more than the decoder's bins do.
    """
    from ..data import digits

    data = digits()
    net = UNet(1, outputs=2, width=width, multipliers=(1, 2), blocks=1)
    schedule = LinearSchedule(0.5, 20.0)
    sampler = DDIM(25)
    variance = LearnedVariance(0.01)
    model = DDPM(data.space, net, chain, schedule, variance=variance, sampler=sampler)
    recipe = Recipe(steps, 64, Adam(3e-3), schedule=Cosine(warmup=50), ema=0.995, clip=1.0)
    return Experiment(model, data, recipe)


@preset("ddpm", "ddim")
def ddpm_mnist_large(width: int = 32, chain: int = 1000, steps: int = 20_000) -> Experiment:
    """DDPM with the cosine schedule and learned variances on 28x28 MNIST.

    pushforward train ddpm_mnist_large --device cuda      (not measured)
    """
    from ..data import mnist

    data = mnist()
    net = UNet(1, outputs=2, width=width, multipliers=(1, 2, 2), blocks=2, attention=1)
    variance = LearnedVariance()
    model = DDPM(data.space, net, chain, CosineSchedule(), PredictV(), variance, DDIM(50))
    recipe = Recipe(steps, 128, Adam(1e-3), schedule=Cosine(warmup=500), ema=0.999, clip=1.0)
    return Experiment(model, data, recipe)


@preset("ddpm", "ddim")
def ddpm_cifar10(width: int = 128, chain: int = 1000, steps: int = 800_000) -> Experiment:
    """DDPM on CIFAR-10 with the paper's settings: linear schedule, eps, fixed variances.

    pushforward train ddpm_cifar10 --device cuda      (a GPU preset: not run here)

    The paper reports FID 3.17 and at most 3.75 bits/dim after 800,000 steps (table 1). Differs from
    it: no random flips.
    """
    from ..data import cifar10

    data = cifar10()
    net = UNet(3, width=width, multipliers=(1, 2, 2, 2), blocks=2, attention=3, dropout=0.1)
    recipe = Recipe(steps, 128, Adam(2e-4), schedule=Constant(5_000), ema=0.9999, clip=1.0)
    return Experiment(DDPM(data.space, net, chain), data, recipe)


@preset("score-sde")
def score_sde_moons(width: int = 128, steps: int = 2_000) -> Experiment:
    """A variance-preserving score SDE on two moons, with predictor-corrector sampling.

    pushforward train score_sde_moons
    """
    from ..data import moons

    data = moons()
    model = ScoreSDE(data.space, TimeMLP(data.space.dims, width=width))
    recipe = Recipe(steps, 256, Adam(2e-3), schedule=Cosine(warmup=50), ema=0.99)
    return Experiment(model, data, recipe)


@preset("ncsn")
def ncsn_digits(width: int = 32, rungs: int = 10, steps: int = 1_000) -> Experiment:
    """NCSN with conditional instance norm on the 8x8 digits.

    pushforward train ncsn_digits
    """
    from ..data import digits

    data = digits()
    sampler = AnnealedLangevin(each=20, step=4e-4)
    model = NCSN(data.space, DilatedNet(1, rungs, width), 8.0, 0.05, rungs, sampler)
    recipe = Recipe(steps, 64, Adam(1e-3), schedule=Cosine(warmup=50), ema=0.995, clip=1.0)
    return Experiment(model, data, recipe)


@preset("edm")
def edm_digits(width: int = 24, steps: int = 700) -> Experiment:
    """EDM with 18 Heun steps on the 8x8 digits.

    pushforward train edm_digits
    """
    from ..data import digits

    data = digits()
    net = UNet(1, width=width, multipliers=(1, 2), blocks=1)
    model = EDM(data.space, net, data_std=0.75, sampler=HeunSampler(18))
    recipe = Recipe(steps, 64, Adam(3e-3), schedule=Cosine(warmup=50), ema=0.995, clip=1.0)
    return Experiment(model, data, recipe)


@preset("flow-matching")
def flow_matching_digits(width: int = 24, steps: int = 700) -> Experiment:
    """Flow matching along straight lines on the 8x8 digits, sampled in 25 Euler steps.

    pushforward train flow_matching_digits
    """
    from ..data import digits

    data = digits()
    net = UNet(1, width=width, multipliers=(1, 2), blocks=1)
    recipe = Recipe(steps, 64, Adam(3e-3), schedule=Cosine(warmup=50), ema=0.995, clip=1.0)
    return Experiment(FlowMatching(data.space, net, DDIM(25)), data, recipe)


@preset("vdm")
def vdm_digits(width: int = 24, steps: int = 1_000) -> Experiment:
    """VDM with a learned schedule and Fourier features on the 8x8 digits.

    pushforward train vdm_digits

    Neighbouring grey levels are 1/8 apart, so the features' periods are 1/2 and 1/4, and the noise
    starts below the distance between two levels.
    """
    from ..data import digits

    data = digits()
    net = FourierInput(UNet(5, outputs=1, width=width, multipliers=(1, 2), blocks=1), (2, 3))
    model = VDM(data.space, net, LearnedNoise(-6.0, 5.0), sampler=Ancestral(100))
    recipe = Recipe(steps, 64, Adam(3e-3), schedule=Cosine(warmup=50), ema=0.995, clip=1.0)
    return Experiment(model, data, recipe)


@preset("explicit-score-matching")
def explicit_score_gaussians8(width: int = 128, steps: int = 3_000) -> Experiment:
    """The score of eight wide Gaussians on a circle, by the exact trace.

    pushforward train explicit_score_gaussians8
    """
    return _scores(ExplicitMatching(), width, steps)


@preset("sliced-score-matching")
def sliced_score_gaussians8(
    projections: int = 1, reduced: bool = True, width: int = 128, steps: int = 3_000
) -> Experiment:
    """The same by random projections.

    pushforward train sliced_score_gaussians8

    Args:
        projections: random directions for each datum.
        reduced: whether the norm of the score is taken exactly, with less variance.
    """
    return _scores(SlicedMatching(projections, reduced), width, steps)


@preset("denoising-score-matching")
def denoising_score_gaussians8(
    sigma: float = 0.3, width: int = 128, steps: int = 3_000
) -> Experiment:
    """The same of the data blurred with deviation `sigma`, by denoising.

    pushforward train denoising_score_gaussians8

    Args:
        sigma: deviation of the noise that is taken off.
    """
    return _scores(DenoisingMatching(sigma), width, steps)


def _scores(matching: Matching, width: int, steps: int) -> Experiment:
    from ..data import gaussians8

    data = gaussians8(n=50_000, noise=0.7)  # wide enough that their score is known between them
    net = MLP(2, 2, width=width)
    model = ScoreNetwork(data.space, net, matching, steps=1_000, step=0.02)
    recipe = Recipe(steps, 512, Adam(3e-3), schedule=Cosine(warmup=50), ema=0.995)
    return Experiment(model, data, recipe)

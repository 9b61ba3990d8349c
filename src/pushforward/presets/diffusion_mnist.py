"""Presets of diffusions of MNIST, small enough for minutes on two cores.

All but the Transformer share one small U-Net, batches of 64 and a recipe, so that what differs is
the method. `bench/diffusion_steps.py` measures Frechet distance against sampling steps.
"""

from __future__ import annotations

from ..core.catalogue import preset
from ..core.dataset import Dataset
from ..models.score.consistency import Consistency
from ..models.score.ddpm import DDPM
from ..models.score.edm import EDM
from ..models.score.flow_matching import FlowMatching
from ..models.score.guidance import Guided
from ..models.score.latent_diffusion import GridCodec, LatentDiffusion
from ..models.score.ncsn import NCSN, ladder, langevin_step
from ..models.score.parametrisation import LearnedVariance, PredictV
from ..models.score.reflow import Reflow
from ..models.score.score_sde import ScoreSDE
from ..nn.dit import DiT
from ..nn.unet import UNet
from ..probability.diffusion_paths import VP
from ..probability.diffusion_schedules import CosineSchedule, LinearSchedule
from ..probability.discretized import DiscretizedLogisticHead
from ..solvers.samplers import DDIM, AnnealedLangevin, HeunSampler
from ..training.experiment import Experiment
from ..training.recipe import Adam, Cosine, Recipe


def _unet(width: int, outputs: int = 1, classes: int = 0, blocks: int = 1) -> UNet:
    """28x28, 14x14 and 7x7, wide where the maps are small."""
    return UNet(
        1, outputs, width, multipliers=(1, 2, 4), blocks=blocks, attention=1, classes=classes
    )


def _recipe(steps: int, lr: float = 2e-3) -> Recipe:
    warmup = min(200, steps // 10)
    return Recipe(steps, 64, Adam(lr), schedule=Cosine(warmup=warmup), ema=0.998, clip=1.0)


def _mnist(labels: bool = False) -> Dataset:
    from ..data import mnist

    return mnist(labels=labels)


@preset("ddpm", "ddim")
def ddpm_mnist(
    width: int = 16, blocks: int = 1, chain: int = 1000, steps: int = 3_000
) -> Experiment:
    """DDPM with the cosine schedule and learned variances on 28x28 MNIST, sampled in 50 steps.

    pushforward train ddpm_mnist
    """
    data = _mnist()
    net = _unet(width, outputs=2, blocks=blocks)
    model = DDPM(data.space, net, chain, CosineSchedule(), PredictV(), LearnedVariance(), DDIM(50))
    return Experiment(model, data, _recipe(steps))


@preset("edm")
def edm_mnist(width: int = 16, blocks: int = 1, steps: int = 3_000) -> Experiment:
    """EDM on MNIST, whose pixels have a deviation of 0.6 on [-1, 1], sampled in 18 Heun steps.

    pushforward train edm_mnist
    """
    data = _mnist()
    model = EDM(data.space, _unet(width, blocks=blocks), data_std=0.6, sampler=HeunSampler(18))
    return Experiment(model, data, _recipe(steps))


@preset("flow-matching")
def flow_matching_mnist(width: int = 16, blocks: int = 1, steps: int = 3_000) -> Experiment:
    """Flow matching along straight lines on MNIST, sampled in 50 Euler steps.

    pushforward train flow_matching_mnist
    """
    data = _mnist()
    model = FlowMatching(data.space, _unet(width, blocks=blocks), DDIM(50))
    return Experiment(model, data, _recipe(steps))


@preset("score-sde")
def score_sde_mnist(width: int = 16, blocks: int = 1, steps: int = 3_000) -> Experiment:
    """The variance-preserving score SDE on MNIST, sampled along its probability flow.

    pushforward train score_sde_mnist
    """
    data = _mnist()
    model = ScoreSDE(data.space, _unet(width, blocks=blocks), VP(), DDIM(50))
    return Experiment(model, data, _recipe(steps))


@preset("ncsn-v2", "ncsn")
def ncsn_mnist(
    width: int = 16, blocks: int = 1, each: int = 3, least: float = 0.02, steps: int = 3_000
) -> Experiment:
    """NCSN on MNIST with version 2's choices of ladder, step and average of weights.

    pushforward train ncsn_mnist

    Technique 1: the most noise, 40, is about the greatest distance of two digits on [-1, 1];
    technique 2 then asks for so many rungs, technique 4 for such a step. Differs from version 2:
    the small U-Net in the place of RefineNet, which knows the rung.

    Args:
        each: Langevin steps at each noise level.
        least: the lowest noise level.
    """
    data = _mnist()
    most = 40.0
    rungs = ladder(most, least, data.space.dims)
    ratio = (most / least) ** (1 / (rungs - 1))
    sampler = AnnealedLangevin(each=each, step=langevin_step(ratio, least, each))
    model = NCSN(data.space, _unet(width, blocks=blocks), most, least, rungs, sampler)
    return Experiment(model, data, _recipe(steps))


@preset("dit", "edm")
def dit_mnist(patch: int = 4, width: int = 128, layers: int = 6, steps: int = 3_000) -> Experiment:
    """A small diffusion Transformer as EDM's network on MNIST.

    pushforward train dit_mnist

    Args:
        patch: sides of the squares that are one token each.
    """
    data = _mnist()
    net = DiT(1, patch=patch, width=width, layers=layers)
    model = EDM(data.space, net, data_std=0.6, sampler=HeunSampler(18))
    return Experiment(model, data, _recipe(steps, 1e-3))


@preset("classifier-free-guidance", "edm")
def guided_mnist(
    width: int = 16, blocks: int = 1, weight: float = 2.0, steps: int = 3_000, classes: int = 10
) -> Experiment:
    """EDM told the digit, nine times in ten, and guided to it.

    pushforward train guided_mnist
    """
    data = _mnist(labels=True)
    net = _unet(width, classes=classes, blocks=blocks)
    model = EDM(data.space, net, data_std=0.6, sampler=HeunSampler(18))
    return Experiment(Guided(model, classes, weight=weight), data, _recipe(steps))


@preset("latent-diffusion")
def latent_diffusion_mnist(width: int = 32, steps: int = 4_000) -> Experiment:
    """A diffusion of 7x7 grids of codes of MNIST.

    pushforward train latent_diffusion_mnist
    """
    data = _mnist()
    codec = GridCodec(
        data.space, features=4, width=width, beta=1e-2, head=DiscretizedLogisticHead(256)
    )
    net = UNet(4, width=2 * width, multipliers=(1, 2), blocks=1)
    diffusion = DDPM(codec.latent, net, 1000, LinearSchedule(), PredictV(), sampler=DDIM(50))
    return Experiment(LatentDiffusion(codec, diffusion, share=0.3), data, _recipe(steps, 1e-3))


@preset("consistency", "edm")
def consistency_mnist(
    width: int = 16, blocks: int = 1, calls: int = 2, steps: int = 6_000
) -> Experiment:
    """A consistency model of MNIST in one call or a few, distilled from an EDM of the first half.

    pushforward train consistency_mnist

    Args:
        calls: of the network, for a sample.
    """
    data = _mnist()
    teacher = EDM(data.space, _unet(width, blocks=blocks), data_std=0.6, sampler=HeunSampler(18))
    net = _unet(width, blocks=blocks)
    model = Consistency(data.space, net, teacher, data_std=0.6, ladder=18, calls=calls)
    return Experiment(model, data, _recipe(steps, 1e-3))


@preset("rectified-flow", "flow-matching")
def reflow_mnist(
    width: int = 16, blocks: int = 1, calls: int = 2, pairs: int = 10, steps: int = 4_000
) -> Experiment:
    """Reflow of MNIST: a second flow, of few steps, from pairs that the first made in ten.

    pushforward train reflow_mnist

    Args:
        calls: of the network, for a sample.
        pairs: steps in which the first flow makes each pair.
    """
    data = _mnist()
    first, second = (
        FlowMatching(data.space, _unet(width, blocks=blocks), sampler)
        for sampler in (HeunSampler(pairs // 2 or 1), DDIM(calls))
    )
    return Experiment(Reflow(first, second), data, _recipe(steps, 1e-3))

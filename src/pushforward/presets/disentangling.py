"""Presets that try to give each factor of the sprites a latent of its own.

All learn from the same small sprites (16x16, black and white or black and red, 3,456 images: 3
shapes, 3 scales, 3 orientations, 8x8 places, 2 colours) with the same perceptrons and steps, so
that scores differ by the objective alone. They are those of `pushforward evaluate` on all images,
means over trainings with the seeds 0, 1 and 2, in about a minute of one core each; DCI is told
as disentanglement, completeness, informativeness. docs/reading-numbers.md has their standard
errors: between seeds they differ by as much as between methods (Locatello et al., 2019,
arXiv:1811.12359, section 5.4).
"""

from __future__ import annotations

from ..core.catalogue import preset
from ..core.dataset import Dataset
from ..models.latent.factor_vae import FactorVAE
from ..models.latent.vae import VAE, dense
from ..nn.mlp import MLP
from ..objectives.disentangling import DIP, BetaTC
from ..objectives.variational import ELBO, Capacity, Objective
from ..probability.decoders import Decoder
from ..probability.posteriors import Encoder
from ..training.experiment import Experiment
from ..training.recipe import Adam, Cosine, Recipe


@preset("beta-vae", "disentanglement-metrics")
def beta_sprites(
    latent: int = 8, width: int = 128, beta: float = 4.0, steps: int = 6_000
) -> Experiment:
    """A beta-VAE on small sprites.

    pushforward train beta_sprites

    beta-VAE score 0.70, FactorVAE score 0.47, MIG 0.22, SAP 0.18, DCI 0.20 0.52 0.63,
    modularity 0.91, IRS 0.52, UDR 0.46.
    With 12,000 steps docs/traversal.png shows it, seed 0.
    """
    return _vae(latent, width, ELBO(beta), steps)


@preset("tc-vae", "disentanglement-metrics")
def tc_sprites(
    latent: int = 8, width: int = 128, beta: float = 6.0, steps: int = 6_000
) -> Experiment:
    """A beta-TC-VAE on small sprites: the weight is on the total correlation alone.

    pushforward train tc_sprites

    beta-VAE score 0.67, FactorVAE score 0.45, MIG 0.40, SAP 0.28, DCI 0.25 0.70 0.69,
    modularity 0.90, IRS 0.63, UDR 0.51.
    """
    return _vae(latent, width, BetaTC(beta), steps)


@preset("dip-vae", "disentanglement-metrics")
def dip_sprites(
    latent: int = 8, width: int = 128, weight: float = 50.0, steps: int = 6_000
) -> Experiment:
    """A DIP-VAE II on small sprites.

    pushforward train dip_sprites

    beta-VAE score 0.69, FactorVAE score 0.50, MIG 0.25, SAP 0.28, DCI 0.20 0.58 0.61,
    modularity 0.96, IRS 0.56, UDR 0.48.
    """
    return _vae(latent, width, DIP(weight, weight), steps)


@preset("capacity-vae", "disentanglement-metrics")
def capacity_sprites(
    latent: int = 8, width: int = 128, nats: float = 8.0, gamma: float = 30.0, steps: int = 6_000
) -> Experiment:
    """A beta-VAE on small sprites whose rate is held at a capacity that grows to `nats`.

    pushforward train capacity_sprites

    Args:
        latent: length of z.
        width: units of all perceptrons.
        nats: what the rate is held at, after growing for 0.8 of the training.
        gamma: the price of a nat more or less.
        steps: of training.
    """
    return _vae(latent, width, Capacity(nats, gamma), steps)


@preset("factor-vae", "disentanglement-metrics")
def factor_sprites(
    latent: int = 8, width: int = 128, gamma: float = 35.0, steps: int = 6_000
) -> Experiment:
    """A FactorVAE on small sprites: a critic measures the total correlation.

    pushforward train factor_sprites

    beta-VAE score 0.72, FactorVAE score 0.48, MIG 0.41, SAP 0.33, DCI 0.24 0.70 0.67,
    modularity 0.91, IRS 0.57, UDR 0.50, in 3 minutes of one core.

    The total correlation ends at 0.68 to 0.83 nats by brute force, and the critic tells 0.01 to
    0.06: fine structure of latents is what a network finds last, but the critic holds the
    correlation down. One of 2 layers of 128 units with one turn a step ended at a cross-entropy of
    0.689 where the true ratio has 0.235, and at 2.6 nats of which it told 0.01.
    """
    encoder, decoder = _parts(latent, width)
    critic = MLP(latent, 1, 2 * width, 3)
    model = FactorVAE(encoder, decoder, critic, gamma=gamma)
    return Experiment(model, _sprites(), _recipe(steps))


def _sprites() -> Dataset:
    from ..data import sprites

    return sprites(size=16, scales=3, orientations=3, colours=2, levels=2)


def _parts(latent: int, width: int) -> tuple[Encoder, Decoder]:
    return dense(_sprites().space, latent, width, layers=2)


def _vae(latent: int, width: int, objective: Objective, steps: int) -> Experiment:
    encoder, decoder = _parts(latent, width)
    return Experiment(VAE(encoder, decoder, objective=objective), _sprites(), _recipe(steps))


def _recipe(steps: int) -> Recipe:
    return Recipe(steps, 64, Adam(1e-3), schedule=Cosine())

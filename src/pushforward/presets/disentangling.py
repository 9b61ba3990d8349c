"""Presets that try to give each factor of the sprites a latent of its own.

All learn from the same small sprites (16x16, black and white or black and red, 3,456 images: 3
shapes, 3 scales, 3 orientations, 8x8 places, 2 colours) with the same perceptrons and steps, so
that scores differ by the objective alone. They are those of `pushforward evaluate` on the 346 test
examples, seed 0; DCI is told as disentanglement, completeness, informativeness.
Single runs: between seeds they differ by as much as between methods (Locatello et al., 2019,
arXiv:1811.12359, section 5.4).
"""

from __future__ import annotations

from ..core.catalogue import preset
from ..core.dataset import Dataset
from ..models.latent.factor_vae import FactorVAE
from ..models.latent.vae import VAE, dense
from ..nn.mlp import MLP
from ..objectives.disentangling import DIP, BetaTC
from ..objectives.variational import ELBO, Objective
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

    35 s of one core. beta-VAE score 0.737, FactorVAE score 0.469, MIG 0.217, SAP 0.253,
    DCI 0.13 0.474 0.492, modularity 0.927.
    With 12,000 steps (62 s) the MIG is 0.288; docs/traversal.png shows that model.
    """
    return _vae(latent, width, ELBO(beta), steps)


@preset("tc-vae", "disentanglement-metrics")
def tc_sprites(
    latent: int = 8, width: int = 128, beta: float = 6.0, steps: int = 6_000
) -> Experiment:
    """A beta-TC-VAE on small sprites: the weight is on the total correlation alone.

    pushforward train tc_sprites

    46 s of one core. beta-VAE score 0.762, FactorVAE score 0.501, MIG 0.422, SAP 0.427,
    DCI 0.175 0.643 0.558, modularity 0.925.
    With 12,000 steps (87 s) the MIG is 0.624, DCI 0.359 0.8 0.723.
    """
    return _vae(latent, width, BetaTC(beta, examples=len(_sprites().train)), steps)


@preset("dip-vae", "disentanglement-metrics")
def dip_sprites(
    latent: int = 8, width: int = 128, weight: float = 50.0, steps: int = 6_000
) -> Experiment:
    """A DIP-VAE II on small sprites.

    pushforward train dip_sprites

    36 s of one core. beta-VAE score 0.722, FactorVAE score 0.501, MIG 0.322, SAP 0.418,
    DCI 0.16 0.622 0.473, modularity 0.976.
    With a weight of 10 the MIG is 0.149.
    """
    return _vae(latent, width, DIP(weight, weight), steps)


@preset("disentanglement-metrics")
def factor_sprites(
    latent: int = 8, width: int = 128, gamma: float = 35.0, steps: int = 6_000
) -> Experiment:
    """A FactorVAE on small sprites: a critic measures the total correlation.

    pushforward train factor_sprites

    50 s of one core. beta-VAE score 0.685, FactorVAE score 0.393, MIG 0.118, SAP 0.201,
    DCI 0.098 0.336 0.41, modularity 0.922.
    With gamma 10 the MIG is 0.066. The critic ends at a cross-entropy of 0.689 (log 2 is 0.693): it
    hardly tells the shuffled latents, so that it corrects little.
    """
    encoder, decoder = _parts(latent, width)
    model = FactorVAE(encoder, decoder, MLP(latent, 1, width, 2), gamma=gamma)
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

"""The collapse of a posterior, and what is done against it: one decoder, one data set, remedies."""

from __future__ import annotations

from collections.abc import Callable

import torch

from ..core.dataset import Dataset
from ..core.spaces import Pixels
from ..models.autoregressive.made import MADE
from ..models.latent.lagging import AggressiveVAE
from ..models.latent.vae import VAE
from ..nn.mlp import FlatMLP
from ..objectives.variational import ELBO, Cyclical, Linear, Objective
from ..probability.autoregressive_decoder import AutoregressiveDecoder
from ..probability.posteriors import DeltaGaussian, DiagonalGaussian, Encoder, PosteriorHead
from ..training.experiment import Experiment
from ..training.recipe import Adam, Recipe

LATENT, WIDTH, FLOOR = 4, 64, 0.5
"""Free bits and delta ask for FLOOR nats in each of LATENT dimensions."""


def remedies(steps: int = 400) -> dict[str, Experiment]:
    """A VAE on bars and stripes whose decoder is a MADE, by the remedy that it is given.

    Args:
        steps: of training.
    """
    from ..data import bars

    data = bars()
    recipe = Recipe(steps, 128, Adam(5e-3), report_every=max(1, steps // 20), validate_every=0)
    built: dict[str, Callable[[Pixels], VAE]] = {
        "none": lambda space: _vae(space),
        "annealing": lambda space: _vae(space, ELBO(beta=Linear())),
        "cyclical annealing": lambda space: _vae(space, ELBO(beta=Cyclical())),
        "words hidden": lambda space: _vae(space, blind=0.5),
        "eager encoder": lambda space: AggressiveVAE(*_parts(space), turns=5),
        "free bits": lambda space: _vae(space, ELBO(free_bits=FLOOR)),
        "delta": lambda space: _vae(space, head=DeltaGaussian(LATENT, FLOOR)),
    }
    return {name: _experiment(build, data, recipe) for name, build in built.items()}


def _experiment(build: Callable[[Pixels], VAE], data: Dataset, recipe: Recipe) -> Experiment:
    torch.manual_seed(0)
    return Experiment(build(data.space), data, recipe)


def _vae(
    space: Pixels,
    objective: Objective | None = None,
    blind: float = 0.0,
    head: PosteriorHead | None = None,
) -> VAE:
    return VAE(*_parts(space, blind, head), objective=objective)


def _parts(
    space: Pixels, blind: float = 0.0, head: PosteriorHead | None = None
) -> tuple[Encoder, AutoregressiveDecoder]:
    head = head or DiagonalGaussian(LATENT)
    encoder = Encoder(FlatMLP(space.dims, head.outputs, WIDTH, 1), space, head)
    return encoder, AutoregressiveDecoder(MADE(space, width=WIDTH, context=LATENT, blind=blind))

"""All scores of disentanglement at once, for any model with an encoder, on data with factors.

The code of a datum is the mean of q(z | x). A latent whose mean varies by less than a hundredth
(Burda et al., 2016: it is not active) is set to 0: what it says is drowned by the noise of q, but
scores that rescale each latent would hear it.

Challenging Common Assumptions in the Unsupervised Learning of Disentangled Representations
(Locatello et al., 2019), arXiv:1811.12359, section 4, compares the scores: they agree in part.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from ...core.catalogue import system
from ...core.contract import Generative, Latent
from ...core.dataset import Dataset, Split
from ...core.spaces import count
from ..measurement import Measurement
from ..surgery import ACTIVE, posterior_mean
from .beta_vae import beta_vae_score
from .factor_vae import factor_vae_score
from .importances import dci
from .mig import mutual_information_gap
from .modular import modularity
from .sap import separated_attribute_predictability

EXAMPLES = 5_000


@dataclass(frozen=True)
class Disentanglement:
    """Every score; 1 is the best."""

    beta_vae: Measurement
    factor_vae: Measurement
    mig: Measurement
    sap: Measurement
    disentanglement: Measurement
    completeness: Measurement
    informativeness: Measurement
    modularity: Measurement

    def __iter__(self) -> Iterator[Measurement]:
        return (getattr(self, field.name) for field in fields(self))

    def __str__(self) -> str:
        return "\n".join(f"{m.name:20s}{m.value:8.3f}" for m in self)


def disentanglement_scores(
    model: Latent, data: Dataset, n: int = EXAMPLES, seed: int = 0
) -> Disentanglement:
    """The scores of a model on the first `n` examples of the test split of data with factors.

    Raises ValueError where the data have no factors or the model no encoder.
    """
    if data.test.factors is None:
        raise ValueError(f"{data.name} does not say what its examples were made of: try sprites")
    test = data.test.first(count("n", n, 4))
    assert test.factors is not None
    z, v = posterior_means(model, test, seed), test.factors
    parts = dci(z, v, seed=seed)
    return Disentanglement(
        beta_vae_score(z, v, seed=seed),
        factor_vae_score(z, v, seed=seed),
        mutual_information_gap(z, v),
        separated_attribute_predictability(z, v, [f.ordered for f in data.factors]),
        parts.disentanglement,
        parts.completeness,
        parts.informativeness,
        modularity(z, v),
    )


def scores_if_known(model: Generative, data: Dataset) -> Iterable[Measurement]:
    """The scores of a model with an encoder on data with factors; none of any other pair."""
    if isinstance(model, Latent) and data.factors:
        return disentanglement_scores(model, data)
    return ()


def posterior_means(model: Latent, split: Split, seed: int = 0, size: int = 256) -> Tensor:
    """The means of q(z | x) of a split, (n, latent), on the CPU; latents not active are 0.

    Of a posterior that knows no mean, eight draws are averaged. Raises ValueError for a model
    without an encoder.
    """
    if not isinstance(model, Latent):
        raise ValueError(f"{type(model).__name__} has no encoder whose code could be looked at")
    training = model.training
    model.eval()
    with torch.no_grad(), torch.random.fork_rng():
        torch.manual_seed(seed)
        codes = torch.cat([_means(model, x) for x, *_ in split.batches(size, model.device)])
    model.train(training)
    return torch.where(codes.var(0) > ACTIVE, codes, 0.0)


def _means(model: Latent, x: Tensor) -> Tensor:
    q = model.encode(x)
    return posterior_mean(q, q.sample((8,))).flatten(1).cpu()


system(
    "disentanglement-metrics",
    lecture=7,
    kind="metric",
    title="Disentanglement: beta-VAE and FactorVAE scores, MIG, SAP, DCI, modularity",
    paper="arXiv:1811.12359",
)

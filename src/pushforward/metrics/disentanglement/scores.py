"""All scores of disentanglement at once, for any model with an encoder, on data with factors.

The code of a datum is the mean of q(z | x). A latent whose mean varies by less than a hundredth
(Burda et al., 2016: it is not active) is set to 0: what it says is drowned by the noise of q, but
scores that rescale each latent would hear it. Modularity is that of the active latents alone.

Challenging Common Assumptions in the Unsupervised Learning of Disentangled Representations
(Locatello et al., 2019), arXiv:1811.12359, section 4, compares the scores: they agree in part.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields, replace
from statistics import mean, stdev

import torch
from torch import Tensor

from ...core.catalogue import system
from ...core.contract import Generative, Latent
from ...core.dataset import Dataset, Split
from ...core.spaces import count
from ..measurement import Measurement
from ..surgery import ACTIVE
from .beta_vae import beta_vae_score
from .factor_vae import factor_vae_score
from .importances import dci
from .irs import interventional_robustness
from .mig import mutual_information_gap
from .modular import modularity
from .sap import separated_attribute_predictability

EXAMPLES, SEEDS = 10_000, 3
DRAWS = 8  # of a posterior that does not know its mean


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
    irs: Measurement

    def __iter__(self) -> Iterator[Measurement]:
        return (getattr(self, field.name) for field in fields(self))

    def __str__(self) -> str:
        return "\n".join(f"{m.name:20s}{m.value:8.3f}" for m in self)


def disentanglement_scores(
    model: Latent, data: Dataset, n: int = EXAMPLES, seeds: int = SEEDS
) -> Disentanglement:
    """The scores of a model on data with factors: the means over `seeds`, with standard errors.

    Each seed draws `n` examples from all splits (all, where there are fewer: nobody learned their
    factors), and whatever a score draws itself. Raises ValueError where the data have no factors or
    the model no encoder.
    """
    if data.test.factors is None:
        raise ValueError(f"{data.name} does not say what its examples were made of: try sprites")
    count("n", n, 4)
    z, v = _seen(model, data, n * count("seeds", seeds))
    ordered = [factor.ordered for factor in data.factors]
    every = []
    for seed in range(seeds):
        index = torch.randperm(len(z), generator=torch.Generator().manual_seed(seed))[:n]
        every.append(_of_codes(z[index], v[index], ordered, seed))
    return Disentanglement(*(_averaged(same) for same in zip(*every)))


def _seen(model: Latent, data: Dataset, n: int) -> tuple[Tensor, Tensor]:
    """Codes and factors of `n` examples of the splits, the test split first; latents not active
    are 0.
    """
    splits: list[Split] = []
    for split in (data.test, data.validation, data.train):
        if missing := max(0, n - sum(map(len, splits))):
            splits.append(split.first(missing))
    seen = zip(*(_codes(model, split) for split in splits))
    codes, noise = (torch.cat(column) for column in seen)
    return _active(codes, noise), torch.cat([s.factors for s in splits if s.factors is not None])


def _of_codes(z: Tensor, v: Tensor, ordered: list[bool], seed: int) -> Disentanglement:
    parts = dci(z, v, seed=seed)
    moving = z[:, (z != 0).any(0)]
    return Disentanglement(
        beta_vae_score(z, v, seed=seed),
        factor_vae_score(z, v, seed=seed),
        mutual_information_gap(z, v),
        separated_attribute_predictability(z, v, ordered),
        parts.disentanglement,
        parts.completeness,
        parts.informativeness,
        modularity(moving if moving.shape[1] else z, v),
        interventional_robustness(z, v),
    )


def _averaged(same: tuple[Measurement, ...]) -> Measurement:
    """The mean of one score over seeds; its standard error, where they differ, is theirs."""
    values = [number.value for number in same]
    error = stdev(values) / len(values) ** 0.5 if len(values) > 1 else same[0].stderr
    settings = f"{same[0].settings}, {len(values)} seed{'s' if len(values) > 1 else ''}"
    return replace(same[0], value=mean(values), stderr=error or None, settings=settings)


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
    return _active(*_codes(model, split, seed, size))


def _codes(model: Latent, split: Split, seed: int = 0, size: int = 256) -> tuple[Tensor, Tensor]:
    """Means of q, and the variance of their own noise, (n, latent) each."""
    if not isinstance(model, Latent):
        raise ValueError(f"{type(model).__name__} has no encoder whose code could be looked at")
    training = model.training
    model.eval()
    with torch.no_grad(), torch.random.fork_rng():
        torch.manual_seed(seed)
        batches = split.told(model.given).batches(size, model.device)
        seen = zip(*(_means(model, *batch) for batch in batches))
        codes, noise = (torch.cat(column) for column in seen)
    model.train(training)
    return codes, noise


def _active(codes: Tensor, noise: Tensor) -> Tensor:
    """Codes, 0 where a latent moves over the data no more than its noise does."""
    return torch.where(codes.var(0) - noise.mean(0) > ACTIVE, codes, 0.0)


def _means(model: Latent, x: Tensor, *conditions: Tensor) -> tuple[Tensor, Tensor]:
    q = model.encode(x, *conditions)
    try:
        mean = q.mean.flatten(1).cpu()
        return mean, torch.zeros_like(mean)
    except NotImplementedError:
        z = q.sample((DRAWS,)).flatten(2).cpu()
        return z.mean(0), z.var(0) / DRAWS


system(
    "disentanglement-metrics",
    lecture=7,
    kind="metric",
    title="Disentanglement: beta-VAE and FactorVAE scores, MIG, SAP, DCI, modularity, IRS, UDR",
    paper="arXiv:1811.12359",
)

"""Presets for the tables that scikit-learn carries (`pf.data.wine`, `pf.data.breast_cancer`).

A hundred rows to learn from, or 350: what validates best is soon over, so networks are small and
`--keep-best` keeps the model of that time. results/tables.json has scikit-learn's and zuko's
numbers on the same splits beside these.
"""

from __future__ import annotations

from ..core.catalogue import preset
from ..core.dataset import Dataset
from ..models.flow.ffjord import FFJORD
from ..models.flow.maf import MAF
from ..models.flow.nsf import AutoregressiveNSF
from ..models.latent.gmm import GMM
from ..solvers.adaptive import DormandPrince
from ..training.experiment import Experiment
from ..training.recipe import Adam, Recipe

TABLES = ("breast_cancer", "wine")
BATCH = 64


@preset("gmm", "em")
def gmm_tables(
    table: str = "breast_cancer",
    components: int = 3,
    regularisation: float = 0.01,
    steps: int = 100,
) -> Experiment:
    """A mixture of Gaussians with full covariances by EM on a table of scikit-learn.

    pushforward train gmm_tables
    pushforward train gmm_tables --table wine --regularisation 0.1

    Args:
        table: breast_cancer or wine.
        components: Gaussians.
        regularisation: variance added to every direction, of standardised columns.
        steps: iterations of EM.
    """
    data = _table(table)
    model = GMM(data.space.dims, components, regularisation=regularisation)
    return Experiment(model, data, Recipe(steps, None))


@preset("maf")
def maf_tables(
    table: str = "breast_cancer",
    couplings: int = 5,
    width: int = 32,
    normalised: bool = True,
    steps: int = 1_000,
) -> Experiment:
    """MAF on a table of scikit-learn.

    pushforward train maf_tables --keep-best

    Args:
        table: breast_cancer or wine.
        couplings: layers of the flow.
        width: units of each of two hidden layers.
        normalised: batch normalisation between layers, as the paper has it.
    """
    data = _table(table)
    model = MAF(data.space.dims, couplings, width, 2, normalised=normalised)
    return Experiment(model, data, _recipe(steps, 1e-3))


@preset("nsf")
def nsf_tables(
    table: str = "breast_cancer",
    couplings: int = 2,
    width: int = 16,
    bins: int = 4,
    steps: int = 1_000,
) -> Experiment:
    """An autoregressive neural spline flow on a table of scikit-learn.

    pushforward train nsf_tables --keep-best

    Args:
        table: breast_cancer or wine.
        couplings: layers of the flow.
        width: units of the hidden layer of each network.
        bins: of each spline.
    """
    data = _table(table)
    model = AutoregressiveNSF(data.space.dims, couplings, width, 1, bins, bound=5.0)
    return Experiment(model, data, _recipe(steps, 2e-3))


@preset("ffjord")
def ffjord_tables(
    table: str = "breast_cancer", width: int = 64, layers: int = 2, steps: int = 500
) -> Experiment:
    """FFJORD on a table of scikit-learn; the likelihood takes the exact trace.

    pushforward train ffjord_tables --keep-best

    Args:
        table: breast_cancer or wine.
        width, layers: of the velocity's network.
    """
    data = _table(table)
    model = FFJORD(data.space.dims, width, layers, DormandPrince(1e-3, 1e-3))
    return Experiment(model, data, _recipe(steps, 5e-3))


def _recipe(steps: int, rate: float) -> Recipe:
    """Adam on batches of 64, looked at 50 times."""
    often = max(1, steps // 50)
    adam = Adam(rate, weight_decay=0.1)
    return Recipe(steps, BATCH, adam, clip=5.0, validate_every=often)


def _table(table: str) -> Dataset:
    from .. import data

    if table not in TABLES:
        raise ValueError(f"table must be {' or '.join(TABLES)}, not {table!r}")
    return getattr(data, table)()

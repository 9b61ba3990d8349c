"""Presets for the five tables that papers of flows report, which nobody may hand on with a library.

Unpack zenodo.org/record/1161203 (`data/power/data.npy` and so on; of GAS, ethylene_CO.txt of the
UCI repository) and name the folder by `place`. Every published number is nats of the test split,
negative log-likelihood, in the order power, gas, hepmass, miniboone, bsds300. Nothing here was
trained on these tables.
"""

from __future__ import annotations

from pathlib import Path

from ..core.catalogue import preset
from ..core.dataset import Dataset
from ..models.flow.ffjord import FFJORD
from ..models.flow.maf import MAF
from ..models.flow.nsf import AutoregressiveNSF
from ..solvers.adaptive import DormandPrince
from ..training.experiment import Experiment
from ..training.recipe import Adam, Cosine, Recipe

FILES = {
    "power": "power/data.npy",
    "gas": "gas/ethylene_CO.txt",
    "hepmass": "hepmass",
    "miniboone": "miniboone/data.npy",
    "bsds300": "BSDS300/BSDS300.hdf5",
}
NARROW = ("power", "gas")  # tables of 6 and 8 features


@preset("maf")
def maf_uci(
    table: str = "miniboone",
    place: str = "data",
    couplings: int = 5,
    width: int = 0,
    steps: int = 100_000,
) -> Experiment:
    """MAF with batch normalisation between layers, as its paper trains it, on a table.

    pushforward train maf_uci --table power --place data --keep-best

    Table 1 of the paper: -0.14, -9.07, 17.70, 11.75, -155.69 with 5 layers, and -0.24, -10.08,
    17.73, 12.24, -154.93 with 10. It stops 30 epochs after the best validation; `--keep-best` keeps
    that model.

    Args:
        table: power, gas, hepmass, miniboone or bsds300.
        place: the folder that the archive was unpacked into.
        couplings: layers of the flow.
        width: units of each of two hidden layers; 0 takes the paper's, 100 for power and gas, else
            512.
    """
    data = _table(table, place)
    width = width or (100 if table in NARROW else 512)
    model = MAF(data.space.dims, couplings, width, 2, normalised=True)
    return Experiment(model, data, Recipe(steps, 100, Adam(1e-4, weight_decay=1e-6)))


@preset("nsf")
def nsf_uci(
    table: str = "miniboone",
    place: str = "data",
    couplings: int = 10,
    width: int = 0,
    bins: int = 0,
    steps: int = 0,
) -> Experiment:
    """An autoregressive neural spline flow on a table.

    pushforward train nsf_uci --table miniboone --place data --keep-best

    Table 1 of the paper, RQ-NSF (AR): -0.66, -13.09, 14.01, 9.22, -157.31. Differs: its networks
    are residual, with dropout.

    Args:
        table: power, gas, hepmass, miniboone or bsds300.
        place: the folder that the archive was unpacked into.
        couplings: layers of the flow.
        width: units of each of two hidden layers; 0 takes 32 for miniboone, 128 for bsds300, else
            256.
        bins: of each spline; 0 takes 4 for miniboone, else 8.
        steps: 0 takes 200,000 of 64 rows for miniboone, else 400,000 of 512.
    """
    data = _table(table, place)
    small = table == "miniboone"
    width = width or {"miniboone": 32, "bsds300": 128}.get(table, 256)
    model = AutoregressiveNSF(data.space.dims, couplings, width, 2, bins or (4 if small else 8))
    size, rate = (64, 3e-4) if small else (512, 5e-4)
    steps = steps or (200_000 if small else 400_000)
    return Experiment(model, data, Recipe(steps, size, Adam(rate), schedule=Cosine(), clip=5.0))


@preset("ffjord")
def ffjord_uci(
    table: str = "miniboone", place: str = "data", width: int = 0, steps: int = 30_000
) -> Experiment:
    """FFJORD on a table, with one flow.

    pushforward train ffjord_uci --table miniboone --place data --keep-best

    Table 2 of the paper: -0.46, -8.59, 14.92, 10.43, -157.40. Differs: one flow for every table,
    where the paper has it for miniboone alone, and tanh for every table.

    Args:
        table: power, gas, hepmass, miniboone or bsds300.
        place: the folder that the archive was unpacked into.
        width: units of each hidden layer; 0 takes 20 times the features, for power and hepmass 10.
    """
    data = _table(table, place)
    dims = data.space.dims
    width = width or dims * (10 if table in ("power", "hepmass") else 20)
    layers = 2 if table in ("hepmass", "miniboone") else 3
    model = FFJORD(dims, width, layers, DormandPrince(1e-6, 1e-8))
    size = 1_000 if table in ("gas", "miniboone") else 10_000
    return Experiment(model, data, Recipe(steps, size, Adam(1e-3)))


def _table(table: str, place: str) -> Dataset:
    from .. import data

    if table not in FILES:
        raise ValueError(f"table must be one of {', '.join(FILES)}, not {table!r}")
    return getattr(data, table)(Path(place) / FILES[table])

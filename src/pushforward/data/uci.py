"""The five density-estimation tables of the MAF paper, in its preprocessing, from local files.

    power:FILE       data.npy, 8 columns             6 features
    gas:FILE         ethylene_CO.txt                 8 features
    hepmass:FOLDER   1000_train.csv, 1000_test.csv   21 features
    miniboone:FILE   data.npy, 43 columns            43 features
    bsds300:FILE     BSDS300.hdf5                    63 features

A tenth of the rows tests, a tenth of the others validates; columns are standardised by what is
noted at each. The files are in the archive that the paper's authors published
(zenodo.org/record/1161203), which is why nothing is downloaded here: unpack it once.

Masked Autoregressive Flow (Papamakarios et al., 2017), arXiv:1705.07057, appendix D.
Differs: GAS is read from the text file of the UCI repository, and not from a pickle.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from ..core.dataset import Dataset, Split
from ..core.spaces import Reals
from .npy import read_npy
from .specs import findable

Parts = tuple[np.ndarray, np.ndarray, np.ndarray]


@findable("power", place="FILE")
def power(path: str | Path) -> Dataset:
    """Electricity of one household: 6 features of its `data.npy`.

    Rows are shuffled by RandomState(42); reactive power and intensity are left out; the rounding of
    the meters is smoothed by uniform noise; standardised by train and validation.
    """
    rows = _table(path, 8)
    random = np.random.RandomState(42)
    random.shuffle(rows)
    rows = rows[:, [0, 2, 4, 5, 6, 7]]
    voltage, active = (width * random.rand(len(rows), 1) for width in (0.01, 0.001))
    meters = random.rand(len(rows), 3)
    rows = rows + np.hstack([active, voltage, meters, np.zeros_like(active)])
    return _dataset("power", path, _standardised(*_cut(rows)))


@findable("gas", place="FILE")
def gas(path: str | Path) -> Dataset:
    """16 gas sensors, of which 8 stay: `ethylene_CO.txt` (time, two concentrations, sensors).

    Standardised by all rows, after columns that correlate above 0.98 with another are left out.
    """
    try:
        rows = np.loadtxt(_file(path), skiprows=1, dtype=np.float64, ndmin=2)[:, 3:]
    except ValueError as error:
        raise ValueError(f"{path} is not the table of GAS: {error}") from error
    rows = _decorrelated(rows)
    return _dataset("gas", path, _cut((rows - rows.mean(0)) / rows.std(0, ddof=1)))


@findable("hepmass", place="FOLDER")
def hepmass(folder: str | Path) -> Dataset:
    """Particle collisions, signal only: 21 features of `1000_train.csv` and `1000_test.csv`.

    Standardised by the training file; columns that repeat a value more than five times are left
    out. The test file has a column too many at its end.
    """
    files = [_file(Path(folder) / name) for name in ("1000_train.csv", "1000_test.csv")]
    train, test = (np.loadtxt(file, delimiter=",", skiprows=1, ndmin=2) for file in files)
    train, test = train[train[:, 0] == 1, 1:], test[test[:, 0] == 1, 1:]
    test = test[:, : train.shape[1]]
    mean, scale = train.mean(0), train.std(0)
    train, test = (train - mean) / scale, (test - mean) / scale
    keep = [i for i, c in enumerate(train.T) if np.unique(c, return_counts=True)[1].max() <= 5]
    held = max(1, len(train) // 10)
    return _dataset("hepmass", folder, (train[:-held, keep], train[-held:, keep], test[:, keep]))


@findable("miniboone", place="FILE")
def miniboone(path: str | Path) -> Dataset:
    """Neutrinos: 43 features of its `data.npy`, standardised by train and validation."""
    return _dataset("miniboone", path, _standardised(*_cut(_table(path, 43))))


@findable("bsds300", place="FILE")
def bsds300(path: str | Path) -> Dataset:
    """8x8 patches of natural images without their mean: 63 features of `BSDS300.hdf5`.

    It comes split. Raises ValueError where h5py is not installed.
    """
    try:
        import h5py
    except ImportError as error:
        raise ValueError("BSDS300 is an HDF5 file: pip install h5py to read it") from error
    with h5py.File(_file(path)) as file:
        train, held, test = (file[part][()] for part in ("train", "validation", "test"))
    return _dataset("bsds300", path, (train, held, test))


def _file(path: str | Path) -> Path:
    if not Path(path).is_file():
        raise FileNotFoundError(
            f"{path} is not there: unpack zenodo.org/record/1161203 and give the path in it"
        )
    return Path(path)


def _table(path: str | Path, columns: int) -> np.ndarray:
    rows = read_npy(_file(path)).astype(np.float64)
    if rows.ndim != 2 or rows.shape[1] != columns:
        raise ValueError(f"{path} should hold rows of {columns} numbers, not {rows.shape}")
    return rows


def _cut(rows: np.ndarray) -> Parts:
    """The last tenth tests, the last tenth of the rest validates."""
    rest, test = np.split(rows, [len(rows) - len(rows) // 10])
    train, held = np.split(rest, [len(rest) - len(rest) // 10])
    return train, held, test


def _standardised(train: np.ndarray, held: np.ndarray, test: np.ndarray) -> Parts:
    known = np.vstack([train, held])
    mean, scale = known.mean(0), known.std(0)
    return (train - mean) / scale, (held - mean) / scale, (test - mean) / scale


def _decorrelated(rows: np.ndarray) -> np.ndarray:
    """Leaves out the first column that correlates above 0.98 with another, until none does."""
    while True:
        many = (np.corrcoef(rows, rowvar=False) > 0.98).sum(0) > 1
        if not many.any():
            return rows
        rows = np.delete(rows, int(many.argmax()), axis=1)


def _dataset(name: str, path: str | Path, parts: Parts) -> Dataset:
    if min(map(len, parts)) == 0:
        raise ValueError(f"{path} holds too few rows to be split: at least 12 are needed")
    tensors = [torch.from_numpy(part).to(torch.get_default_dtype()) for part in parts]
    train, held, test = (Split((t.contiguous(),)) for t in tensors)
    origin = {"source": f"UCI, {name}", "split": "as in arXiv:1705.07057, in order"}
    return Dataset(name, Reals((parts[0].shape[1],)), train, held, test, origin)

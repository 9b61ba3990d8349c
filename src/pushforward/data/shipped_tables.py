"""Two tables that scikit-learn carries, for densities of columns without a download.

    wine             178 rows of 13 columns    three cultivars (Aeberhard & Forina, 1991)
    breast_cancer    569 rows of 30 columns    cell nuclei (Wolberg et al., 1993)

Rows are split by content (`splits`), a fifth to validate and a fifth to test, and columns are
standardised by the rows that train, so that nats are those of standardised columns.

Both are of the UCI repository, hold measurements alone, and repeat no row. The third table that
ships, `diabetes`, is not here: half of its rows share one of two values of a column (sex), more
than a quarter share one of another, so that a density on them has no bound. In `breast_cancer`
13 of the 569 rows have zeros in six columns (no concavity), so that there, too, a model with
unbounded peaks could gain what says nothing of the others: regularise, or keep what validates best.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from ..core.dataset import Dataset
from ..core.spaces import Reals
from .specs import findable
from .splits import Rule, digests, numbered, parted, rows

RULE = Rule(validation=0.2, test=0.2)


@findable("wine")
def wine(labels: bool = False) -> Dataset:
    """178 wines by 13 chemical measures, Reals((13,)); with `labels`, beside one of 3 cultivars."""
    from sklearn.datasets import load_wine

    return _table("wine", load_wine, labels)


@findable("breast_cancer")
def breast_cancer(labels: bool = False) -> Dataset:
    """569 tumours by 30 measures, Reals((30,)); with `labels`, malignant (0) or benign (1)."""
    from sklearn.datasets import load_breast_cancer

    return _table("breast_cancer", load_breast_cancer, labels)


def _table(name: str, load: Callable[[], Any], labels: bool) -> Dataset:
    source = load()
    x, y = torch.from_numpy(source.data), torch.from_numpy(source.target.astype(np.int64))
    splits, record = parted(name, (x, y), numbered(digests(rows(source.data))), RULE)
    known = splits[0].tensors[0]
    mean, scale = known.mean(0), known.std(0, correction=0)
    train, held, test = (
        type(part)(_kept((part.tensors[0] - mean) / scale, part.tensors[1], labels))
        for part in splits
    )
    origin = {"source": f"sklearn.datasets.load_{name}, standardised by what trains", **record}
    classes = tuple(map(str, source.target_names)) if labels else ()
    return Dataset(name, Reals((x.shape[1],)), train, held, test, origin, classes)


def _kept(z: torch.Tensor, y: torch.Tensor, labels: bool) -> tuple[torch.Tensor, ...]:
    z = z.to(torch.get_default_dtype())
    return (z, y) if labels else (z,)

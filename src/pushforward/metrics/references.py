"""What samples are measured against: features of a split, extracted once and kept in a cache.

A file is keyed by the data's record, the split, how many examples, the sha256 of these examples,
and the extractor with its hash and resizing. So a changed data set, other weights or another count
never meet old features. It is written whole or not at all, and one that was damaged is rebuilt.
Extractors without a hash (raw pixels, the numbers themselves) cost nothing and are not cached.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from ..core.checkpoint import digest_of, write_whole
from ..core.dataset import Dataset, Split, identity
from .draws import Draws
from .features import (
    UNKNOWN,
    Batches,
    Extractor,
    Features,
    Range,
    label,
    range_of,
    span_of,
)
from .measurement import Measurement
from .sharing import from_all, place, shared_features, shared_statistics
from .statistics import Statistics

FORMAT = "pushforward references/2"
Tensors = dict[str, Tensor]


@dataclass(frozen=True)
class Seen:
    """Features (n, features) of a set, and the extractor and resizing that it was seen through.

    `range` is the least and the largest number of the data themselves, where these were seen here.
    """

    features: Tensor
    extractor: str = "features as given"
    resize: str = "none"
    range: Range = UNKNOWN

    @classmethod
    def of(cls, data: Batches | Draws, extractor: Features) -> Seen:
        """The set through an extractor, one batch at a time, shared among processes."""
        ranges: list[Range] = []

        def looking(x: Tensor) -> Tensor:
            ranges.append(range_of(x))
            return extractor(x)

        features = shared_features(data, looking)
        everywhere = [span for spans in from_all(lambda: ranges) for span in spans]
        return cls(features, **label(extractor), range=span_of(everywhere))

    def __len__(self) -> int:
        return len(self.features)

    def check_alike(self, other: Seen) -> None:
        """Raises ValueError for sets that were seen through different extractors or resizings."""
        for field in ("extractor", "resize"):
            mine, its = getattr(self, field), getattr(other, field)
            if mine != its:
                raise ValueError(f"features differ in {field}: {mine!r} and {its!r}")

    def name(self, measured: Measurement, notes: tuple[str, ...] = ()) -> Measurement:
        """A measurement of these features, with what they were seen through, and more notes."""
        notes = measured.notes + tuple(note for note in notes if note not in measured.notes)
        return replace(measured, extractor=self.extractor, resize=self.resize, notes=notes)


def looked_at(split: Split) -> Tensor:
    """All x of a split through its view, which draws under a seed of its own."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return split.at(slice(None))[0]


def reference_features(
    data: Dataset,
    part: str,
    extractor: Features,
    n: int | None = None,
    folder: Path | None = None,
) -> Seen:
    """The first `n` examples (None: all) of the split `part`, through an extractor.

    `folder` is the cache; None keeps nothing. Raises ValueError for an unknown split or NaN.
    """
    x = _examples(data, part, n)
    found = _cached(
        _key(data, part, x, extractor, "features"),
        folder if isinstance(extractor, Extractor) and extractor.hash else None,
        lambda: {"features": shared_features(x, extractor)},
    )
    return Seen(found["features"], **label(extractor), range=range_of(x))


def reference_statistics(
    data: Dataset,
    part: str,
    extractor: Features,
    n: int | None = None,
    folder: Path | None = None,
) -> Statistics:
    """The mean and covariance of the same features: all that a Frechet distance needs.

    For splits of whose features not even one copy should be held.
    """
    x = _examples(data, part, n)

    def build() -> Tensors:
        whole = shared_statistics(x, extractor)
        span = torch.tensor(whole.range, dtype=torch.float64)
        return {"mean": whole.mean.cpu(), "scatter": whole.scatter.cpu(), "range": span}

    kept = folder if isinstance(extractor, Extractor) and extractor.hash else None
    found = _cached(_key(data, part, x, extractor, "statistics"), kept, build)
    low, high = found["range"].tolist()
    about = label(extractor)
    return Statistics(len(x), found["mean"], found["scatter"], **about, range=(low, high))


def _examples(data: Dataset, part: str, n: int | None) -> Tensor:
    if part not in ("train", "validation", "test"):
        raise ValueError(f"a split is train, validation or test, not {part!r}")
    split: Split = getattr(data, part)
    return looked_at(split if n is None else split.first(n))


def _key(data: Dataset, part: str, x: Tensor, extractor: Features, what: str) -> str:
    record = {
        "what": what,
        "data": identity(data.describe()),
        "split": part,
        "count": len(x),
        "examples": digest_of({"x": x}, {}),
        **label(extractor),
    }
    return json.dumps(record, sort_keys=True)


def _cached(key: str, folder: Path | None, build: Callable[[], Tensors]) -> Tensors:
    """What the file for `key` holds, or what `build` makes, which is then kept there."""
    if folder is None:
        return build()
    name = hashlib.sha256(key.encode()).hexdigest()[:20]
    path = folder / "references" / f"{name}.safetensors"
    if place()[1] == 1 and (found := _read(path, key)) is not None:
        return found
    # Processes that share the work must all take part in it: no one of them reads alone.
    fresh = {name: tensor.cpu().contiguous() for name, tensor in build().items()}
    if place()[0] == 0:
        _keep(path, fresh, {"format": FORMAT, "key": key, "digest": _digest(fresh, key)})
    return fresh


def _keep(path: Path, fresh: Tensors, header: dict[str, str]) -> None:
    """Writes what can be written: a full disk costs the time of the next one, not the numbers."""
    try:
        write_whole(path, fresh, header)
    except OSError as error:
        warnings.warn(f"references are not kept: {error}", stacklevel=2)


def _read(path: Path, key: str) -> Tensors | None:
    """The tensors of a whole file for this key; None where there is none, or it is damaged."""
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            found = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError):
        return None
    whole = header.get("key") == key and header.get("digest") == _digest(found, key)
    return found if whole else None


def _digest(tensors: Tensors, key: str) -> str:
    return digest_of(tensors, {"format": FORMAT, "key": key})

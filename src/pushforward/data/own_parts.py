"""Data that come in splits of their own, as files say by their names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePath

from ..core.dataset import PARTS, Split
from .fingerprints import fingerprint
from .image_sets import Loaded
from .parquet import Columns
from .splits import SHUFFLED, Rule, cut, numbered

SPLIT = re.compile(r"(train|validation|valid|val|dev|test)(?![a-z])")


def part_named(path: PurePath) -> tuple[str, bool]:
    """The split that a file is of, by its own name or its folder's; and whether by its folder's.

    >>> part_named(PurePath("val/0.parquet")), part_named(PurePath("a/test-0.tar"))
    (('validation', True), ('test', False))
    """
    own, above = SPLIT.match(path.stem), SPLIT.fullmatch(path.parent.name)
    part = (own or above or ["", "train"])[1]
    part = "validation" if part in ("valid", "val", "dev") else part
    return part, bool(above and not own)


def parted(
    name: str, batches: Mapping[str, Columns], found: Mapping[str, Loaded], rule: Rule
) -> tuple[dict[str, Split], dict]:
    """The set's own splits, and what it lacks cut from train; what is recorded of the examples."""
    lengths = rule.lengths(name, found["train"].digests)
    splits = dict(zip(PARTS, cut(batches["train"], lengths)))
    record = rule.record(numbered(found["train"].digests), lengths)
    for part in batches.keys() - {"train"}:
        splits[part] = Split(batches[part])
        record["examples"][part] = fingerprint(numbered(found[part].digests))
    how = {SHUFFLED: "numpy RandomState(seed)"}.get(rule.name, "by the hash of seed and content")
    own = " and ".join(sorted(batches))
    record["split"] = f"{own}: the set's own; what lacks is a tenth of train, {how}"
    return splits, record

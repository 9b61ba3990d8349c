"""Parquet files with a column of encoded images, as the hub stores image data sets."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from ..core.streams import Column
from .cache import stamp
from .decoding import Canvas
from .image_sets import NAMED, Images, Item, Loaded
from .splits import Rule

Columns = tuple[Tensor | Column, ...]

if TYPE_CHECKING:
    from pyarrow import DataType, Schema
    from pyarrow.parquet import ParquetFile


@contextmanager
def whole(path: Path) -> Iterator[None]:
    """Turns what pyarrow raises for a damaged file into a ValueError with its name."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno:  # the system's, such as a denied permission
            raise
        raise ValueError(f"{path} is no whole parquet file ({error}): get it again") from error


def opened(path: Path) -> ParquetFile:
    """The file, or ValueError with its name where it is not parquet or is cut short."""
    import pyarrow.parquet as pq

    with whole(path):
        return pq.ParquetFile(path)


def image_column(path: Path, wanted: str | None = None) -> str:
    """The column that holds encoded images; ValueError where there is none, or several."""
    schema = opened(path).schema_arrow
    return _one(path, "image", wanted, schema, [f.name for f in schema if _holds_bytes(f.type)])


def label_column(path: Path, wanted: str | None = None) -> str:
    """The column that holds whole-number labels; ValueError where there is none, or several."""
    import pyarrow.types as types

    schema = opened(path).schema_arrow
    integers = [f.name for f in schema if types.is_integer(f.type)]
    declared = [name for name in integers if _feature(schema, name).get("_type") == "ClassLabel"]
    usual = [name for name in integers if name in ("label", "labels", "class", "target")]
    return _one(path, "label", wanted, schema, declared or usual or integers)


def text_column(path: Path, wanted: str) -> str:
    """The column of text `wanted`; ValueError, naming those there are, where it is none."""
    import pyarrow.types as types

    schema = opened(path).schema_arrow
    texts = [f.name for f in schema if types.is_string(f.type) or types.is_large_string(f.type)]
    return _one(path, "captions", wanted, schema, texts)


def class_names(path: Path, column: str) -> tuple[str, ...]:
    """The names that the hub declares for the labels in `column`; empty where it declares none."""
    names = _feature(opened(path).schema_arrow, column).get("names")
    return tuple(map(str, names)) if isinstance(names, list) else ()


def labels(paths: Sequence[Path], column: str) -> np.ndarray:
    """int64 (rows,), the files one after another. Raises ValueError where a label is missing."""
    columns, names = [], class_names(paths[0], column)
    for path in paths:
        label_column(path, column)
        if class_names(path, column) != names:
            raise ValueError(
                f"{path} and {paths[0]} disagree on the classes of column {column!r}: they are not "
                "of one data set"
            )
        with whole(path):
            columns.append(opened(path).read(columns=[column])[column])
    for path, found in zip(paths, columns):
        if found.null_count:
            row = int(np.argmax(found.is_null().to_numpy()))
            raise ValueError(
                f"row {row} of {path} has no label in column {column!r} ({found.null_count} rows "
                "have none): remove them, or load the images without labels"
            )
    return np.concatenate([found.to_numpy() for found in columns]).astype(np.int64)


def images(
    title: str,
    paths: Sequence[Path],
    canvas: Canvas,
    column: str | None = None,
    rule: Rule | None = None,
    skip_unreadable: bool = False,
) -> Images:
    """The images of these files, one after another, or in the order of `rule`."""
    column = image_column(paths[0], column)
    for other in paths[1:]:
        image_column(other, column)
    return Images(
        title=title,
        n=sum(opened(path).metadata.num_rows for path in paths),
        key=[*map(stamp, paths), column],
        canvas=canvas,
        items=lambda: _encoded(paths, column),
        about=lambda: {"sha256": {path.name: sha256(path) for path in paths}},
        rule=rule,
        skip_unreadable=skip_unreadable,
    )


def tensors(found: Loaded, paths: Sequence[Path], label: str | None = None) -> Columns:
    """(x,) of decoded images or, where the column `label` is named, (x, y)."""
    if label is None:
        return (found.x,)
    y = labels(paths, label_column(paths[0], label))
    return (found.x, torch.from_numpy(y[found.index]))


def sha256(path: Path) -> str:
    """The file's SHA-256 in hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _encoded(paths: Sequence[Path], column: str) -> Iterator[Item]:
    for path in paths:
        missing = []
        for row, content in enumerate(_cells(path, column)):
            if content is None:
                missing.append(str(row))
            elif not missing:
                yield f"in row {row} of {path}", content
        if missing:
            raise ValueError(_imageless(path, missing))


def _imageless(path: Path, rows: Sequence[str]) -> str:
    if len(rows) == 1:
        return f"row {rows[0]} of {path} holds no image: its bytes are missing"
    more = f" and {len(rows) - NAMED} more" if len(rows) > NAMED else ""
    said = ", ".join(rows[:NAMED])
    return f"{len(rows)} rows of {path} hold no image, their bytes are missing: {said}{more}"


def _cells(path: Path, column: str) -> Iterator[bytes | None]:
    batches = opened(path).iter_batches(batch_size=512, columns=[column])
    while True:
        with whole(path):
            batch = next(batches, None)
        if batch is None:
            return
        cells = batch.column(0)
        yield from (cells.field("bytes") if hasattr(cells, "field") else cells).to_pylist()


def _holds_bytes(kind: DataType) -> bool:
    import pyarrow.types as types

    if types.is_struct(kind):
        place = kind.get_field_index("bytes")
        return place >= 0 and _holds_bytes(kind.field(place).type)
    return types.is_binary(kind) or types.is_large_binary(kind)


def _feature(schema: Schema, column: str) -> dict:
    """What the hub's `datasets` library wrote of a column; empty where it did not."""
    found = _features(schema).get(column)
    return found if isinstance(found, dict) else {}


def _features(schema: Schema) -> dict:
    record = (schema.metadata or {}).get(b"huggingface")
    try:
        return dict(json.loads(record)["info"]["features"]) if record else {}
    except (ValueError, KeyError, TypeError):  # a record of another form says nothing
        return {}


def _one(path: Path, what: str, wanted: str | None, schema: Schema, found: list[str]) -> str:
    if wanted is None and len(found) == 1:
        return found[0]
    if wanted in found:
        return str(wanted)
    columns = ", ".join(f"{field.name}: {field.type}" for field in schema)
    said = f"no {what} column {wanted!r}" if wanted else f"{len(found) or 'no'} {what} columns"
    choose = f"choose one with {what}={' or '.join(map(repr, found))}; " if found else ""
    raise ValueError(f"{path.name} has {said}: {choose}its columns are {columns}")

"""Parquet files with a column of encoded images, as the hub stores image data sets."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from ..core.dataset import Batch
from .cache import Images, Item, stamp
from .decoding import Canvas
from .splits import shuffled

if TYPE_CHECKING:
    from pyarrow import DataType, Schema
    from pyarrow.parquet import ParquetFile


def opened(path: Path) -> ParquetFile:
    """The file, or ValueError with its name where it is not parquet or is cut short."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(path)
    except pa.ArrowInvalid as error:
        raise ValueError(f"{path} is no whole parquet file ({error}): get it again") from error


def image_column(path: Path, wanted: str | None = None) -> str:
    """The column that holds encoded images; ValueError where there is none, or several."""
    schema = opened(path).schema_arrow
    return _one(path, "image", wanted, schema, [f.name for f in schema if _holds_bytes(f.type)])


def label_column(path: Path, wanted: str | None = None) -> str:
    """The column that holds whole-number labels; ValueError where there is none, or several."""
    import pyarrow.types as types

    schema = opened(path).schema_arrow
    whole = [f.name for f in schema if types.is_integer(f.type)]
    declared = [
        name for name in whole if _features(schema).get(name, {}).get("_type") == "ClassLabel"
    ]
    usual = [name for name in whole if name in ("label", "labels", "class", "target")]
    return _one(path, "label", wanted, schema, declared or usual or whole)


def class_names(path: Path, column: str) -> tuple[str, ...]:
    """The names that the hub declares for the labels in `column`; empty where it declares none."""
    return tuple(_features(opened(path).schema_arrow).get(column, {}).get("names") or ())


def labels(paths: Sequence[Path], column: str) -> np.ndarray:
    """int64 (rows,), the files one after another. Raises ValueError where a label is missing."""
    import pyarrow.parquet as pq

    columns = [pq.read_table(path, columns=[column])[column] for path in paths]
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
    seed: int | None = None,
) -> Images:
    """The images of these files, one after another, or shuffled by `seed`."""
    column = image_column(paths[0], column)
    n = sum(opened(path).metadata.num_rows for path in paths)
    order = None if seed is None else shuffled(n, seed)
    return Images(
        title=title,
        n=n,
        key=[*map(stamp, paths), column, seed],
        canvas=canvas,
        items=lambda: _encoded(paths, column),
        about=lambda: {"sha256": {path.name: sha256(path) for path in paths}},
        place=None if order is None else np.argsort(order),
    )


def tensors(
    title: str,
    paths: Sequence[Path],
    canvas: Canvas,
    image: str | None = None,
    label: str | None = None,
    seed: int | None = None,
) -> tuple[Batch, dict]:
    """(x,) or, where the column `label` is named, (x, y); and what is known of the source."""
    x, about = images(title, paths, canvas, image, seed).load()
    if label is None:
        return (torch.from_numpy(x),), about
    y = labels(paths, label_column(paths[0], label))
    order = slice(None) if seed is None else shuffled(len(y), seed)
    return (torch.from_numpy(x), torch.from_numpy(y[order])), about


def sha256(path: Path) -> str:
    """The file's SHA-256 in hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _encoded(paths: Sequence[Path], column: str) -> Iterator[Item]:
    for path in paths:
        row = 0
        for batch in opened(path).iter_batches(batch_size=512, columns=[column]):
            cells = batch.column(0)
            binary = cells.field("bytes") if hasattr(cells, "field") else cells
            for content in binary.to_pylist():
                if content is None:
                    raise ValueError(f"row {row} of {path} holds no image: its bytes are missing")
                yield f"in row {row} of {path}", content
                row += 1


def _holds_bytes(kind: DataType) -> bool:
    import pyarrow.types as types

    if types.is_struct(kind):
        place = kind.get_field_index("bytes")
        return place >= 0 and _holds_bytes(kind.field(place).type)
    return types.is_binary(kind) or types.is_large_binary(kind)


def _features(schema: Schema) -> dict:
    """What the hub's `datasets` library wrote of the columns; empty where it did not."""
    record = (schema.metadata or {}).get(b"huggingface")
    return json.loads(record).get("info", {}).get("features", {}) if record else {}


def _one(path: Path, what: str, wanted: str | None, schema: Schema, found: list[str]) -> str:
    if wanted is None and len(found) == 1:
        return found[0]
    if wanted in found:
        return str(wanted)
    columns = ", ".join(f"{field.name}: {field.type}" for field in schema)
    said = f"no {what} column {wanted!r}" if wanted else f"{len(found) or 'no'} {what} columns"
    choose = f"choose one with {what}={' or '.join(map(repr, found))}; " if found else ""
    raise ValueError(f"{path.name} has {said}: {choose}its columns are {columns}")

"""Tables of one's own: CSV and parquet files whose columns are numbers, whole or real.

A datum is a row. Columns are of all sizes (ages beside incomes), so what learns them standardises
them inside (`pf.standardised`); whole numbers are dequantised there.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ..core.dataset import Dataset
from ..core.spaces import Reals
from .arrays import tensors
from .parquet import opened, whole
from .specs import findable
from .splits import CONTENT

if TYPE_CHECKING:
    from pyarrow import ChunkedArray, Table

MARKS = ",;\t|"  # what columns are parted by
LOSS = 0.01  # of a column's spread, that rounding to the default type may take
WIDEST = 50_000  # columns, since each is looked at by itself


@findable("table", place="FILE")
def table(
    path: str | Path,
    label: str | None = None,
    columns: str | None = None,
    validation: float = 0.1,
    test: float = 0.1,
    seed: int = 0,
    rule: str = CONTENT,
) -> Dataset:
    """The rows of a CSV or parquet file as Reals((columns,)), split by `rule` under `seed`.

    A CSV file is UTF-8, its columns parted by commas, semicolons, tabs or bars; the first line
    names them, unless it holds numbers. `label` is the column that stands beside the others as
    labels, text or whole numbers. `columns` are those that are taken, with commas between; all
    others than `label` where None. `origin` names them, and says which are whole numbers.

    Raises FileNotFoundError where there is no file; ValueError for a file that is no table, and
    with row and column for a value that is missing, not finite, or not a number; for a column that
    is the same in every row, or that torch's default type cannot tell apart.
    """
    file = Path(path).expanduser()
    if not file.is_file():
        what = "is a folder, not a file" if file.is_dir() else "does not exist"
        raise FileNotFoundError(f"the table {file} {what}")
    found = _parquet(file) if file.suffix.lower() == ".parquet" else _csv(file)
    names = _chosen(file, found, label, columns)
    numbers = [_numbers(file, name, found[name]) for name in names]
    x = np.stack([_told_apart(file, name, n) for name, n in zip(names, numbers)], axis=1)
    y = None if label is None else _labels(file, label, found[label])
    space = Reals((len(names),))
    data = tensors(x, y, space, validation, test, seed, file.stem, rule)
    kinds = {"columns": names, "whole": [bool((n == np.round(n)).all()) for n in numbers]}
    return replace(data, origin={**data.origin, "source": f"the table {file.name}", **kinds})


def _parquet(file: Path) -> Table:
    source = opened(file)
    with whole(file):
        return source.read()


def _csv(file: Path) -> Table:
    """The columns of a CSV file, as what all their values can be read as."""
    import pyarrow as pa
    from pyarrow import csv

    first, mark = _first_line(file), mark_of(file)
    cells = first.split(mark)
    if len(cells) > WIDEST:
        raise ValueError(f"{file} has {len(cells):,} columns, more than {WIDEST:,}: give an array")
    bare = all(_is_number(cell) for cell in cells)
    sizes = max(file.stat().st_size, 1)  # types are told by all rows, not by the first block
    read = csv.ReadOptions(autogenerate_column_names=bare, block_size=min(sizes + 1, 2**31 - 1))
    convert = csv.ConvertOptions(strings_can_be_null=True)
    try:
        found = csv.read_csv(file, read, csv.ParseOptions(delimiter=mark), convert)
        if mark != "," and any(_has_commas(column) for column in found.columns):
            convert = csv.ConvertOptions(strings_can_be_null=True, decimal_point=",")
            found = csv.read_csv(file, read, csv.ParseOptions(delimiter=mark), convert)
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise ValueError(f"{file} is no table that can be read: {error}") from error
    if not found.num_rows:
        raise ValueError(f"{file} holds no rows")
    return found


def _first_line(file: Path) -> str:
    with file.open("rb") as stream:
        start = stream.read(2**20)
    if b"\0" in start:
        raise ValueError(f"{file} is no CSV file: byte {start.index(0)} is 0, as in binary files")
    lines = start.decode("utf-8-sig", errors="replace").splitlines()
    if not lines or not lines[0].strip():
        raise ValueError(f"{file} is no CSV file: its first line is empty")
    return lines[0]


def mark_of(file: Path) -> str:
    """What parts the columns of a CSV file, as its first line says; ValueError for no text."""
    return _mark(_first_line(file))


def _mark(line: str) -> str:
    """What parts the columns: the commonest of the usual marks.

    >>> _mark("a;b;c,d"), _mark("a")
    (';', ',')
    """
    counts = Counter(letter for letter in line if letter in MARKS)
    return counts.most_common(1)[0][0] if counts else ","


def _is_number(cell: str) -> bool:
    try:
        float(cell.strip().strip('"').replace(",", "."))
    except ValueError:
        return False
    return True


def _has_commas(column: ChunkedArray) -> bool:
    """Whether a column of text holds numbers with decimal commas."""
    import pyarrow.types as types

    if not types.is_string(column.type) or not len(column):
        return False
    cell = column[0].as_py()
    return cell is not None and "," in cell and _is_number(cell)


def _chosen(file: Path, found: Table, label: str | None, columns: str | None) -> list[str]:
    """The names of the columns that are taken."""
    known = found.column_names
    if len(set(known)) < len(known):
        twice = next(name for name, n in Counter(known).items() if n > 1)
        raise ValueError(f"{file} has several columns called {twice!r}: rename them")
    names = columns.split(",") if columns else [name for name in known if name != label]
    there = set(known)
    for name in [*names, *([] if label is None else [label])]:
        if name not in there:
            raise ValueError(f"{file} has no column {name!r}: there are {', '.join(known)}")
    if not names:
        raise ValueError(f"{file} has no columns beside {label!r}")
    return names


def _numbers(file: Path, name: str, column: ChunkedArray) -> np.ndarray:
    """A column's numbers, float64. Raises ValueError where one is none, with its row."""
    import pyarrow.types as types

    kind = column.type
    if types.is_null(kind):
        raise ValueError(f"column {name!r} of {file} is empty: leave it out by columns=...")
    numeric = types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind)
    if not (numeric or types.is_decimal(kind)):
        raise ValueError(_no_number(file, name, column))
    _refuse(file, name, "missing", column.is_null().to_numpy())
    values = np.array(column.to_pylist() if types.is_decimal(kind) else column.to_numpy())
    values = values.astype(np.float64)
    _refuse(file, name, "not finite", ~np.isfinite(values))
    if (values == values[0]).all():
        raise ValueError(
            f"column {name!r} of {file} is {values[0]:g} in every row: leave it out by columns=..."
        )
    return values


def _refuse(file: Path, name: str, what: str, bad: np.ndarray) -> None:
    if bad.any():
        row, n = int(np.flatnonzero(bad)[0]) + 1, int(bad.sum())
        more = f", and so are {n - 1:,} others of the column" if n > 1 else ""
        raise ValueError(
            f"{file}: the value in row {row:,}, column {name!r} is {what}{more}: fill in what it "
            "was, or leave out those rows, or the column (columns=...)"
        )


def _no_number(file: Path, name: str, column: ChunkedArray) -> str:
    """Why a column of text or dates is refused: the first value that is no number."""
    values = column.to_pylist()
    row = next((i for i, v in enumerate(values) if v is not None and not _plain(v)), 0)
    return (
        f"{file}: the value in row {row + 1:,}, column {name!r} is {values[row]!r:.60}, not a "
        f"number: leave the column out (columns=...), or take it as labels (label={name})"
    )


def _plain(value: Any) -> bool:
    return _is_number(str(value))


def _told_apart(file: Path, name: str, values: np.ndarray) -> np.ndarray:
    """The column in torch's default type, where that rounds off little of what varies in it."""
    kept = torch.from_numpy(values).to(torch.get_default_dtype()).double().numpy()
    if not np.isfinite(kept).all() or np.abs(kept - values).max() > LOSS * values.std():
        raise ValueError(
            f"column {name!r} of {file}, {values.min():.10g} to {values.max():.10g}, is too large "
            f"beside what varies in it for {torch.get_default_dtype()}: subtract a constant, leave "
            "it out (columns=...), or call torch.set_default_dtype(torch.float64) first"
        )
    return kept


def _labels(file: Path, name: str, column: ChunkedArray) -> np.ndarray:
    """Labels: text, or whole numbers from 0 on."""
    _refuse(file, name, "missing", column.is_null().to_numpy())
    values = column.to_pylist()
    if all(isinstance(value, int) for value in values):
        return np.array(values, dtype=np.int64)
    return np.array([str(value) for value in values])

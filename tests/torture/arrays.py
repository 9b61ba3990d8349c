"""Arrays and tables that others made: of every type and shape, damaged, crafted, of no numbers."""

from __future__ import annotations

import io
import pickle
import random
import struct
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
from harness import End, Trial, Wrong, damaged, looked_at, refused, taken

FLOATS = ("<f2", "<f4", "<f8", ">f4", ">f8")
WHOLE = ("|u1", "<i2", "<i4", "<i8", ">i8", "<u2", "<u4", "<u8")


class Touch:
    """What an unpickler would run."""

    def __reduce__(self):
        return (open, ("touched", "w"))


def npy(array: np.ndarray) -> bytes:
    """The content of its .npy file."""
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=True)
    return stream.getvalue()


def headed(text: str, body: bytes = b"", version: bytes = b"\x01\0") -> bytes:
    """A .npy file with any header."""
    raw = text.encode("latin1")
    size = struct.pack("<H" if version == b"\x01\0" else "<I", len(raw))
    return b"\x93NUMPY" + version + size + raw + body


def whole(draw: np.random.RandomState) -> list[tuple[str, np.ndarray]]:
    """Arrays that must be taken as they are."""
    made = [(f"{kind} rows", draw.randn(40, 3).astype(kind)) for kind in FLOATS]
    made += [(f"{kind} tokens", draw.randint(0, 9, (40, 5)).astype(kind)) for kind in WHOLE[1:]]
    made += [("images", draw.randint(0, 256, (40, 1, 4, 4)).astype(np.uint8))]
    made += [("grey images", draw.randint(0, 256, (40, 4, 4)).astype(np.uint8))]
    made += [("channels last", draw.randint(0, 256, (40, 8, 8, 3)).astype(np.uint8))]
    made += [("by columns", np.asfortranarray(draw.randn(40, 3)))]
    made += [("of three axes", draw.randn(40, 2, 3).astype(np.float32))]
    return made


def strange(draw: np.random.RandomState) -> list[tuple[str, bytes, Callable]]:
    """What must be refused, by its name."""
    rows = draw.randn(40, 3)
    holes = [rows.copy() for _ in range(3)]
    for array, value in zip(holes, (np.nan, np.inf, 1e300)):
        array[7, 1] = value
    objects = np.array([Touch(), 1.0], dtype=object)
    archive = io.BytesIO()
    np.savez(archive, a=rows)
    hidden = io.BytesIO()
    with zipfile.ZipFile(hidden, "w") as file:
        file.writestr("a.npy", pickle.dumps(Touch()))
    no = refused("x.npy")
    made: list[tuple[str, bytes, Callable]] = [
        ("NaN", npy(holes[0]), refused("7", "1")),
        ("infinity", npy(holes[1]), refused("7", "1")),
        ("beyond float32", npy(holes[2]), refused("7", "1")),
        ("objects", npy(objects), no),
        ("pickle", pickle.dumps(Touch()), no),
        ("npz", archive.getvalue(), no),
        ("zip", hidden.getvalue(), no),
        ("complex", npy(rows.astype(complex)), no),
        ("text", npy(np.array(["a"] * 40)), no),
        ("bytes", npy(np.array([b"a"] * 40)), no),
        ("dates", npy(np.arange(40).astype("M8[D]")), no),
        ("records", npy(np.zeros(40, "f4,i4")), no),
        ("nothing", b"", no),
        ("one number", npy(np.float64(3)), refused()),
        ("a vector", npy(rows[:, 0]), refused()),
        ("no rows", npy(rows[:0]), refused()),
        ("no columns", npy(rows[:, :0]), refused()),
        ("two rows", npy(rows[:2]), refused()),
        ("bools", npy(rows > 0), refused()),
        ("negative tokens", npy(np.full((40, 3), -1)), refused()),
        ("huge tokens", npy(np.full((40, 3), 2**40)), lambda end: None),
        ("beyond int64", npy(np.full((40, 3), 2**63, np.uint64)), refused()),
        ("eight axes", npy(np.zeros((3,) * 8, np.uint8)), refused()),
        ("text file", b"1,2,3\n4,5,6\n", no),
        ("JSON", b"[[1, 2], [3, 4]]", no),
        ("HDF5", b"\x89HDF\r\n\x1a\n" + bytes(80), no),
    ]
    heads = (
        "{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000, 3)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (-3, 3)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999999999999999, 3)}",
        "{'descr': '|O', 'fortran_order': False, 'shape': (3,)}",
        "{'descr': '<f8', 'fortran_order': 7, 'shape': (3, 3)}",
        "{'descr': __import__('os').system('touch touched'), 'fortran_order': False, 'shape': (3,)}",
        "{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (3,)}",
        "{'descr': '<f999', 'fortran_order': False, 'shape': (3,)}",
        "{",
        "",
        "(" * 5000,
        "[" * 60000,
        "{'descr': '<f8', 'fortran_order': False, 'shape': (3, 3), 'more': 1}",
        "{'shape': (3, 3)}",
        "9" * 60000,
        "{'descr': '|V9999999999', 'fortran_order': False, 'shape': (3,)}",
    )
    return made + [(f"header {text[:60]!r}", headed(text, bytes(72)), no) for text in heads]


TABLES = (
    ("numbers", b"a,b\n" + b"".join(b"%d,%.2f\n" % (i, i / 7) for i in range(40)), taken),
    ("semicolons", b"a;b\n" + b"".join(b"%d;%d\n" % (i, i * i) for i in range(40)), None),
    ("a hole", b"a,b\n1,2\n3,\n" + b"1,2\n" * 40, refused("x.csv")),
    ("words", b"a,b\n1,2\n3,four\n" + b"1,2\n" * 40, refused("x.csv")),
    ("uneven rows", b"a,b\n1,2\n3\n" + b"1,2\n" * 40, refused("x.csv")),
    ("NaN", b"a,b\n1,2\n3,nan\n" + b"1,2\n" * 40, refused("x.csv")),
    ("infinity", b"a,b\n1,2\n3,1e999\n" + b"1,2\n" * 40, refused("x.csv")),
    ("nothing", b"", refused("x.csv")),
    ("names alone", b"a,b\n", refused("x.csv")),
    ("zeros", bytes(100), refused("x.csv")),
    ("a formula", b"a,b\n=cmd|' /C calc'!A0,2\n" + b"1,2\n" * 40, refused("x.csv")),
    ("UTF-16", "a,b\n1,2\n".encode("utf-16"), refused("x.csv")),
    ("names twice", b"a,a\n" + b"1,2\n3,4\n" * 20, None),
    ("a mark", "﻿a,b\n".encode() + b"".join(b"%d,%d\n" % (i, i * i) for i in range(40)), taken),
    (
        "odd names",
        "[red],'\"🙂\n".encode() + b"".join(b"%d,%d\n" % (i, i * i) for i in range(40)),
        None,
    ),
    ("a wide row", b",".join([b"1"] * 100_000) + b"\n" * 3, None),
    ("a quote that never ends", b'a,b\n"1,2\n' + b"1,2\n" * 40, None),
    ("huge numbers", b"a,b\n" + b"9" * 400 + b",1\n" + b"1,2\n" * 40, None),
    ("constant", b"a,b\n" + b"1,2\n" * 40, None),
)


def trials(draw: random.Random, n: int) -> Iterator[Trial]:
    """`n` of them; tables where this version reads them."""
    from pushforward.data.specs import SOURCES

    numbers = np.random.RandomState(draw.getrandbits(31))
    made = [
        _trial(f"whole: {what}", npy(array), taken, partial(_check, array=array))
        for what, array in whole(numbers)
    ]
    made += [_trial(what, content, judge) for what, content, judge in strange(numbers)]
    if "table" in SOURCES:
        made += [_table(what, content, judge) for what, content, judge in TABLES]
        made += [_parquet(draw) for _ in range(6)]
    sources = whole(numbers)
    while len(made) < n:
        what, array = draw.choice(sources)
        made.append(_trial(f"damaged: {what}", damaged(npy(array), draw)))
    yield from made[:n]


def _trial(what: str, content: bytes, judge=None, check=lambda data: None) -> Trial:
    def act() -> None:
        Path("x.npy").write_bytes(content)
        looked_at(f"array:{Path('x.npy').resolve()}", check)()

    return Trial(what, act, _untouched(judge))


def _table(what: str, content: bytes, judge) -> Trial:
    def act() -> None:
        Path("x.csv").write_bytes(content)
        looked_at(f"table:{Path('x.csv').resolve()}")()

    return Trial(f"table of {what}", act, _untouched(judge))


def _parquet(draw: random.Random) -> Trial:
    import pyarrow as pa
    import pyarrow.parquet as pq

    stream = io.BytesIO()
    columns = {"a": list(range(40)), "b": [i / 7 for i in range(40)]}
    pq.write_table(pa.table(columns), stream)
    content = damaged(stream.getvalue(), draw)

    def act() -> None:
        Path("x.parquet").write_bytes(content)
        looked_at(f"table:{Path('x.parquet').resolve()}")()

    return Trial("damaged parquet", act, _untouched(None))


def _untouched(judge: Callable[[End], str | None] | None) -> Callable[[End], str | None]:
    """Nothing that the file asked for was done either."""

    def found(end: End) -> str | None:
        return judge(end) if judge else None

    return found


def _check(data, array: np.ndarray) -> None:
    """Every row is there, once, as it was."""
    parts = (data.train, data.validation, data.test)
    x = np.concatenate([part.tensors[0].numpy() for part in parts])
    wanted = array.astype(x.dtype)
    if array.ndim == 4 and x.shape != array.shape:
        wanted = wanted.transpose(0, 3, 1, 2)
    wanted = wanted.reshape(len(wanted), *x.shape[1:])
    key = [np.sort([row.tobytes() for row in rows]) for rows in (x, wanted)]
    if not np.array_equal(*key):
        raise Wrong(f"{x.shape} {x.dtype} is not what the file holds")

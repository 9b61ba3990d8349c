"""What .npy files may hold, and what crafted ones may not do."""

from __future__ import annotations

import pickle
import struct
from pathlib import Path

import numpy as np
import pytest

from pushforward.data.npy import read_npy

STARTED = []


class Harmful:
    def __reduce__(self):
        return STARTED.append, ("a program",)


def with_header(header: str, content: bytes = bytes(64)) -> bytes:
    text = header.encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + content


@pytest.mark.parametrize("kind", ["u1", "<f4", ">f8", "<i2", "?", "f2"])
def test_numbers_come_back(tmp_path: Path, kind: str) -> None:
    x = (np.random.RandomState(0).rand(5, 3) * 9).astype(kind)
    for form in (x, x.T, x[:0], x[0, 0]):
        np.save(tmp_path / "x.npy", form)
        assert np.array_equal(read_npy(tmp_path / "x.npy"), form)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "it is empty"),
        (b"PK\x03\x04" + bytes(60), r"an archive \(\.npz\?\)"),
        (pickle.dumps(Harmful()), "begins with b"),
        (b"\x93NUMPY", "damaged header"),
        (with_header("{'descr': '|O', 'fortran_order': False, 'shape': (2,), }"), "Python objects"),
        (with_header("{'descr': '<f8', 'fortran_order': False, 'shape': (9999999999,), }"), "cut"),
        (with_header("{'descr': '<f8', 'fortran_order': False, 'shape': (-1,), }"), "x.npy"),
        (with_header("{'descr': '<f8', 'shape': (2,), }"), "damaged header"),
        (with_header("__import__('os').system('true')"), "damaged header"),
        (with_header("(" * 5000), "damaged header"),
        (with_header("{'descr': '<U4', 'fortran_order': False, 'shape': (2,), }"), "not numbers"),
        (
            with_header("{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (2,), }"),
            "not numbers",
        ),
    ],
)
def test_what_is_no_array_of_numbers(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "x.npy").write_bytes(content)
    with pytest.raises(ValueError, match=said):
        read_npy(tmp_path / "x.npy")
    assert not STARTED


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"x\.npy does not exist"):
        read_npy(tmp_path / "x.npy")
    with pytest.raises(FileNotFoundError, match="is a folder"):
        read_npy(tmp_path)

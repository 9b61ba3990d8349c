"""Numbers out of .npy files, and nothing else: no pickles, no more memory than the file has bytes.

NumPy's own `load` looks at the first bytes, and takes archives and (where told) pickles as well.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

MAGIC = b"\x93NUMPY"


def read_npy(path: str | Path) -> np.ndarray:
    """The array of a .npy file, memory mapped for reading.

    Raises FileNotFoundError where there is no such file, ValueError with its name where it is none
    of numbers, or is cut short.
    """
    file = Path(path).expanduser()
    if not file.is_file():
        what = "is a folder, not a file" if file.is_dir() else "does not exist"
        raise FileNotFoundError(f"{file} {what}")
    with file.open("rb") as stream:
        begins = stream.read(len(MAGIC))
    if begins != MAGIC:
        raise ValueError(f"{file} is no .npy file: {_kind(begins)}")
    try:
        array = np.lib.format.open_memmap(file, mode="r")
    except Exception as error:  # crafted headers fail in many ways
        raise ValueError(_why(file, error)) from error
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{file} holds {array.dtype}, not numbers")
    return array


def _kind(begins: bytes) -> str:
    if not begins:
        return "it is empty"
    if begins[:2] == b"PK":
        return "it is an archive (.npz?): save its arrays one by one with numpy.save"
    return f"it begins with {begins!r}"


def _why(file: Path, error: Exception) -> str:
    if "Python objects" in str(error):
        return f"{file} holds Python objects, which are not read: save numbers"
    return f"{file} is cut short or has a damaged header ({type(error).__name__}: {error})"

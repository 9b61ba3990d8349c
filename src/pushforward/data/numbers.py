"""Whatever holds numbers as tensors: arrays of any kind, data frames, objects, lists.

What cannot be numbers is refused in words: where it is, and what to do.
"""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..core.spaces import Pixels, Reals, Space

KINDS = (numbers.Number, np.bool_, np.ndarray, Tensor, list, tuple)  # that an object may be
WHOLE = (torch.int8, torch.int16, torch.int32, torch.int64)


def as_tensor(x: Any, name: str) -> Tensor:
    """Numbers as a tensor on the CPU: uint8 and bools as they are, other integers int64, floats of
    torch's default type.

    Raises ValueError for text, dates, objects, complex numbers, values that are missing or not
    finite, before the conversion or after.
    """
    given = x.detach().cpu() if isinstance(x, Tensor) else _array(x, name)
    if isinstance(given, Tensor) and (given.layout != torch.strided or given.is_complex()):
        raise ValueError(f"{name} is {given.dtype} {given.layout}: give a dense tensor of reals")
    tensor = given if isinstance(given, Tensor) else _from_numpy(given, name)
    if tensor.is_floating_point():
        return _finite(tensor, name, x)
    return tensor.long() if tensor.dtype in WHOLE else tensor


def whole_or_float(x: Tensor, space: Space) -> Tensor:
    """`x` as the type of its space, where that changes no value: 0 and 1 as floats, 5.0 as 5."""
    if isinstance(space, Reals):
        return x if x.is_floating_point() else x.to(torch.get_default_dtype())
    kind = torch.uint8 if isinstance(space, Pixels) else torch.int64
    turned = x.to(kind)
    return turned if bool((turned == x).all()) else x


def labels(ys: Sequence[Any], lengths: Sequence[int]) -> tuple[list[Tensor], tuple[str, ...]]:
    """Labels of several parts as tensors; text becomes int64, and the classes that it names.

    Raises ValueError where there is not one for each example.
    """
    arrays = [y if isinstance(y, Tensor) else np.asarray(y) for y in ys]
    if any(isinstance(a, np.ndarray) and _is_text(a) for a in arrays):
        names, numbers = np.unique(np.concatenate(arrays).astype(str), return_inverse=True)
        edges = np.cumsum([len(a) for a in arrays])[:-1]
        found = [torch.from_numpy(part.astype(np.int64)) for part in np.split(numbers, edges)]
        return _counted(found, lengths), tuple(map(str, names))
    found = [as_tensor(y, "y") for y in ys]
    whole = [y.long() if y.dtype in (torch.uint8, torch.bool) else y for y in found]
    return _counted(whole, lengths), ()


def _counted(ys: list[Tensor], lengths: Sequence[int]) -> list[Tensor]:
    for y, n in zip(ys, lengths):
        if y.dim() == 0 or len(y) != n:
            raise ValueError(
                f"y must have a label for each of the {n} examples, not {tuple(y.shape)}"
            )
    return ys


def _is_text(array: np.ndarray) -> bool:
    return array.dtype.kind in "US" or (
        array.dtype.kind == "O" and array.ndim == 1 and all(isinstance(v, str) for v in array)
    )


def _array(x: Any, name: str) -> np.ndarray:
    """`x` as an array of numbers that torch takes, whose memory may be that of `x`."""
    if hasattr(x, "columns") and hasattr(x, "to_numpy"):
        return _frame(x, name)
    if isinstance(x, np.ma.MaskedArray) and np.ma.is_masked(x):
        row = int(np.argwhere(np.ma.getmaskarray(x))[0][0])
        raise ValueError(f"{name}[{row}] has values that are masked: remove or fill them")
    try:
        array = np.asarray(x)
    except ValueError as error:  # rows of several lengths
        raise ValueError(f"{name} is no array of numbers: {error}") from error
    return _unboxed(array, name) if array.dtype.kind == "O" else array


def _frame(frame: Any, name: str) -> np.ndarray:
    """A data frame's columns side by side: float64, or int64 where all are whole."""
    columns = []
    for label in frame.columns:
        column = np.asarray(frame[label])
        if column.dtype.kind == "O":
            column = _unboxed(column, f"column {label!r} of {name}")
        if column.dtype.kind not in "biuf":
            raise ValueError(
                f"column {label!r} of {name} holds {column.dtype}, not numbers: leave it out, or "
                "give it as y"
            )
        columns.append(column)
    if not columns:
        raise ValueError(f"{name} is a data frame without columns")
    return np.stack(columns, axis=1)


def _unboxed(array: np.ndarray, name: str) -> np.ndarray:
    """An array of Python objects as numbers: floats, decimals, or arrays of one shape."""
    items = array.ravel().tolist()
    for i, item in enumerate(items):
        if not isinstance(item, KINDS):
            where = np.unravel_index(i, array.shape)
            place = ", ".join(str(int(k)) for k in where)
            raise ValueError(f"{name}[{place}] is {item!r:.60}, not a number")
    try:
        if items and all(isinstance(item, np.ndarray | Tensor | list | tuple) for item in items):
            found = np.stack([np.asarray(item) for item in items])
            return found.reshape(*array.shape, *found.shape[1:])
        whole = all(isinstance(item, int | np.integer) for item in items)
        return array.astype(np.int64 if whole else np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"{name} holds objects that are no array of numbers: {error}") from error


def _from_numpy(array: np.ndarray, name: str) -> Tensor:
    if array.dtype.kind not in "biuf":
        raise ValueError(
            f"{name} holds {array.dtype}, not numbers: leave it out or turn it to some"
        )
    if array.dtype.kind == "u" and array.dtype != np.uint8:
        if array.size and array.max() > np.iinfo(np.int64).max:
            raise ValueError(f"{name} holds {array.max()}, which is beyond int64")
        array = array.astype(np.int64)
    if array.dtype.kind == "f" and array.dtype.itemsize > 8:
        array = array.astype(np.float64)
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    # torch takes no negative strides, and warns of memory that may not be written to.
    plain = array.flags.writeable and all(stride >= 0 for stride in array.strides)
    return torch.from_numpy(array if plain else array.copy())


def _finite(x: Tensor, name: str, given: Any) -> Tensor:
    """`x` in torch's default type. Raises ValueError, with the place, for what is not finite."""
    kept = x.to(torch.get_default_dtype())
    bad = ~torch.isfinite(kept)
    if not bad.any():
        return kept
    place = bad.nonzero()[0].tolist()
    value = float(x[tuple(place)])
    where = ", ".join(map(str, place))
    if hasattr(given, "columns") and len(place) == 2:
        where = f"{place[0]}, {str(list(given.columns)[place[1]])!r}"
    if np.isfinite(value):
        raise ValueError(
            f"{name}[{where}] is {value:g}, which {kept.dtype} cannot hold: scale the data, or "
            "call torch.set_default_dtype(torch.float64) first"
        )
    n = int(bad.sum())
    those = "it is one value that is" if n == 1 else f"{n} values are"
    raise ValueError(
        f"{name}[{where}] is {value}: {those} missing or not finite, to be removed or repaired"
    )

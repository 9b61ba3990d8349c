"""Plain data as bytes: JSON with arrays beside it. Both sides of the sandbox's wall speak it.

A frame is its length (8 bytes), the length of its JSON (4 bytes), the JSON, and the arrays' bytes
one after another. An array stands in the JSON as `{"$": [dtype, shape]}`, what the other side keeps
as `{"$kept": name}`. Reading builds numbers, text, lists, dicts with text for keys, and arrays of
the types below: never an object, never code.
"""

from __future__ import annotations

import json
import math
import struct
from typing import Any

import numpy as np

DTYPES = ("float32", "float64", "int8", "int16", "int32", "int64", "uint8", "bool")
MOST_DIMS = 8
HEAD = struct.Struct(">Q")
TEXT = struct.Struct(">I")


class NotPlain(ValueError):
    """Bytes or values that are not plain data; the message says what they are instead."""


class Kept:
    """A value that stays on the other side, by name: a model that was trained there."""

    def __init__(self, name: str):
        self.name = name


def packed(value: Any) -> bytes:
    """A frame. Raises NotPlain for what is neither number, text, list, dict, array nor tensor."""
    arrays: list[np.ndarray] = []
    text = json.dumps(_bare(value, arrays, 0)).encode()
    parts = [TEXT.pack(len(text)), text, *(array.tobytes() for array in arrays)]
    return HEAD.pack(sum(map(len, parts))) + b"".join(parts)


def _bare(value: Any, arrays: list[np.ndarray], depth: int) -> Any:
    if depth > 16:
        raise NotPlain("lists in lists, more than 16 deep")
    if isinstance(value, Kept):
        return {"$kept": value.name}
    if hasattr(value, "detach"):  # a tensor, without importing torch
        value = value.detach().cpu().resolve_conj().numpy()
    if isinstance(value, np.generic):
        value = np.asarray(value)
    if isinstance(value, np.ndarray):
        return _array(value, arrays)
    if isinstance(value, dict):
        return {str(key): _bare(item, arrays, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_bare(item, arrays, depth + 1) for item in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise NotPlain(f"a {type(value).__name__}, which is neither a number nor a tensor")


def _array(value: np.ndarray, arrays: list[np.ndarray]) -> dict:
    name = value.dtype.name
    if name not in DTYPES:
        raise NotPlain(f"an array of {name}")
    arrays.append(np.ascontiguousarray(value))
    return {"$": [name, list(value.shape)]}


def unpacked(frame: bytes | bytearray) -> Any:
    """The value of a frame without its first 8 bytes. Raises NotPlain, whatever the bytes are."""
    try:
        (length,) = TEXT.unpack_from(frame)
        text = bytes(frame[TEXT.size : TEXT.size + length]).decode()
        reader = _Reader(frame, TEXT.size + length)
        value = json.loads(text, object_hook=reader.hooked)
    except NotPlain:
        raise
    except (ValueError, RecursionError, struct.error, MemoryError) as error:
        raise NotPlain(f"bytes that are no plain data ({type(error).__name__})") from None
    if reader.at != len(frame):
        raise NotPlain("arrays whose sizes are not what they say")
    return value


class _Reader:
    """Takes arrays off a frame in the order in which the JSON names them."""

    def __init__(self, frame: bytes | bytearray, at: int):
        self.frame, self.at = frame, at

    def hooked(self, found: dict) -> Any:
        if "$kept" in found:
            return Kept(str(found["$kept"]))
        return self.array(found["$"]) if "$" in found else found

    def array(self, told: Any) -> np.ndarray:
        name, shape = told if isinstance(told, list) and len(told) == 2 else ("", "")
        sound = isinstance(shape, list) and len(shape) <= MOST_DIMS
        if name not in DTYPES or not sound or not all(type(n) is int and n >= 0 for n in shape):
            raise NotPlain("an array without a type or a shape")
        count = math.prod(shape)
        size = count * np.dtype(name).itemsize
        if size > len(self.frame) - self.at:
            raise NotPlain("arrays whose sizes are not what they say")
        array = np.frombuffer(self.frame, name, count, self.at).reshape(shape)
        self.at += size
        return array.copy()

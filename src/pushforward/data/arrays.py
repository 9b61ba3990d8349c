"""The user's own arrays as a data set."""

from __future__ import annotations

import warnings
from dataclasses import replace
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..core.dataset import Batch, Dataset, Split
from ..core.spaces import Pixels, Reals, Space, Tokens, count
from .fingerprints import fingerprint
from .npy import read_npy
from .numbers import as_tensor, labels, whole_or_float
from .specs import findable
from .splits import CONTENT, Rule, digests, numbered, parted, rows

Array = Any
"""A tensor, an array, a data frame or lists of numbers."""


def tensors(
    x: Array,
    y: Array | None = None,
    space: Space | None = None,
    validation: float | Array = 0.1,
    test: float | Array = 0.1,
    seed: int = 0,
    name: str = "tensors",
    rule: str = CONTENT,
) -> Dataset:
    """Examples x (n, ...) and, if given, their labels y (n, ...), split by `rule` under `seed`.

    Without `space`: uint8 (n, channels, height, width) are Pixels with 256 levels; floats (n, ...)
    are Reals, turned to torch's default type; whole numbers (n, length) are Tokens whose vocabulary
    ends at the largest. Images whose channels come last, or that have none, are turned, and a
    warning says so. Whole-number labels become int64; text becomes the numbers of `classes`.

    `validation` and `test` are shares of x, or data of one's own: an x, or (x, y) where there are
    labels. A share of 0 holds nothing out.

    Raises ValueError for what fits no space, for values that are not finite or that the type cannot
    hold, and for labels of another number.
    """
    held = {"validation": validation, "test": test}
    own = {part: given for part, given in held.items() if not isinstance(given, Real)}
    shares = [0.0 if part in own else held[part] for part in held]
    columns, classes = _columns({"x": (x, y), **{part: _pair(v, y) for part, v in own.items()}})
    space = space or inferred(*(batch[0] for batch in columns.values()))
    parts = {part: _fitted(batch, space, part) for part, batch in columns.items()}
    known = {part: numbered(digests(rows(batch[0].numpy()))) for part, batch in parts.items()}
    cuts, record = parted(name, parts["x"], known["x"], Rule(rule, seed, *shares))
    held_out = zip(held, cuts[1:])
    check, last = (Split(parts[part]) if part in own else split for part, split in held_out)
    record["examples"] |= {part: fingerprint(known[part]) for part in own}
    apart = dict.fromkeys(own, "data of its own")
    origin = {"source": "the user's own tensors", **record, **apart}
    return Dataset(name, space, cuts[0], check, last, origin, classes)


@findable("array", place="FILE")
def array(
    path: str | Path,
    labels: str | Path | None = None,
    validation: float = 0.1,
    test: float = 0.1,
    seed: int = 0,
    rule: str = CONTENT,
    levels: int | None = None,
) -> Dataset:
    """The array in a .npy file, as `tensors` takes it; `labels` is a file of another.

    `levels` says that uint8 images have fewer than 256. Raises FileNotFoundError where there is no
    file, ValueError as `tensors` does, and for a file that holds anything but numbers.
    """
    file = Path(path).expanduser()
    x, y = read_npy(file), None if labels is None else np.asarray(read_npy(labels))
    space = None if levels is None else _of_levels(inferred(as_tensor(x, file.name)), levels)
    data = tensors(np.asarray(x), y, space, validation, test, seed, file.stem, rule)
    return replace(data, origin={**data.origin, "source": f"the array {file.name}"})


def _of_levels(space: Space, levels: int) -> Pixels:
    if not isinstance(space, Pixels):
        raise ValueError(f"only images have levels, but these are {space}: leave levels out")
    return replace(space, levels=count("levels", levels, 2))


def _pair(given: Array, y: Array | None) -> tuple[Array, Array | None]:
    """Held-out data as x and y. Raises ValueError where only one of the parts has labels."""
    if y is None and isinstance(given, tuple):
        raise ValueError("validation and test have labels, but x has none: give y as well")
    if y is None:
        return given, None
    if not isinstance(given, tuple) or len(given) != 2:
        raise ValueError("x has labels, so validation and test must be pairs (x, y), or shares")
    return given


def _columns(
    given: dict[str, tuple[Array, Array | None]],
) -> tuple[dict[str, Batch], tuple[str, ...]]:
    """Numbers and labels of every part, and the names of the classes where labels are text."""
    xs = {part: as_tensor(x, part) for part, (x, _) in given.items()}
    ys = [y for _, y in given.values()]
    if ys[0] is None:
        return {part: (x,) for part, x in xs.items()}, ()
    numbered, classes = labels(ys, [len(x) for x in xs.values()])
    return {part: (x, y) for (part, x), y in zip(xs.items(), numbered)}, classes


def inferred(*xs: Tensor) -> Space:
    """The space of batches of examples, from type and shape; ValueError where none fits.

    >>> inferred(torch.zeros(5, 3, 8, 8, dtype=torch.uint8))
    Pixels(channels=3, height=8, width=8, levels=256)
    """
    x = xs[0]
    if x.dtype == torch.uint8 and x.dim() in (3, 4):
        return _pixels(tuple(x.shape))
    if x.is_floating_point() and x.dim() >= 2:
        return Reals(tuple(x.shape[1:]))
    if x.dtype == torch.int64 and x.dim() == 2 and x.numel():
        return Tokens(x.shape[1], max(int(part.max()) for part in xs if part.numel()) + 1)
    hint = {
        torch.bool: " (bools: turn them to uint8, and give space=Pixels(..., levels=2))",
        torch.int64: " (images of other integers: turn them to uint8)" if x.dim() > 2 else "",
    }
    raise ValueError(
        f"x of shape {tuple(x.shape)} and type {x.dtype} fits no space: images are uint8 (n, "
        "channels, height, width), vectors are floats (n, ...), sequences are int64 (n, length)"
        + hint.get(x.dtype, "")
    )


def _pixels(shape: tuple[int, ...]) -> Pixels:
    """What uint8 of a shape (n, ...) are, with a warning where that is a guess."""
    if len(shape) == 3:
        warnings.warn(f"x of shape {shape} was read as grey images without a channel", stacklevel=4)
        return Pixels(1, *shape[1:])
    for usual in ((1, 3), (2, 4)):
        first, last = shape[1] in usual, shape[3] in usual
        if first and (not last or usual == (1, 3)):  # as the docstring asks for
            return Pixels(*shape[1:])
        if last and not first:
            return _channels_last(shape)
        if first and last:
            break
    raise ValueError(
        f"x of shape {shape} does not show where its channels are: say so by "
        "space=Pixels(channels, height, width)"
    )


def _channels_last(shape: tuple[int, ...]) -> Pixels:
    _, height, width, channels = shape
    warnings.warn(
        f"x of shape {shape} was read as images whose channels come last, {channels} of "
        f"{height}x{width}: give space=Pixels(...) if they are not",
        stacklevel=5,
    )
    return Pixels(channels, height, width)


def _fitted(batch: Batch, space: Space, part: str) -> Batch:
    """The batch in the order of axes that its space has. Raises ValueError where it has none."""
    x, *rest = batch
    if isinstance(space, Pixels) and x.shape[1:] != space.shape:
        turned = x.movedim(-1, 1) if x.dim() == 4 else x.unsqueeze(1) if x.dim() == 3 else x
        x = turned.contiguous() if turned.shape[1:] == space.shape else x
    x = whole_or_float(x, space)
    return (space.check(x, part), *rest)

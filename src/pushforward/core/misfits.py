"""Which part of a model was given what it cannot take: torch's errors about shapes, in words.

A network that a user passes may be of other sizes than the rest of a model. What torch then says
names two matrices, and neither of them by a name that the user knows. The stack of the error knows
whose `forward` was under way, and what it was given.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import FrameType
from typing import Any

import torch
from torch import Tensor, nn

SAID = re.compile(r"shape|size|dimension|channels|[34]D |elements?\b|index tensor", re.IGNORECASE)
"""What torch's errors say that are about shapes."""


def in_words(model: nn.Module, error: Exception) -> Exception:
    """A ValueError that names the part of `model` and what it was given; else `error` itself.

    It is for errors of torch about shapes alone: raise it from the error.
    """
    frames = list(_frames(error))
    if not frames or not _is_of_shapes(error, frames[-1]):
        return error
    names = {id(module): name for name, module in model.named_modules() if name}
    for frame in frames:
        owner, given = frame.f_locals.get("self"), frame.f_locals.get("args")
        called = frame.f_code is nn.Module._call_impl.__code__
        if called and isinstance(owner, nn.Module) and id(owner) in names:
            return _misfit(model, names[id(owner)], owner, given, error)
    return error


def _is_of_shapes(error: Exception, raised: FrameType) -> bool:
    """Whether torch says it of shapes. What is a ValueError of others is in words already."""
    if isinstance(error, torch.OutOfMemoryError) or not SAID.search(str(error)):
        return False
    by_torch = str(raised.f_globals.get("__name__")).partition(".")[0] == "torch"
    return isinstance(error, RuntimeError | IndexError) or by_torch


def _misfit(
    model: nn.Module, name: str, part: nn.Module, given: Any, error: Exception
) -> ValueError:
    shapes = [tuple(x.shape) for x in given or () if isinstance(x, Tensor)]
    told = " and ".join(map(str, shapes)) or "what it was given"
    return ValueError(
        f"the {name} of this {type(model).__name__}, a {type(part).__name__}, cannot take {told}: "
        f"give it the sizes that the rest of the model has ({str(error).splitlines()[0]})"
    )


def _frames(error: Exception) -> Iterator[FrameType]:
    """Those of an error, from where it was caught to where it was raised."""
    trace = error.__traceback__
    while trace is not None:
        yield trace.tb_frame
        trace = trace.tb_next

"""What every medium can: show samples, put them on a page, and write them as they come."""

from __future__ import annotations

import base64
from abc import ABC, abstractmethod
from collections.abc import Iterable
from html import escape
from pathlib import Path
from typing import Any

import torch
from torch import Tensor


class Medium(ABC):
    """How samples of one kind, called `noun`, are shown.

    `suffixes` are the endings of files that `write` can write; the first is the usual one.
    """

    noun: str
    suffixes: tuple[str, ...]

    @property
    def suffix(self) -> str:
        """The usual ending of its files."""
        return self.suffixes[0]

    @property
    @abstractmethod
    def most(self) -> int:
        """How many samples are shown, or written to a file, at most."""

    @abstractmethod
    def show(self, samples: Tensor) -> Any:
        """What a notebook shows of samples (n, ...): an image, a sound, or text; the first `most`.

        Raises ValueError where there are none.
        """

    @abstractmethod
    def html(self, samples: Tensor, described: str) -> str:
        """The same as an element of a page that needs nothing from outside."""

    @abstractmethod
    def write(self, batches: Iterable[Tensor], path: Path) -> int:
        """Writes samples (batch, ...) as they come, the first `most` of them, as the path's
        ending says.

        All batches are gone through; memory does not grow with their number. Returns how many
        samples the file holds.
        """


def first(batches: Iterable[Tensor], most: int) -> Tensor:
    """The first `most` samples of all that come, (n, ...); the others are let go by.

    >>> first(iter(torch.arange(6).split(2)), 3).tolist()
    [0, 1, 2]
    """
    kept: list[Tensor] = []
    for batch in batches:
        room = most - sum(map(len, kept))
        if room > 0:
            kept.append(batch[:room].cpu())
    if not kept:
        raise ValueError("there are no samples")
    return torch.cat(kept)


def embedded(content: bytes, kind: str) -> str:
    """A file of that MIME type as the address of an element that carries it."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def attribute(said: str) -> str:
    """Text as the value of an attribute, without its quotes."""
    return escape(said, quote=True)

"""Splits: which examples train, which validate, which test.

By content: what an example *is* decides where it belongs, and not where it stands.

    u = hash(seed, content) in [0, 1);    test: u < t,    validation: t <= u < t + v,    else train

Other examples may come or go: an example that was trained on is never tested on later. Where a part
would be empty, it takes the example with the least u that is left.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from ..core.dataset import PARTS, Split
from ..core.streams import Column
from .fingerprints import fingerprint

CONTENT, SHUFFLED, IN_ORDER = "content", "shuffled", "order"
DIGEST = 16  # bytes


def shuffled(n: int, seed: int) -> np.ndarray:
    """A permutation of 0 .. n - 1 (int64), the same on every machine for one seed.

    RandomState is the one generator whose stream NumPy promises never to change.
    """
    return np.random.RandomState(seed).permutation(n)


def sizes(name: str, n: int, validation: float = 0.1, test: float = 0.1) -> tuple[int, int, int]:
    """How many of `n` examples train, validate and test; a share of 0 gives none.

    Raises ValueError where a share is not in [0, 1) or a part that was asked for would be empty.

    >>> sizes("pictures", 100)
    (80, 10, 10)
    """
    for part, share in (("validation", validation), ("test", test)):
        if not 0 <= share < 1:
            raise ValueError(f"the {part} share must be in [0, 1), not {share!r}")
    held = [max(1, round(n * share)) if share else 0 for share in (validation, test)]
    if n - sum(held) < 1:
        least = 1 + (validation > 0) + (test > 0)
        raise ValueError(
            f"{name} has {n} example{'s' * (n != 1)}, which cannot be split into train, "
            f"validation and test: give at least {least}, or hold out less"
        )
    return n - sum(held), held[0], held[1]


def cut(tensors: Sequence[Tensor | Column], lengths: Sequence[int]) -> tuple[Split, ...]:
    """Consecutive splits of these lengths; they share the tensors' memory."""
    edges = [int(edge) for edge in np.cumsum([0, *lengths])]
    parts = [slice(a, b) for a, b in pairwise(edges)]
    return tuple(Split(tuple(_part(t, part) for t in tensors)) for part in parts)


def _part(t: Tensor | Column, part: slice) -> Tensor | Column:
    return t.rows(part) if isinstance(t, Column) else t[part]


def digest_of(content: bytes | memoryview) -> bytes:
    """What an example is known by, `DIGEST` bytes."""
    return hashlib.blake2b(content, digest_size=DIGEST).digest()


def digests(contents: Iterable[bytes | memoryview]) -> np.ndarray:
    """What examples are known by: uint8 (n, DIGEST)."""
    joined = b"".join(map(digest_of, contents))
    return np.frombuffer(joined, np.uint8).reshape(-1, DIGEST)


def rows(array: np.ndarray) -> Iterable[bytes]:
    """The bytes of each example of an array (n, ...)."""
    return (np.ascontiguousarray(row).tobytes() for row in array)


def numbered(given: np.ndarray) -> np.ndarray:
    """Digests (n, DIGEST) in which equal ones differ: the k-th copy is known as such.

    So copies are spread over the splits as other draws from their distribution are.
    """
    _, inverse = np.unique(_joined(given), return_inverse=True)
    order = np.argsort(inverse, kind="stable")
    starts = np.r_[True, np.diff(inverse[order]) > 0]
    begin = np.maximum.accumulate(np.where(starts, np.arange(len(given)), 0))
    copy = np.empty(len(given), np.int64)
    copy[order] = np.arange(len(given)) - begin
    found = given.copy()
    for i in np.flatnonzero(copy):
        renamed = digest_of(given[i].tobytes() + int(copy[i]).to_bytes(8, "little"))
        found[i] = np.frombuffer(renamed, np.uint8)
    return found


def _joined(given: np.ndarray) -> np.ndarray:
    """Digests as single values that compare."""
    return np.ascontiguousarray(given).view(np.dtype((np.void, DIGEST)))[:, 0]


@dataclass(frozen=True)
class Rule:
    """How examples are split: by "content", "shuffled" by the seed, or in the "order" given.

    The last two are those of older versions, whose checkpoints keep them: an example's place
    decides there, so that one example less moves all others. Raises ValueError for another name, or
    a share that is not in [0, 1).
    """

    name: str = CONTENT
    seed: int = 0
    validation: float = 0.1
    test: float = 0.1

    def __post_init__(self) -> None:
        if self.name not in (CONTENT, SHUFFLED, IN_ORDER):
            known = f"{CONTENT!r}, {SHUFFLED!r} or {IN_ORDER!r}"
            raise ValueError(f"rule must be {known}, not {self.name!r}")
        self.check("", 1000)

    def check(self, title: str, n: int) -> None:
        """Raises ValueError where `n` examples are too few."""
        sizes(title, n, self.validation, self.test)

    @property
    def key(self) -> list:
        """What an order depends on."""
        return [self.name, self.seed]

    def order(self, given: np.ndarray) -> np.ndarray:
        """Indices of examples of these digests (n, DIGEST): first what trains, last what tests."""
        if self.name == SHUFFLED:
            return shuffled(len(given), self.seed)
        if self.name == IN_ORDER:
            return np.arange(len(given))
        return np.argsort(-self._places(given), kind="stable")

    def lengths(self, title: str, given: np.ndarray) -> tuple[int, int, int]:
        """How many of them train, validate and test. Raises ValueError where they are too few."""
        wanted = sizes(title, len(given), self.validation, self.test)
        if self.name != CONTENT:
            return wanted
        u, n = self._places(given), len(given)
        test = _at_least_one(int((u < self.test).sum()), self.test, n - 1 - (wanted[1] > 0))
        held = int((u < self.test + self.validation).sum()) - test
        validation = _at_least_one(held, self.validation, n - 1 - test)
        return n - validation - test, validation, test

    def record(self, given: np.ndarray, lengths: Sequence[int]) -> dict:
        """What a data set's origin holds of it; the digests are in the order of the splits."""
        edges = pairwise(np.cumsum([0, *lengths]))
        shares = f"{self.validation} validates, {self.test} tests"
        how = {
            CONTENT: "by the hash of seed and content",
            SHUFFLED: "shuffled by numpy RandomState(seed)",
            IN_ORDER: "in order",
        }
        return {
            "seed": self.seed,
            "rule": self.name,
            "split": f"{how[self.name]}; {shares}",
            "examples": {part: fingerprint(given[a:b]) for part, (a, b) in zip(PARTS, edges)},
        }

    def _places(self, given: np.ndarray) -> np.ndarray:
        """u of each example, in [0, 1)."""
        salt = f"{self.seed}:".encode()
        return np.array([_place(salt + digest.tobytes()) for digest in given])


def _place(content: bytes) -> float:
    whole = int.from_bytes(hashlib.blake2b(content, digest_size=8).digest(), "little")
    return (whole >> 11) / 2**53  # as many bits as a float holds


def _at_least_one(found: int, share: float, most: int) -> int:
    return min(max(1, found), most) if share else 0


def parted(
    title: str, columns: Sequence[Tensor], known: np.ndarray, rule: Rule
) -> tuple[tuple[Split, ...], dict]:
    """Examples, of which the digests are `known`, in three splits; and the record of them."""
    order, lengths = rule.order(known), rule.lengths(title, known)
    index = torch.from_numpy(order)
    splits = cut([column[index] for column in columns], lengths)
    return splits, rule.record(known[order], lengths)

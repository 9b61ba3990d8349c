"""Fingerprints: what a checkpoint remembers of the examples that it was trained and tested on.

Of each split: how many examples there are, the sum of their digests, which no order changes, and
the `KEPT` smallest digests. Digests are uniform, so these are a sample without choice: what is
common to two sets is counted exactly where both are small, and estimated where they are not.

On the resemblance and containment of documents (Broder, 1997): the bottom-k sketch.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.dataset import PARTS

KEPT = 2048


def fingerprint(digests: np.ndarray) -> dict[str, Any]:
    """What JSON keeps of examples with these digests (n, 16) uint8."""
    words = np.ascontiguousarray(digests).view("<u8")
    smallest = np.sort(words[:, 0])[:KEPT].astype("<u8")
    total = [int(words[:, i].sum(dtype=np.uint64)) for i in range(2)]
    return {
        "n": len(digests),
        "sum": f"{total[0]:016x}{total[1]:016x}",
        "smallest": base64.b64encode(smallest.tobytes()).decode(),
    }


@dataclass(frozen=True)
class Sketch:
    """`n` examples, of which all whose digests are at most `top` are known: `digests`, sorted."""

    n: int
    digests: np.ndarray
    top: int

    @classmethod
    def recorded(cls, found: Mapping[str, Any]) -> Sketch:
        """What `fingerprint` kept. Raises ValueError for what it did not write."""
        try:
            raw = base64.b64decode(found["smallest"], validate=True)
            digests, n = np.frombuffer(raw, "<u8"), int(found["n"])
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"this is no record of examples: {str(found)[:80]}") from error
        whole = n <= len(digests)
        return cls(n, digests, 2**64 - 1 if whole or not len(digests) else int(digests[-1]))

    def joined(self, other: Sketch) -> Sketch:
        """The examples of both, which have none in common."""
        top = min(self.top, other.top)
        both = np.sort(np.concatenate([self.digests, other.digests]))
        return Sketch(self.n + other.n, both[both <= np.uint64(top)], top)

    def common(self, other: Sketch) -> int:
        """How many of these examples the other has as well; about as many, where either is large.

        >>> few = Sketch(3, np.array([1, 5, 9], np.uint64), 2**64 - 1)
        >>> few.common(Sketch(2, np.array([5, 7], np.uint64), 2**64 - 1))
        1
        """
        top = np.uint64(min(self.top, other.top))
        mine, theirs = (s.digests[s.digests <= top] for s in (self, other))
        same = int(np.isin(mine, theirs).sum())
        if self.top == other.top == 2**64 - 1:
            return same
        return round(self.n * same / max(1, len(mine)))


@dataclass(frozen=True)
class Change:
    """How data differ from those that a checkpoint knows, in numbers of examples.

    `about` says that the numbers are estimates.
    """

    before: int
    gone: int
    new: int
    test: int
    trained_on: int
    about: bool

    def __str__(self) -> str:
        about = "about " if self.about else ""
        came = f" and {about}{self.new:,} are new" if self.new else ""
        return (
            f"{about}{self.gone:,} of the {self.before:,} examples that it knows are gone{came}; "
            f"the test split now holds {self.test:,}, of which {about}{self.trained_on:,} were "
            "trained on"
        )


def change(recorded: Mapping[str, Any], now: Mapping[str, Any]) -> Change | None:
    """From the "examples" of a checkpoint's record to those of data; None where they are the same.

    Raises ValueError for a record of another form.
    """
    if all(recorded.get(part) == now[part] for part in PARTS):
        return None
    old = {part: Sketch.recorded(recorded.get(part, {})) for part in PARTS}
    fresh = {part: Sketch.recorded(now[part]) for part in PARTS}
    before, after = (_all(sketches) for sketches in (old, fresh))
    trained_on = fresh["test"].common(old["train"])
    return Change(
        before.n,
        before.n - before.common(after),
        after.n - after.common(before),
        fresh["test"].n,
        trained_on,
        any(sketch.top < 2**64 - 1 for sketch in (*old.values(), *fresh.values())),
    )


def _all(sketches: Mapping[str, Sketch]) -> Sketch:
    train, validation, test = (sketches[part] for part in PARTS)
    return train.joined(validation).joined(test)

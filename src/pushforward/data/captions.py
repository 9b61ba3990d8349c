"""Captions as what a model is told: sentences of a byte pair encoding, and the words they hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from ..core.dataset import PARTS, Dataset
from ..core.spaces import Tokens, count
from ..core.vocabulary import Vocabulary, split

LONGEST = 256  # tokens of a caption: every caption takes as much room as the longest may
ROOM = 16  # tokens beyond the longest caption: words that nobody has seen are read as bytes
WORDS = 50_000  # words of the training captions that are remembered


@dataclass(frozen=True)
class Captions:
    """How captions are read: their `vocabulary`, at most `length` tokens, and all words `seen`.

    `tokens` are the captions of the splits, int64 (n, length), where it was learned from them.

    >>> captions = Captions.learned([["a red heart", "a blue box"]], "words", 4)
    >>> captions.encode(["a red box"]).shape, captions.strange("a purple box")
    (torch.Size([1, 4]), ['purple'])
    """

    vocabulary: Vocabulary
    length: int
    seen: frozenset[str]
    tokens: tuple[Tensor, ...] = ()

    @classmethod
    def learned(
        cls,
        splits: Sequence[Sequence[str]],
        unit: str = "bpe",
        length: int | None = None,
        size: int | None = None,
    ) -> Captions:
        """Of the captions of several splits, of which the first one trains.

        Without `length`, the longest caption of all sets it, with room for words that are read as
        bytes. Raises ValueError for captions that are longer, and where a library is missing.
        """
        vocabulary = Vocabulary.of(splits[0], unit, size=size)
        words = sorted({word for said in splits[0] for word in words_of(said)})[:WORDS]
        tokens_of = {said: len(vocabulary.split(said)) for part in splits for said in part}
        most = LONGEST if length is None else count("length", length)
        if most > LONGEST:
            raise ValueError(f"length must be at most {LONGEST} tokens, not {length}")
        if long := [f"{said[:40]!r} ({n})" for said, n in tokens_of.items() if n > most]:
            more = f" and {len(long) - 10} more" if len(long) > 10 else ""
            raise ValueError(
                f"captions may have {most} tokens, but {len(long)} have more: "
                f"{', '.join(long[:10])}{more}; shorten them"
            )
        length = min(LONGEST, max(tokens_of.values()) + ROOM) if length is None else length
        tokens = tuple(vocabulary.encode(list(part), length) for part in splits)
        return cls(vocabulary, length, frozenset(words), tokens)

    @classmethod
    def recorded(cls, origin: Mapping[str, Any]) -> Captions:
        """Those that a data set's origin, or a checkpoint's record of it, holds.

        Raises ValueError where it holds none.
        """
        if "captions" not in origin:
            raise ValueError(f"{origin.get('name', 'the data')} have no captions")
        held = origin["captions"]
        return cls(Vocabulary.recorded(held), held["length"], frozenset(held["seen"]))

    def record(self) -> dict[str, Any]:
        """What `recorded` reads."""
        held = {"length": self.length, "seen": sorted(self.seen), **self.vocabulary.record()}
        return {"captions": held}

    @property
    def space(self) -> Tokens:
        """What a model of these captions is told."""
        return self.vocabulary.space(self.length)

    def encode(self, captions: Sequence[str]) -> Tensor:
        """Captions as int64 (n, length). Raises ValueError for one that is empty or too long."""
        empty = [i for i, said in enumerate(captions) if not said.strip()]
        if empty:
            raise ValueError(f"a caption must say something, but {_numbered(empty)} empty")
        told = [said.strip() for said in captions]
        for said in told:
            if (n := len(self.vocabulary.split(said))) > self.length:
                raise ValueError(
                    f"a caption may have {self.length} tokens, as those of the training had, but "
                    f"{said[:60]!r} has {n}: say it shorter"
                )
        return self.vocabulary.encode(told, self.length)

    def decode(self, tokens: Tensor) -> list[str]:
        """The captions of tokens (n, length)."""
        return self.vocabulary.decode(tokens)

    def strange(self, caption: str) -> list[str]:
        """The words of a caption that no training caption holds, in order, each once."""
        return list(dict.fromkeys(w for w in words_of(caption) if w not in self.seen))


def beside(
    data: Dataset,
    numbers: Sequence[Tensor],
    sentences: Sequence[str],
    length: int | None = None,
    words: int | None = None,
) -> Dataset:
    """The data with captions beside x, and nothing else: `sentences[i]` where a number is i.

    Args:
        data: of any space.
        numbers: for each split which sentence an example has, int64 (n,).
        sentences: all that are said.
        length: tokens of a caption at most; None is as `Captions.learned` has it.
        words: tokens of the byte pair encoding, learned on the captions of the train split.

    Raises ValueError as `Captions.learned`.
    """
    found = [part.unique(return_inverse=True) for part in numbers]
    said = [[sentences[i] for i in each.tolist()] for each, _ in found]
    captions = Captions.learned(said, "bpe", length, words)
    splits = {}
    for part, tokens, (_, index) in zip(PARTS, captions.tokens, found):
        split = getattr(data, part)
        splits[part] = replace(split, tensors=(split.tensors[0], tokens[index]))
    origin = {**data.origin, **captions.record()}
    told: Any = {"classes": (), "given": captions.space}
    return replace(data, origin=origin, **splits, **told)


def article(word: str) -> str:
    """What stands before a word.

    >>> article("eight"), article("one")
    ('an', 'a')
    """
    spoken_as_consonant = word.lower().startswith(("one", "uni", "eu"))
    return "an" if word[:1].lower() in {*"aeiou"} and not spoken_as_consonant else "a"


def words_of(caption: str) -> list[str]:
    """The words of a caption without marks, in small letters.

    >>> words_of("At the top: a medium-sized box")
    ['at', 'the', 'top', 'a', 'medium-sized', 'box']
    """
    return [word.lower() for word in split(caption) if any(c.isalnum() for c in word)]


def _numbered(places: list[int]) -> str:
    said = ", ".join(f"number {i + 1}" for i in places[:20])
    return f"{said} is" if len(places) == 1 else f"{said} are"

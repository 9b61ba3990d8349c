"""Vocabularies: sentences as rows of tokens and back, and the token that ends a sentence.

Token 0 is the end. What follows it is the end again, to the fixed length of `Tokens`: a model that
knows this gives the filling probability 1, so that its likelihood is that of the sentence.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import torch
from torch import Tensor

from . import bpe
from .blueprint import record
from .spaces import Tokens, count

END = 0
UNKNOWN = "<unk>"
LETTER = r"[\w\p{M}\p{Join_Control}]"  # marks belong to their letters
WORD = rf"{UNKNOWN}|{LETTER}+(?:['’-]{LETTER}+)*|(?!\s)\X"
UNITS = ("words", "characters", "bytes", "bpe")
SIZE = 1_000  # tokens of a byte pair encoding, where nobody says how many


@record
@dataclass(frozen=True)
class Vocabulary:
    """What tokens 1, 2, ... stand for: words and marks, characters, bytes, or pairs of them.

    Bytes are written as the letters of Latin-1, tokens of a byte pair encoding as its library
    writes them, with the `merges` that make them.

    >>> known = Vocabulary(("a", "cat", "sleeps", "."))
    >>> x = known.encode(["a cat sleeps."], length=6)
    >>> x.tolist(), known.decode(x)
    ([[1, 2, 3, 4, 0, 0]], ['a cat sleeps .'])
    """

    words: tuple[str, ...]
    unit: str = "words"
    merges: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "words", tuple(self.words))  # a list comes back from JSON
        object.__setattr__(self, "merges", tuple(self.merges))
        if self.unit not in UNITS:
            raise ValueError(f"unit must be one of {', '.join(UNITS)}, not {self.unit!r}")
        if not self.words or len(set(self.words)) < len(self.words):
            raise ValueError("a vocabulary needs words, each of them once")

    @classmethod
    def of(
        cls,
        sentences: Iterable[str],
        unit: str = "words",
        least: int = 1,
        size: int | None = None,
    ) -> Vocabulary:
        """The words of `sentences`, the commonest first; what occurs less than `least` times is
        unknown. Bytes are always 256; a byte pair encoding learns `size` tokens.
        """
        if unit == "bytes":
            return cls(tuple(map(chr, range(256))), unit)
        if unit == "bpe":
            words, merges = bpe.learned(sentences, SIZE if size is None else size)
            return cls(words, unit, merges)
        counts = Counter(word for sentence in sentences for word in split(sentence, unit))
        often = sorted((-n, word) for word, n in counts.items() if n >= count("least", least))
        rare = len(often) < len(counts) and UNKNOWN not in counts
        return cls((*((UNKNOWN,) if rare else ()), *(word for _, word in often)), unit)

    @classmethod
    def recorded(cls, origin: Mapping[str, Any]) -> Vocabulary:
        """The vocabulary that a data set's origin, or a checkpoint's record of it, holds.

        Raises ValueError where it holds none.
        """
        if "words" not in origin:
            raise ValueError(
                f"{origin.get('name', 'the data')} are no sentences: they have no words"
            )
        return cls(tuple(origin["words"]), origin["unit"], tuple(origin.get("merges", ())))

    def record(self) -> dict[str, Any]:
        """What `recorded` reads."""
        merges = {"merges": list(self.merges)} if self.merges else {}
        return {"words": list(self.words), "unit": self.unit, **merges}

    def split(self, sentence: str) -> list[str]:
        """A sentence's words, as tokens stand for them."""
        if self.unit == "bpe":
            return bpe.split(sentence, self.words, self.merges)
        return split(sentence, self.unit)

    def space(self, length: int) -> Tokens:
        """Sentences of at most `length` words."""
        return Tokens(length, 1 + len(self.words))

    def encode(self, sentences: Sequence[str], length: int) -> Tensor:
        """The sentences as int64 (n, length).

        Raises ValueError for an empty sentence, one that is longer, and, where the vocabulary has
        no unknown word, for a word that it lacks, naming the nearest.
        """
        token = {word: i for i, word in enumerate(self.words, 1)}
        rows = []
        for sentence in sentences:
            words = self.split(sentence)
            if not 1 <= len(words) <= length:
                raise ValueError(
                    f"a sentence must have 1 .. {length} {self.unit}, but {sentence[:60]!r} has "
                    f"{len(words)}"
                )
            found = [token.get(w) or token.get(UNKNOWN) or self._refuse(w) for w in words]
            rows.append(found + [END] * (length - len(words)))
        return torch.tensor(rows, dtype=torch.int64).view(-1, length)

    def decode(self, x: Tensor) -> list[str]:
        """The sentences of tokens (n, length), each up to its first end."""
        return [
            self._joined([self.words[t - 1] for t in row[: _until_end(row)]]) for row in x.tolist()
        ]

    def _joined(self, words: list[str]) -> str:
        if self.unit == "bpe":
            return bpe.joined(words)
        if self.unit == "bytes":
            return "".join(words).encode("latin-1").decode("utf-8", "replace")
        return (" " if self.unit == "words" else "").join(words)

    def _refuse(self, word: str) -> int:
        near = get_close_matches(word, self.words, n=3, cutoff=0.5)
        hint = f": did you mean {' or '.join(near)}?" if near else f", as {self.words[0]!r} is"
        raise ValueError(f"{word!r} is not among the {len(self.words)} known {self.unit}{hint}")


def split(sentence: str, unit: str = "words") -> list[str]:
    """A sentence's words and marks by Unicode's rules, its characters, or its bytes.

    >>> split("The dog's ball, red-hot!")
    ['The', "dog's", 'ball', ',', 'red-hot', '!']
    """
    if unit == "bytes":
        return [chr(byte) for byte in sentence.encode()]
    return _word().findall(sentence) if unit == "words" else list(sentence)


@functools.cache
def _word() -> Any:
    import regex

    return regex.compile(WORD)


def ended(x: Tensor) -> Tensor:
    """Whether an end stands before each place of tokens (batch, length), bool.

    >>> ended(torch.tensor([[3, 0, 0]])).tolist()
    [[False, False, True]]
    """
    ends = x == END
    return (ends.cumsum(1) - ends.long()) > 0


def _until_end(row: list[int]) -> int:
    return row.index(END) if END in row else len(row)

"""Probabilistic grammars: they draw sentences, and know which sentences are theirs.

    p(sentence) = sum over its derivations of the product over their rules of p(rule)

The parts of a rule are drawn independently, so the sum goes over the ways to split a sentence among
them: the inside probabilities. Where every sentence has one derivation, the entropy of the language
is that of the choices, summed. Grammars here do not recur: a longest sentence exists.

Inside probabilities: Trainable grammars for speech recognition (Baker, 1979).
"""

from __future__ import annotations

import functools
import itertools
import math
from bisect import bisect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..core.dataset import Dataset
from ..core.spaces import count
from ..core.vocabulary import Vocabulary, split
from .specs import findable
from .splits import cut, sizes
from .texts import lines_of

Choices = list[tuple[float, list[str]]]

ENGLISH = """
sentence: one does where . | many do where .
one: 4 the kind creature | 3 a kind creature | every kind creature
many: 4 the kind creatures | 2 some kind creatures | two kind creatures
kind: 4 | small | happy | red | young
creature: cat | dog | child | teacher | bird
creatures: cats | dogs | children | teachers | birds
does: sleeps | sings | runs | 2 sees whom | 2 likes whom | 2 follows whom
do: sleep | sing | run | 2 see whom | 2 like whom | 2 follow whom
whom: one | many
where: 3 | near place | behind place | under place
place: the house | the garden | the bridge | a tree
"""


class Grammar:
    """Rules, a line each: what it is called, a colon, and choices between bars.

    A choice is the parts that stand in a row, after its weight where that is not 1. What no rule is
    called is a word. The first rule is the sentence.

    Raises ValueError for a line that is no rule, or rules that come back to themselves.

    >>> barks = Grammar("sentence: 3 the dog barks | stop !")
    >>> barks.probability("the dog barks"), barks.accepts("the dog !"), barks.longest
    (0.75, False, 3)
    """

    def __init__(self, rules: str):
        parsed = [_rule(line) for line in rules.splitlines() if line.strip()]
        self.text, self.rules = rules, dict(parsed)
        if not parsed or len(self.rules) < len(parsed):
            raise ValueError("a grammar needs rules, each name once")
        self.start = parsed[0][0]
        self.longest = self._longest(self.start, ())

    @classmethod
    def recorded(cls, origin: Mapping[str, Any]) -> Grammar | None:
        """The grammar that a data set's origin holds, if it does."""
        return cls(origin["grammar"]) if "grammar" in origin else None

    def sample(self, random: np.random.RandomState) -> str:
        """A sentence, its words and marks with spaces between."""
        return " ".join(self._expand(self.start, random))

    def probability(self, sentence: str) -> float:
        """p(sentence); 0 for what the grammar does not allow."""
        words = split(sentence)

        @functools.cache
        def ends(part: str, begin: int) -> dict[int, float]:
            """Where `part` can end that begins there, with inside probabilities."""
            if part not in self.rules:
                return {begin + 1: 1.0} if words[begin : begin + 1] == [part] else {}
            found: dict[int, float] = {}
            for chance, parts in self.rules[part]:
                reached = {begin: chance}
                for inner in parts:
                    reached = _onward(reached, functools.partial(ends, inner))
                found = {end: found.get(end, 0) + reached.get(end, 0) for end in found | reached}
            return found

        return ends(self.start, 0).get(len(words), 0.0)

    def accepts(self, sentence: str) -> bool:
        """Whether the grammar could have drawn the sentence."""
        return self.probability(sentence) > 0

    def entropy(self, part: str | None = None) -> float:
        """Of a derivation, in nats: that of a sentence, where each has only one derivation."""
        choices = self.rules.get(self.start if part is None else part, [])
        return sum(p * (sum(map(self.entropy, parts)) - math.log(p)) for p, parts in choices)

    def _expand(self, part: str, random: np.random.RandomState) -> list[str]:
        if part not in self.rules:
            return [part]
        choices = self.rules[part]
        edges = list(itertools.accumulate(p for p, _ in choices))
        _, parts = choices[bisect(edges[:-1], random.random_sample())]
        return [word for inner in parts for word in self._expand(inner, random)]

    def _longest(self, part: str, above: tuple[str, ...]) -> int:
        if part in above:
            raise ValueError(f"the rule {part!r} comes back to itself: sentences must have an end")
        inside = (*above, part)
        choices = self.rules.get(part)
        if choices is None:
            return 1
        return max(sum(self._longest(p, inside) for p in parts) for _, parts in choices)


def _rule(line: str) -> tuple[str, Choices]:
    """A line's name, and its choices with probabilities."""
    name, colon, rest = line.partition(":")
    choices = [_choice(choice.split()) for choice in rest.split("|")]
    if not colon or len(name.split()) != 1 or min(weight for weight, _ in choices) <= 0:
        raise ValueError(
            f"a rule is NAME: 2 SOME PARTS | OTHERS, with weights above 0, not {line!r}"
        )
    total = sum(weight for weight, _ in choices)
    return name.strip(), [(weight / total, parts) for weight, parts in choices]


def _choice(words: list[str]) -> tuple[float, list[str]]:
    try:
        return float(words[0]), words[1:]
    except (IndexError, ValueError):
        return 1.0, words


def _onward(
    reached: Mapping[int, float], ends: Callable[[int], Mapping[int, float]]
) -> dict[int, float]:
    """Where one more part can end, from where those before it ended."""
    found: dict[int, float] = {}
    for begin, chance in reached.items():
        for end, p in ends(begin).items():
            found[end] = found.get(end, 0.0) + chance * p
    return found


def grammatical(sentence: str) -> bool:
    """Whether `ENGLISH`, the grammar of `sentences()`, allows the sentence.

    >>> grammatical("the small dogs sleep near a tree."), grammatical("the small dogs sleeps.")
    (True, False)
    """
    return Grammar(ENGLISH).accepts(sentence)


@findable("sentences")
def sentences(
    n: int = 10_000, seed: int = 0, grammar: str | Path | None = None, unit: str = "words"
) -> Dataset:
    """`n` sentences drawn from a small English grammar, or from the rules in the file `grammar`.

    Tokens; the words (or characters, or bytes, by `unit`) are numbered by how often they occur, 0
    is the end. `origin` holds them (`Vocabulary.recorded`) and the grammar (`Grammar.recorded`). A
    tenth validates, a tenth tests. Raises ValueError for what is no grammar, or one with unending
    sentences.
    """
    rules = ENGLISH if grammar is None else "\n".join(lines_of(grammar))
    known, random = Grammar(rules), np.random.RandomState(seed)
    drawn = [known.sample(random) for _ in range(count("n", n, 3))]
    vocabulary = Vocabulary.of(drawn, unit)
    longest = known.longest if unit == "words" else max(len(vocabulary.split(s)) for s in drawn)
    origin = {"source": "pushforward.data.sentences", "seed": seed, "grammar": known.text.strip()}
    x = vocabulary.encode(drawn, longest)
    train, held, last = cut((x,), sizes("sentences", n))
    origin |= vocabulary.record()
    return Dataset("sentences", vocabulary.space(longest), train, held, last, origin)

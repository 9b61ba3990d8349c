"""Byte pair encoding: the pairs of tokens that occur most are merged, from the bytes of UTF-8 on.

Every text can be written by such tokens, whatever was seen when they were learned. It is the
library `tokenizers` that learns and splits (the extra "text").

Neural Machine Translation of Rare Words with Subword Units (Sennrich et al., 2016),
arXiv:1508.07909, section 3.2; over bytes: Language Models are Unsupervised Multitask Learners
(Radford et al., 2019), section 2.2.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable
from typing import Any

from .spaces import count

Merges = tuple[str, ...]
"""Pairs that were merged, "left right", the first first."""


def learned(sentences: Iterable[str], size: int) -> tuple[tuple[str, ...], Merges]:
    """`size` tokens at most, of which 256 are the bytes, and the merges that make them.

    Raises ValueError for less than 256, or where the library is not installed.
    """
    library = _library()
    bytes_ = library.pre_tokenizers.ByteLevel
    tokenizer = library.Tokenizer(library.models.BPE())
    tokenizer.pre_tokenizer = bytes_(add_prefix_space=False)
    trainer = library.trainers.BpeTrainer(
        vocab_size=count("size", size, 256),
        initial_alphabet=sorted(bytes_.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(sentences, trainer)
    told = json.loads(tokenizer.to_str())["model"]
    words = tuple(sorted(told["vocab"], key=told["vocab"].__getitem__))
    return words, tuple(m if isinstance(m, str) else " ".join(m) for m in told["merges"])


def split(sentence: str, words: tuple[str, ...], merges: Merges) -> list[str]:
    """The tokens of a sentence."""
    return _tokenizer(words, merges).encode(sentence).tokens


def joined(tokens: list[str]) -> str:
    """The text of tokens; bytes that are no UTF-8 become the mark for that."""
    return _library().decoders.ByteLevel().decode(tokens)


@functools.lru_cache(maxsize=8)
def _tokenizer(words: tuple[str, ...], merges: Merges) -> Any:
    library = _library()
    pairs = [tuple(merge.split(" ")) for merge in merges]
    model = library.models.BPE({word: i for i, word in enumerate(words)}, pairs)
    tokenizer = library.Tokenizer(model)
    tokenizer.pre_tokenizer = library.pre_tokenizers.ByteLevel(add_prefix_space=False)
    return tokenizer


def _library() -> Any:
    try:
        import tokenizers
    except ImportError as error:
        raise ValueError(
            'unit "bpe" needs the library tokenizers: pip install "pushforward[text]"'
        ) from error
    return tokenizers

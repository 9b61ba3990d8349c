"""Captions of labelled images: "the digit seven", "a photo of a frog", in several wordings.

    caption = wording(name of the class),    a wording for each image, drawn once

What a caption says is the class, so that a classifier can judge a picture drawn for it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from ..core.dataset import PARTS, Dataset, Factor
from ..core.spaces import Labels, Pixels, count
from .captions import article, beside
from .specs import findable

VERSION = 1  # raised when wordings change
NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
DIGITS = (
    "the digit {word}",
    "{a} {word}",
    "a handwritten {word}",
    "the number {word}",
    "a picture of {a} {word}",
    "this is {a} {word}",
    "the digit {figure}",
)
THINGS = (
    "a photo of {a} {word}",
    "{a} {word}",
    "a picture of {a} {word}",
    "a small photo of {a} {word}",
    "this is {a} {word}",
    "there is {a} {word} in the picture",
    "the photo shows {a} {word}",
)


def captions_of(name: str, wordings: int = len(THINGS)) -> list[str]:
    """The first ways to say what an image of the class `name` shows.

    >>> captions_of("8", 2), captions_of("polar_bear", 2)
    (['the digit eight', 'an eight'], ['a photo of a polar bear', 'a polar bear'])
    """
    digit = len(name) == 1 and name in "0123456789"
    word = NUMBERS[int(name)] if digit else name.replace("_", " ").strip()
    ways = (DIGITS if digit else THINGS)[:wordings]
    return [way.format(a=article(word), word=word, figure=name) for way in ways]


@findable("captioned")
def captioned(
    of: str = "digits",
    wordings: int = len(THINGS),
    words: int = 400,
    length: int = 24,
    seed: int = 0,
) -> Dataset:
    """The labelled images that the spec `of` names, each with a caption that says its class.

    Tokens(length, ...) stand beside an image: a byte pair encoding learned on the captions of the
    train split, kept in `origin["captions"]`. `factors` of the splits is the class, (n, 1).

        pf.data.find("captioned?of=mnist")      # or digits, cifar10, "folder:photos%3Fsize=64"

    Args:
        of: data of images whose classes have names: a digit is said in words, others as they are.
        wordings: ways to say it, 1 to 7, of which each image gets one.
        words: tokens of the byte pair encoding, of which 256 are the bytes.
        length: tokens of a caption at most.
        seed: of which image gets which wording.

    Raises ValueError for numbers out of these ranges, data without images or names of classes, and
    where the library `tokenizers` is not installed.
    """
    from .names import find

    if count("wordings", wordings) > len(THINGS):
        raise ValueError(f"wordings must be at most {len(THINGS)}, not {wordings}")
    data = find(of, labels=True)
    labels = _labels(data)
    sentences = [said for name in data.classes for said in captions_of(name, wordings)]
    draw = np.random.RandomState(seed)
    numbers = [y * wordings + torch.from_numpy(draw.randint(wordings, size=len(y))) for y in labels]
    told = beside(data, numbers, sentences, length, words)
    splits = {part: getattr(told, part) for part in PARTS}
    return replace(
        told,
        name=f"{data.name} with captions",
        origin={**told.origin, "wordings": [VERSION, wordings, seed]},
        factors=(Factor("class", len(data.classes), ordered=False),),
        **{part: replace(splits[part], factors=y[:, None]) for part, y in zip(PARTS, labels)},
    )


def _labels(data: Dataset) -> list[Tensor]:
    """Those of the splits, int64 (n,)."""
    if not isinstance(data.space, Pixels):
        raise ValueError(f"captions are told of images, and {data.name} holds {data.space}")
    if not isinstance(data.given, Labels) or not data.classes:
        raise ValueError(
            f"captions say the class of an image, and {data.name} has no names of classes: take "
            'digits, mnist, cifar10, or "folder:PATH" with a sub-folder for each class'
        )
    if len(data.train.tensors) < 2:
        raise ValueError(
            f"{data.name} are drawn when they are asked for, and their labels with them: "
            "captioned_sprites are sprites with captions"
        )
    return [getattr(data, part).tensors[1] for part in PARTS]

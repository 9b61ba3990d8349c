"""Captions of labelled images: what they say is the class, whatever the wording."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pushforward.core.dataset import PARTS
from pushforward.core.spaces import Pixels, Tokens
from pushforward.data import captioned, digits, find
from pushforward.data.captions import Captions
from pushforward.data.label_captions import DIGITS, NUMBERS, THINGS, captions_of


def test_every_caption_says_the_class_of_its_image() -> None:
    data, plain = captioned("digits"), digits(labels=True)
    captions = Captions.recorded(data.origin)
    seen = set()
    for part in PARTS:
        x, text = getattr(data, part).at(slice(0, None))
        images, y = getattr(plain, part).at(slice(0, None))
        assert torch.equal(x, images)
        assert torch.equal(getattr(data, part).factors[:, 0], y)
        said = captions.decode(text)
        assert all(
            {NUMBERS[label], str(label)} & set(caption.split())
            for label, caption in zip(y.tolist(), said)
        )
        seen |= set(said)
    assert seen == {way for name in "0123456789" for way in captions_of(name)}
    assert (data.space, data.given.length) == (Pixels(1, 8, 8, 17), 24)
    assert isinstance(data.given, Tokens)
    assert [(f.name, f.values) for f in data.factors] == [("class", 10)]


def test_wordings_are_drawn_once_and_evenly() -> None:
    data, other = captioned("digits"), captioned("digits", seed=1)
    assert find(data.origin["spec"]).describe() == data.describe()
    assert find("captioned").train.at(slice(0, 99))[1].equal(data.train.at(slice(0, 99))[1])
    assert not other.train.at(slice(0, 99))[1].equal(data.train.at(slice(0, 99))[1])
    assert other.describe() != data.describe()
    said = Captions.recorded(data.origin).decode(data.train.at(slice(0, None))[1])
    share = sum(caption.startswith("this is") for caption in said) / len(said)
    assert abs(share - 1 / 7) < 5 * (6 / 49 / len(said)) ** 0.5
    one = captioned("digits", wordings=1)
    told = Captions.recorded(one.origin).decode(one.train.at(slice(0, None))[1])
    assert {*told} == {f"the digit {word}" for word in NUMBERS}


def test_articles_and_names_of_many_words() -> None:
    assert captions_of("8")[1] == "an eight"
    assert captions_of("1")[1] == "a one"
    assert captions_of("airplane", 2) == ["a photo of an airplane", "an airplane"]
    assert captions_of("polar_bear", 1) == ["a photo of a polar bear"]
    assert len(DIGITS) == len(THINGS) == 7


def test_sub_folders_are_said(tmp_path: Path) -> None:
    for i in range(12):
        place = tmp_path / "photos" / ("кот", "snow_owl")[i % 2]
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((8, 8), i, np.uint8)).save(place / f"{i}.png")
    data = captioned(f"folder:{tmp_path / 'photos'}?size=8&channels=1", wordings=1)
    said = Captions.recorded(data.origin).decode(data.train.at(slice(0, None))[1])
    assert {*said} == {"a photo of a кот", "a photo of a snow owl"}
    kinds = data.train.at(slice(0, None))[0][:, 0, 0, 0] % 2
    assert [caption.endswith("owl") for caption in said] == kinds.bool().tolist()
    assert find(data.origin["spec"]).describe() == data.describe()


def test_what_has_no_classes_is_refused_in_words() -> None:
    for of, said in (
        ("moons", "captions are told of images, and moons holds"),
        ("sprites?size=8", "sprites are drawn when they are asked for, and their labels with"),
        (
            "captioned_sprites?size=8&colours=2",
            "has no names of classes: take digits",
        ),
        ("nothing", "no data set is called"),
    ):
        with pytest.raises(ValueError, match=said):
            captioned(of)
    with pytest.raises(ValueError, match="wordings must be at most 7, not 8"):
        captioned("digits", wordings=8)
    with pytest.raises(ValueError, match=r"captions may have 2 tokens, but \d+ have more: 'the "):
        captioned("digits", length=2)

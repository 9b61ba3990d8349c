from __future__ import annotations

import importlib
from dataclasses import replace

import numpy as np
import pytest
import torch

from pushforward.core.dataset import Dataset, Factor, Split
from pushforward.data import find, sprites

SMALL = {"size": 16, "scales": 2, "orientations": 4, "positions": 3}
SHAPE, SCALE, ORIENTATION, X, Y, COLOUR = range(6)


def everything(**options) -> tuple[Dataset, torch.Tensor, torch.Tensor]:
    """A data set, all its images as integers, and their factors."""
    data = sprites(**options)
    parts = (data.train, data.validation, data.test)
    x = torch.cat([s.at(slice(None))[0] for s in parts])
    return data, x.long(), torch.cat([s.factors for s in parts]).long()


def test_every_combination_is_there_once() -> None:
    data, x, factors = everything(**SMALL)
    grid = [3, 2, 4, 3, 3, 3]
    assert [f.values for f in data.factors] == grid
    assert len(factors.unique(dim=0)) == len(factors) == np.prod(grid)
    assert x.shape == (len(factors), 3, 16, 16)
    assert len(data.test) == len(data.validation) == round(0.1 * len(factors))
    kinds = {f.name for f in data.factors if not f.ordered}
    assert kinds == {"shape", "colour"}


def test_dsprites_grid() -> None:
    data = sprites(colours=1, levels=2)
    assert len(data.train) + len(data.validation) + len(data.test) == 737_280
    assert [f.values for f in data.factors] == [3, 6, 40, 32, 32, 1]
    assert data.space.shape == (1, 64, 64)
    assert data.train.at(slice(0, 64))[0].max() == 1


def test_the_mass_is_where_the_factors_say() -> None:
    """The oracle: areas and centres of gravity that geometry gives."""
    _, x, factors = everything(size=48, scales=3, orientations=5, positions=3, colours=1)
    mass = x[:, 0].double() / 255
    radius = 12 * torch.tensor([0.5, 0.75, 1.0], dtype=torch.float64)[factors[:, SCALE]]
    for shape, area in ((0, 1.4**2), (1, np.pi * 0.97 * 0.5)):
        own = factors[:, SHAPE] == shape
        torch.testing.assert_close(
            mass[own].sum((1, 2)), area * radius[own] ** 2, rtol=0.03, atol=0
        )
    middle = torch.tensor([12.0, 24, 35], dtype=torch.float64)  # whole pixels of 12 .. 35
    at = torch.arange(48, dtype=torch.float64)
    even = factors[:, SHAPE] != 2  # a heart's centre of gravity lies higher than its middle
    for axis, factor in ((1, X), (2, Y)):
        centre = (mass.sum(axis) * at).sum(1) / mass.sum((1, 2))
        expected = middle[factors[even, factor]]
        torch.testing.assert_close(centre[even], expected, rtol=0, atol=0.02)


def test_a_turn_is_to_the_left_and_a_sprite_is_never_cut() -> None:
    data, x, factors = everything(size=32, scales=1, orientations=4, positions=2, colours=1)
    own = (factors[:, SHAPE] == 2) & (factors[:, X] == 0) & (factors[:, Y] == 0)
    hearts = x[own][factors[own, ORIENTATION].argsort(), 0]
    # The box around the middle pixel, (8, 8), in which a quarter of a turn is exact.
    box = hearts[:, :17, :17]
    assert torch.equal(box.sum((1, 2)), hearts.sum((1, 2))), "nothing lies outside of it"
    for turn in range(4):
        assert torch.equal(box[turn], torch.rot90(box[0], turn))
    upright = box[0].sum(1).nonzero()[:, 0]
    lower, upper = box[0][int(upright.max())], box[0][int(upright.min())]
    assert (lower > 0).sum() < (upper > 0).sum(), "a heart stands on its tip"
    assert data.space.levels == 256


def test_edges_are_antialiased_unless_two_levels_are_asked_for() -> None:
    _, grey, _ = everything(**SMALL, colours=1)
    _, hard, _ = everything(**SMALL, colours=1, levels=2)
    assert len(grey.unique()) > 20
    assert torch.equal(hard, (grey >= 128).long()), "a pixel is white that is covered by half"


def test_colours_are_the_channels_that_shine() -> None:
    _, x, factors = everything(**SMALL, colours=7)
    shining = x.amax((2, 3)) > 0
    assert len(shining.unique(dim=0)) == 7
    for colour in range(7):
        own = shining[factors[:, COLOUR] == colour]
        assert (own == own[:1]).all()


def test_templates_are_drawn_once(monkeypatch: pytest.MonkeyPatch) -> None:
    first = sprites(**SMALL)
    drawing = importlib.import_module("pushforward.data.drawn_sprites")
    monkeypatch.setattr(drawing, "_templates", None)  # to call it again would fail
    again = sprites(**SMALL, colours=2, levels=5, labels=True)
    assert again.space.levels == 5
    fewer = (first.train.view.templates / 255 * 4).round().byte()
    assert torch.equal(again.train.view.templates, fewer)


def test_a_line_of_text_finds_them() -> None:
    data = find("sprites?size=16&scales=2&orientations=4&positions=3&labels=True")
    again = find(data.origin["spec"])
    assert data.describe() == again.describe()
    x, shape = data.test.at(slice(0, 5))
    assert torch.equal(x, again.test.at(slice(0, 5))[0])
    assert torch.equal(shape, data.test.factors[:5, SHAPE].long())
    assert data.classes == ("square", "ellipse", "heart")


def test_factors_follow_the_examples() -> None:
    data = sprites(**SMALL)
    few = data.test.first(7).to("cpu")
    assert torch.equal(few.factors, data.test.factors[:7])
    assert len(data.test.at(slice(0, 2))) == 1, "models see images only"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 30}, "size must be a multiple of 4, not 30"),
        ({"size": 4}, "size must be a whole number of at least 8, not 4"),
        ({"size": 16, "positions": 9}, "positions must be at most 8 for images of 16, not 9"),
        ({"scales": 0}, "scales must be a whole number of at least 1, not 0"),
        ({"colours": 8}, "colours must be at most 7 for images of 64, not 8"),
        ({"orientations": 257}, "orientations must be at most 256"),
        ({"levels": 1}, "levels must be a whole number of at least 2, not 1"),
    ],
)
def test_numbers_out_of_range(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        sprites(**options)


def test_factors_that_do_not_fit_are_refused() -> None:
    data = sprites(**SMALL)
    with pytest.raises(ValueError, match="must be of one length"):
        Split(data.test.tensors, data.test.view, data.test.factors[1:])
    with pytest.raises(ValueError, match=r"names 1 factors, but those of its train split .*\(6,\)"):
        replace(data, factors=(Factor("shape", 3),))

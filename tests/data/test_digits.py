from __future__ import annotations

import copy
import json

import pytest
import torch
from scipy.stats import chisquare
from sklearn.datasets import load_digits

from pushforward.core.dataset import Dataset
from pushforward.core.spaces import Pixels, Reals
from pushforward.data import DynamicBinarisation, binarised, digits, moons


def everything(data: Dataset, place: int = 0) -> torch.Tensor:
    return torch.cat([s.tensors[place] for s in (data.train, data.validation, data.test)])


def test_digits_are_scikit_learns_each_once() -> None:
    data, source = digits(labels=True), load_digits()
    assert data.space == Pixels(1, 8, 8, 17)
    assert [len(s) for s in (data.train, data.validation, data.test)] == [1200, 250, 347]
    rows = torch.cat([everything(data).flatten(1), everything(data, 1)[:, None]], 1).tolist()
    expected = [[*x, y] for x, y in zip(source.data.astype(int).tolist(), source.target.tolist())]
    assert sorted(rows) == sorted(expected)
    assert data.classes == tuple("0123456789")
    assert data.test.tensors[1].bincount().min() >= 20  # shuffled: every class in every part


def test_the_split_is_fixed_for_ever() -> None:
    assert digits(labels=True).train.tensors[1][:12].tolist() == [
        2,
        8,
        2,
        6,
        6,
        7,
        1,
        9,
        8,
        5,
        2,
        8,
    ]


def test_labels_only_where_asked_and_origin_is_json() -> None:
    data = digits()
    assert len(data.train.tensors) == 1
    assert data.classes == ()
    assert json.loads(json.dumps(data.describe()))["seed"] == 0


def test_other_levels_requantise() -> None:
    fine, coarse = digits(), digits(levels=5)
    assert coarse.space == Pixels(1, 8, 8, 5)
    exact = (fine.train.tensors[0].double() / 4).sub(coarse.train.tensors[0]).abs()
    assert exact.max() <= 0.5
    with pytest.raises(ValueError, match="levels must be a whole number of at least 2, not 1"):
        digits(levels=1)


def test_dynamic_binarisation_has_the_exact_probabilities() -> None:
    torch.manual_seed(0)
    view, n = DynamicBinarisation(17), 40_000
    x = torch.arange(17, dtype=torch.uint8).repeat(n, 1)
    ones = view(x)[0].sum(0).double()
    assert ones[0] == 0
    assert ones[16] == n
    p = torch.arange(1, 16) / 16
    counts = torch.stack([ones[1:16], n - ones[1:16]]).numpy()
    expected = torch.stack([n * p, n * (1 - p)]).numpy()
    assert chisquare(counts, expected, axis=0).pvalue.min() > 1e-3


def test_dynamic_draws_anew_and_repeats_under_a_seed() -> None:
    data = digits(labels=True, binarise="dynamic")
    assert data.space == Pixels(1, 8, 8, 2)
    torch.manual_seed(1)
    first, second = data.train.at(slice(0, 50)), data.train.at(slice(0, 50))
    torch.manual_seed(1)
    again = data.train.at(slice(0, 50))
    assert not first[0].equal(second[0])
    assert first[0].equal(again[0])
    assert first[1].equal(second[1])
    assert copy.deepcopy(data.train).view == data.train.view == DynamicBinarisation(17)


def test_building_a_data_set_leaves_the_random_numbers_alone() -> None:
    torch.manual_seed(3)
    expected = torch.rand(3)
    torch.manual_seed(3)
    digits(binarise="dynamic")
    assert torch.rand(3).equal(expected)


def test_fixed_is_one_draw_with_the_grey_values_mean() -> None:
    one, two, grey = digits(binarise="fixed"), digits(binarise="fixed"), digits()
    assert everything(one).equal(everything(two))
    assert one.train.at(slice(0, 9))[0].equal(one.train.at(slice(0, 9))[0])
    p = everything(grey).double() / 16
    spread = (p * (1 - p)).sum().sqrt()
    assert (everything(one).sum() - p.sum()).abs() < 4 * spread
    assert everything(one)[everything(grey) == 16].min() == 1
    assert everything(one)[everything(grey) == 0].max() == 0
    assert "our own draw" in one.origin["binarisation"]


def test_binarisation_refuses() -> None:
    with pytest.raises(ValueError, match="'stochastic'"):
        digits(binarise="stochastic")
    with pytest.raises(ValueError, match="only Pixels"):
        binarised(moons(n=100), "fixed")
    assert binarised(moons(n=100), None).space == Reals((2,))

"""Style mixing, counted on a generator whose layers are known to carry one factor each."""

from __future__ import annotations

import math

import pytest
import torch

from pushforward.metrics.style_mixing import style_swaps


def test_a_group_swaps_the_factors_that_its_layers_carry() -> None:
    torch.manual_seed(0)
    a, b = torch.randint(5, (2, 400, 3, 1)).float()
    a[:, 2] = b[:, 2] = 1.0  # the third factor never differs
    groups = {"coarse": range(1), "rest": (1, 2), "all": range(3)}
    found = style_swaps(lambda w: w, lambda x: x[..., 0].long(), a, b, groups, size=64)
    differ = (a != b).sum((0, 2)).tolist()
    assert found["coarse"].pairs.tolist() == differ
    assert found["coarse"].swapped.tolist()[:2] == [1.0, 0.0]
    assert found["coarse"].kept.tolist()[:2] == [0.0, 1.0]
    assert found["rest"].swapped.tolist()[:2] == [0.0, 1.0]
    assert found["all"].swapped.tolist()[:2] == [1.0, 1.0]
    assert math.isnan(found["all"].swapped[2])


def test_a_third_value_is_neither_swapped_nor_kept() -> None:
    a, b = torch.zeros(6, 2, 1), torch.ones(6, 2, 1)
    found = style_swaps(lambda w: w.sum(1), lambda x: x.long(), a, b, {"one": [0]})
    assert (found["one"].swapped.item(), found["one"].kept.item()) == (0.0, 0.0)


@pytest.mark.parametrize("layers", [[2], [-1], []])
def test_layers_that_are_not_there_are_told(layers: list[int]) -> None:
    w = torch.zeros(2, 2, 1)
    with pytest.raises(ValueError, match=r"layers must be some of 0 \.\. 1"):
        style_swaps(lambda w: w, lambda x: x[..., 0].long(), w, w, {"g": layers})
    with pytest.raises(ValueError, match="styles"):
        style_swaps(lambda w: w, lambda x: x[..., 0].long(), w[0], w[0], {"g": [0]})

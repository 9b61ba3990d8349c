from __future__ import annotations

import numpy as np
import pytest
import torch

from pushforward.core.spaces import Pixels, Reals, Tokens
from pushforward.data import tensors


def test_spaces_are_inferred() -> None:
    assert tensors(np.zeros((9, 3, 4, 5), dtype=np.uint8)).space == Pixels(3, 4, 5)
    assert tensors(torch.zeros(9, 2)).space == Reals((2,))
    assert tensors(torch.zeros(9, 2, 3)).space == Reals((2, 3))
    assert tensors(np.arange(18, dtype=np.int32).reshape(9, 2)).space == Tokens(2, 18)
    assert tensors(np.zeros((9, 2))).train.tensors[0].dtype == torch.float32


def test_a_given_space_is_checked() -> None:
    x = torch.arange(16, dtype=torch.uint8).reshape(16, 1, 1, 1)
    assert tensors(x, space=Pixels(1, 1, 1, 16)).space.levels == 16
    with pytest.raises(ValueError, match=r"values 0 \.\. 9, was given values 0 \.\. 15"):
        tensors(x, space=Pixels(1, 1, 1, 10))
    with pytest.raises(ValueError, match="float"):
        tensors(x, space=Reals((1, 1, 1)))


def test_pairs_stay_together_and_all_are_there_once() -> None:
    x = torch.arange(50.0)[:, None]
    data = tensors(x, np.arange(50), validation=0.2, test=0.3, name="mine")
    parts = (data.train, data.validation, data.test)
    assert [len(s) for s in parts] == [25, 10, 15]
    for split in parts:
        assert split.tensors[0][:, 0].long().equal(split.tensors[1])
    assert torch.cat([s.tensors[1] for s in parts]).sort().values.equal(torch.arange(50))
    assert tensors(x, seed=1).test.tensors[0].tolist() != tensors(x).test.tensors[0].tolist()
    assert data.describe()["name"] == "mine"


def test_bad_tensors() -> None:
    with pytest.raises(ValueError, match=r"channels last: give x\.permute"):
        tensors(np.zeros((9, 32, 32, 3), dtype=np.uint8))
    with pytest.raises(ValueError, match="fits no space: images are uint8"):
        tensors(np.zeros((9, 32, 32), dtype=np.uint8))
    with pytest.raises(ValueError, match="fits no space"):
        tensors(torch.zeros(9))
    with pytest.raises(ValueError, match="fits no space"):
        tensors(torch.zeros(9, 2, dtype=torch.bool))
    with pytest.raises(ValueError, match=r"x\[4\] has values that are not finite"):
        tensors(torch.zeros(9, 2).index_fill_(0, torch.tensor([4, 6]), float("nan")))
    with pytest.raises(ValueError, match=r"a label for each of the 9 examples, not \(8,\)"):
        tensors(torch.zeros(9, 2), torch.zeros(8))
    with pytest.raises(ValueError, match="2 examples, which cannot be split"):
        tensors(torch.zeros(2, 2))
    with pytest.raises(ValueError, match="values 0"):
        tensors(torch.tensor([[-1, 2]] * 9))
    with pytest.raises(ValueError, match="validation split of tensors is empty"):
        tensors(torch.zeros(9, 2), validation=0)

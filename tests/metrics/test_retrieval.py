"""Retrieval: by counting, by chance, and for whom it is."""

import pytest
import torch
from torch import nn

import pushforward as pf
from pushforward.core.dataset import Split
from pushforward.metrics.retrieval import retrieval_accuracy, retrieval_if_known

SPACE, TEXT = pf.Pixels(1, 2, 2), pf.Tokens(1, 50)


class Knowing(pf.Generative):
    """Takes a pixel for the word that is its value, but is wrong of values of at least `fails`."""

    def __init__(self, fails=256):
        super().__init__(SPACE, TEXT)
        self.fails, self.net = fails, nn.Linear(1, 1)

    def sample(self, n, text):
        return torch.zeros(n, *SPACE.shape, dtype=torch.uint8)

    def similarities(self, x, text):
        value = x[:, 0, 0, 0].long()
        taken = torch.where(value < self.fails, value, -1)
        return (taken[:, None] == text[:, 0]).double() + 1e-3 * torch.arange(len(text))


def split(values, factors=None):
    x = values.to(torch.uint8)[:, None, None, None].expand(-1, *SPACE.shape)
    return Split((x, values[:, None]), factors=factors)


def test_whoever_knows_is_always_right():
    both = retrieval_accuracy(Knowing(), split(torch.arange(48)), 16)
    assert [m.value for m in both] == [1, 1]
    assert [m.samples for m in both] == [48, 48]


def test_shares_are_those_of_a_loop():
    values, of = torch.arange(40), 8
    model, some = Knowing(fails=30), split(values)
    order = torch.randperm(40, generator=torch.Generator().manual_seed(0)).split(of)
    for direction, found in enumerate(retrieval_accuracy(model, some, of)):
        shares = []
        for group in order:
            x, text = some.at(group)
            alike = model.similarities(x, text)
            alike = alike if direction == 0 else alike.T
            shares.append(sum(int(row.argmax()) == i for i, row in enumerate(alike)) / of)
        shares = torch.tensor(shares).double()
        assert found.value == pytest.approx(shares.mean().item())
        assert found.stderr == pytest.approx((shares.std() / 5**0.5).item())
        assert found.value < 1


def test_all_that_say_the_same_are_right():
    """By tokens; and by factors, where captions differ that say the same."""
    twice = torch.arange(8).repeat_interleave(2)
    assert all(m.value == 1 for m in retrieval_accuracy(Knowing(), split(twice), 16))
    blind = Knowing(fails=0)  # it always takes the last caption, and the last image
    one = torch.zeros(16, 2)
    assert [m.value for m in retrieval_accuracy(blind, split(torch.arange(16), one), 16)] == [1, 1]
    (told, _) = retrieval_accuracy(blind, split(torch.arange(16)), 16)
    assert told.value == 1 / 16
    assert told.stderr is None


def test_who_has_no_similarities_is_not_measured():
    model = pf.MADE(pf.Tokens(3, 4), width=8)
    with pytest.raises(ValueError, match="MADE has no similarities"):
        retrieval_accuracy(model, split(torch.arange(8)), 4)
    with pytest.raises(ValueError, match="9 candidates are asked for, and there are 8"):
        retrieval_accuracy(Knowing(), split(torch.arange(8)), 9)
    with pytest.raises(ValueError, match="candidates"):
        retrieval_accuracy(Knowing(), split(torch.arange(8)), 1)
    assert retrieval_if_known(model, pf.data.digits()) == ()


def test_a_new_clip_guesses_and_is_measured_on_captioned_sprites():
    torch.manual_seed(0)
    data = pf.data.captioned_sprites(size=8, colours=2, wordings=1)
    model = pf.CLIP(data.space, data.given, 16, 16, 1, gallery=4).eval()
    found = tuple(retrieval_if_known(model, data))
    assert [m.name for m in found] == [
        "accuracy of captions of images",
        "accuracy of images of captions",
    ]
    assert all(0 <= m.value < 0.5 for m in found)

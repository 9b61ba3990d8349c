"""Stacked MNIST, made of a small stand-in for MNIST."""

from __future__ import annotations

import torch

from pushforward.core.spaces import Pixels
from pushforward.data import stacked
from pushforward.data.arrays import tensors


def test_channels_are_the_digits_that_the_number_spells(monkeypatch) -> None:
    digit = torch.arange(10).repeat(20)
    images = (20 * digit)[:, None, None, None].repeat(1, 1, 28, 28).to(torch.uint8)
    images[:, 0, 27, 27] = torch.arange(200)  # none is there twice
    small = tensors(images, y=digit)
    monkeypatch.setattr(stacked, "mnist", lambda labels, root: small)
    monkeypatch.setattr(stacked, "HELD", 40)
    data = stacked.stacked_mnist(300, labels=True, seed=1)
    x, number = data.train.tensors
    assert data.space == Pixels(3, 28, 28)
    assert (len(data.train), len(data.validation), len(data.test)) == (300, 40, 40)
    spelt = x[:, :, 0, 0].long() // 20
    assert torch.equal(spelt[:, 0] * 100 + spelt[:, 1] * 10 + spelt[:, 2], number)
    again = stacked.stacked_mnist(300, labels=True, seed=1)
    assert torch.equal(again.train.tensors[0], x)
    other = stacked.stacked_mnist(300, seed=2)
    assert other.given is None
    assert not torch.equal(other.train.tensors[0], x)

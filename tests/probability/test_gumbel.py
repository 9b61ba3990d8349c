"""Gumbel-softmax against torch.distributions, and its gradient against enumeration."""

from __future__ import annotations

import pytest
import torch
from torch.distributions import Categorical, RelaxedOneHotCategorical, kl_divergence

from pushforward.probability.gumbel import (
    Relaxed,
    StraightThrough,
    Temperature,
    divergence_from_uniform,
    one_hot,
)

LOGITS = torch.tensor([0.5, -1.0, 1.5], dtype=torch.float64)
VALUES = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)


def test_one_hot_draws_follow_the_categorical():
    torch.manual_seed(0)
    drawn = one_hot(LOGITS.expand(100_000, 3))
    assert (drawn.sum(1) == 1).all()
    torch.testing.assert_close(drawn.mean(0), LOGITS.softmax(0), atol=0.006, rtol=0)


@pytest.mark.parametrize("temperature", [0.3, 1.0, 3.0])
def test_relaxed_draws_are_torchs_distribution(temperature):
    torch.manual_seed(0)
    mine = Relaxed()(LOGITS.expand(100_000, 3), temperature)
    tau = torch.tensor(temperature, dtype=torch.float64)
    theirs = RelaxedOneHotCategorical(tau, logits=LOGITS).sample((100_000,))
    torch.testing.assert_close(mine.mean(0), theirs.mean(0), atol=0.006, rtol=0)
    torch.testing.assert_close(mine.square().mean(0), theirs.square().mean(0), atol=0.006, rtol=0)


def test_straight_through_is_one_hot_with_the_relaxed_gradient():
    gradients = []
    for relaxation in (Relaxed(), StraightThrough()):
        torch.manual_seed(0)
        logits = LOGITS.expand(50, 3).clone().requires_grad_()
        y = relaxation(logits, 0.7)
        gradients.append(torch.autograd.grad((y * VALUES).sum(), logits)[0])
    assert set(y.detach().round(decimals=9).unique().tolist()) == {0.0, 1.0}
    torch.testing.assert_close(*gradients)


def test_the_gradients_bias_vanishes_with_temperature():
    """E f(z) with f(z) = (v z)^2 has the gradient pi * (v^2 - E v^2) by enumeration.

    The bias is about proportional to a small tau. It is not monotone above 1: a hot softmax has
    hardly a gradient, so that the bias there is all of the true one.
    """
    pi = LOGITS.softmax(0)
    exact = pi * (VALUES**2 - (pi * VALUES**2).sum())
    biases = {}
    for temperature in (8.0, 1.0, 0.5, 0.25, 0.125):
        torch.manual_seed(0)
        logits = LOGITS.clone().requires_grad_()
        y = Relaxed()(logits.expand(200_000, 3), temperature)
        (gradient,) = torch.autograd.grad((y @ VALUES).square().mean(), logits)
        biases[temperature] = (gradient - exact).norm().item()
    assert biases[8.0] == pytest.approx(exact.norm().item(), rel=0.03)
    assert biases[1.0] > 1.4 * biases[0.5] > 1.4 * 1.6 * biases[0.25] > 1.4 * 1.6**2 * biases[0.125]


def test_the_divergence_from_uniform_is_torchs():
    logits = torch.randn(6, 5, dtype=torch.float64)
    uniform = Categorical(logits=torch.zeros(6, 5, dtype=torch.float64))
    expected = kl_divergence(Categorical(logits=logits), uniform)
    torch.testing.assert_close(divergence_from_uniform(logits), expected)


def test_temperatures_fall_geometrically():
    path = [Temperature(1.0, 0.01).at(torch.tensor(p)).item() for p in (0.0, 0.5, 1.0)]
    assert path == pytest.approx([1.0, 0.1, 0.01])
    with pytest.raises(ValueError, match="positive"):
        Temperature(1.0, 0.0)

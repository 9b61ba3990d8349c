"""Penalties on slopes, against closed forms for critics whose slope is known."""

from __future__ import annotations

import pytest
import torch

from pushforward.core.blueprint import decode, encode
from pushforward.objectives.augmentations import InstanceNoise
from pushforward.objectives.penalties import (
    DRAGAN,
    R1,
    R2,
    GradientPenalty,
    ZeroCentred,
)

PENALTIES = [GradientPenalty(3.0), ZeroCentred(), DRAGAN(2.0, 0.1), R1(), R2(0.1)]
X, Y = torch.randn(2, 6, 3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def bowl(u):
    """|u|^2 / 2, whose slope at u is |u|."""
    return u.square().flatten(1).sum(1) / 2


class Noted:
    """A critic that remembers where it was asked."""

    def __call__(self, u):
        self.u = u.detach()
        return bowl(u)


def size(u):
    return u.flatten(1).norm(dim=1)


@pytest.mark.parametrize(
    ("penalty", "of_norm"),
    [
        (GradientPenalty(3.0), lambda s: 3 * (s - 1) ** 2),
        (ZeroCentred(3.0), lambda s: 3 * s**2),
        (DRAGAN(3.0), lambda s: 3 * (s - 1) ** 2),
        (R1(3.0), lambda s: 1.5 * s**2),
        (R2(3.0), lambda s: 1.5 * s**2),
    ],
    ids=["gradient", "zero-centred", "dragan", "r1", "r2"],
)
def test_the_penalty_of_a_linear_critic_is_that_of_its_weights(penalty, of_norm):
    w = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
    term = penalty(lambda u: (u * w).flatten(1).sum(1), X, Y)
    torch.testing.assert_close(term, of_norm(w.detach().norm()).expand(6))
    (slope,) = torch.autograd.grad(term.mean(), w)
    free = w.detach().clone().requires_grad_()
    torch.testing.assert_close(slope, torch.autograd.grad(of_norm(free.norm()), free)[0])


def test_r1_is_measured_at_data_and_r2_at_fakes():
    torch.testing.assert_close(R1(10.0)(bowl, X, Y), 5 * size(X) ** 2)
    torch.testing.assert_close(R2(10.0)(bowl, X, Y), 5 * size(Y) ** 2)


@pytest.mark.parametrize("penalty", [GradientPenalty(), ZeroCentred()])
def test_slopes_between_are_measured_on_the_line_of_a_datum_and_its_fake(penalty):
    critic = Noted()
    term = penalty(critic, X, Y)
    share = ((critic.u - X) / (Y - X)).flatten(1)
    torch.testing.assert_close(share, share[:, :1].expand_as(share))
    assert ((share > 0) & (share < 1)).all()
    torch.testing.assert_close(term, 10 * (size(critic.u) - penalty.slope) ** 2)


def test_dragan_looks_beside_the_data_by_half_their_spread():
    critic = Noted()
    real = X[:1].expand(20_000, -1, -1) * 2
    DRAGAN()(critic, real, real)
    moved = (critic.u - real) / real.std()
    assert 0 <= moved.min() < 0.01
    assert 0.49 < moved.max() <= 0.5
    assert moved.mean().item() == pytest.approx(0.25, abs=5 * 0.5 / (12 * moved.numel()) ** 0.5)


@pytest.mark.parametrize("penalty", PENALTIES, ids=repr)
def test_penalties_are_records(penalty):
    assert decode(encode(penalty)) == penalty


@pytest.mark.parametrize("penalty", [GradientPenalty, ZeroCentred, DRAGAN, R1, R2])
@pytest.mark.parametrize("weight", [0.0, -1.0, float("nan"), float("inf")])
def test_a_penalty_without_a_sound_weight_is_refused(penalty, weight):
    with pytest.raises(ValueError, match="weight of a penalty must be positive"):
        penalty(weight)


def test_instance_noise_fades_with_progress():
    noise, x = InstanceNoise(0.4), torch.full((40_000,), 3.0)
    for progress in (0.0, 0.75, 1.0):
        seen = noise(x, torch.tensor(progress))
        sigma = 0.4 * (1 - progress)
        # Six standard errors of a mean, and of a standard deviation.
        assert abs(seen.mean().item() - 3) <= 6 * sigma / 200
        assert abs((seen - 3).square().mean().sqrt().item() - sigma) <= 6 * sigma / 280
    with pytest.raises(ValueError, match="sigma"):
        InstanceNoise(0.0)

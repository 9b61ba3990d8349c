"""Slopes of critics and losses on scores, against closed forms and torch's own losses."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from pushforward.core.blueprint import decode, encode
from pushforward.objectives.adversarial import (
    Hinge,
    LeastSquares,
    NonSaturating,
    Relativistic,
    Saturating,
    Wasserstein,
    between,
    gradient_norm,
)

LOSSES = [Saturating(), NonSaturating(), LeastSquares(), Hinge(), Wasserstein(), Relativistic()]


def test_the_slope_of_a_linear_critic_is_the_norm_of_its_weights():
    w = torch.randn(3, 4, 5, dtype=torch.float64)
    x = torch.randn(7, 3, 4, 5, dtype=torch.float64)
    slope = gradient_norm(lambda u: (u * w).flatten(1).sum(1), x)
    torch.testing.assert_close(slope, w.norm().expand(7))


def test_slopes_carry_gradients_to_the_critic():
    w = torch.randn(6, dtype=torch.float64, requires_grad=True)
    x = torch.randn(5, 6, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda v: gradient_norm(lambda u: (u * v).pow(3).sum(1), x), w)


def test_slopes_can_be_measured_without_gradients():
    with torch.no_grad():
        slope = gradient_norm(lambda u: u.square().sum(1) / 2, x := torch.randn(5, 6))
    torch.testing.assert_close(slope, x.norm(dim=1))
    assert not slope.requires_grad


def test_a_flat_critic_has_a_finite_gradient():
    w = torch.zeros(6, requires_grad=True)
    (gradient_norm(lambda u: u @ w, torch.randn(5, 6)) - 1).square().sum().backward()
    assert w.grad is not None
    assert w.grad.isfinite().all()


def test_points_between_lie_on_their_lines_uniformly():
    real, fake = torch.zeros(20_000, 2), torch.tensor([1.0, 3.0]).expand(20_000, 2)
    u = between(real, fake)
    torch.testing.assert_close(u[:, 1], 3 * u[:, 0])
    assert u[:, 0].mean().item() == pytest.approx(1 / 2, abs=0.01)
    assert u[:, 0].var().item() == pytest.approx(1 / 12, abs=0.003)


def test_the_logistic_losses_are_cross_entropies():
    real, fake = torch.randn(2, 50)
    terms = NonSaturating().critic(real, fake)
    label = F.binary_cross_entropy_with_logits
    torch.testing.assert_close(terms["real"].mean(), label(real, torch.ones(50)))
    torch.testing.assert_close(terms["fake"].mean(), label(fake, torch.zeros(50)))
    steep = NonSaturating().generator(fake, lambda: real)["fake"].mean()
    torch.testing.assert_close(steep, label(fake, torch.ones(50)))
    flat = Saturating().generator(fake, lambda: real)["fake"].mean()
    torch.testing.assert_close(flat, -label(fake, torch.zeros(50)))


def test_a_sure_critic_leaves_the_saturating_generator_no_slope():
    fake = torch.tensor([-12.0], requires_grad=True)
    slopes = []
    for loss in (Saturating(), NonSaturating()):
        (total,) = loss.generator(fake, lambda: fake).values()
        slopes.append(torch.autograd.grad(total.sum(), fake)[0].item())
    assert slopes[0] == pytest.approx(-torch.sigmoid(fake).item())
    assert slopes[1] == pytest.approx(-1, abs=1e-4)


def test_the_remaining_losses_are_their_formulas():
    real, fake = torch.tensor([2.0, 0.5]), torch.tensor([-2.0, 0.5])
    hinge = Hinge().critic(real, fake)
    assert hinge["real"].tolist() == [0.0, 0.5]
    assert hinge["fake"].tolist() == [0.0, 1.5]
    squares = LeastSquares().critic(real, fake)
    assert squares["real"].tolist() == [0.5, 0.125]
    assert squares["fake"].tolist() == [2.0, 0.125]
    assert Wasserstein().critic(real, fake)["wasserstein"].tolist() == [-4.0, 0.0]


def test_relativistic_losses_are_blind_to_a_common_shift():
    real, fake = torch.randn(2, 50)
    for terms, moved in zip(
        (Relativistic().critic(real, fake), Relativistic().generator(fake, lambda: real)),
        (
            Relativistic().critic(real + 3, fake + 3),
            Relativistic().generator(fake + 3, lambda: real + 3),
        ),
    ):
        torch.testing.assert_close(sum(terms.values()), sum(moved.values()))


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_losses_are_records(loss):
    assert decode(encode(loss)) == loss

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
    RelativisticPairs,
    Saturating,
    Smoothed,
    Wasserstein,
    between,
    gradient_norm,
)

LOSSES = [
    Saturating(),
    NonSaturating(),
    Smoothed(0.8),
    LeastSquares(-1, 1, 0),
    Hinge(),
    Wasserstein(),
    Relativistic(),
    Relativistic(Hinge()),
    RelativisticPairs(),
]


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


def test_relativistic_losses_are_of_any_loss():
    """RaHinge and RaLSGAN as their author writes them (arXiv:1807.00734, appendix)."""
    real, fake = torch.randn(2, 50)
    up, down = real - fake.mean(), fake - real.mean()
    hinge = Relativistic(Hinge())
    written = {"real": F.relu(1 - up), "fake": F.relu(1 + down)}
    torch.testing.assert_close(hinge.critic(real, fake), written)
    written = {"real": F.relu(1 - down), "fake": F.relu(1 + up)}
    torch.testing.assert_close(hinge.generator(fake, lambda: real), written)
    squares = Relativistic(LeastSquares(-1, 1, 1)).critic(real, fake)
    torch.testing.assert_close(squares, {"real": (up - 1) ** 2 / 2, "fake": (down + 1) ** 2 / 2})


def test_the_relativistic_loss_of_pairs_is_the_cross_entropy_of_the_difference():
    real, fake = torch.randn(2, 50)
    label = F.binary_cross_entropy_with_logits
    critic = RelativisticPairs().critic(real, fake)
    torch.testing.assert_close(sum(critic.values()).mean(), label(real - fake, torch.ones(50)))
    generator = RelativisticPairs().generator(fake, lambda: real)
    torch.testing.assert_close(sum(generator.values()).mean(), label(fake - real, torch.ones(50)))
    wasserstein = RelativisticPairs(Wasserstein()).critic(real, fake)["wasserstein"]
    torch.testing.assert_close(wasserstein, fake - real)


def two_gaussians():
    """Masses of N(0, 1) and N(1, 1.2^2) on a grid that both are summed over."""
    x = torch.linspace(-10, 12, 4_001, dtype=torch.float64)
    p, q = (torch.distributions.Normal(m, s).log_prob(x).exp() for m, s in ((0.0, 1.0), (1.0, 1.2)))
    return p / p.sum(), q / q.sum()


def slope_at(loss, scores, p, q):
    """The gradient of the critic's expected loss in its scores on the grid."""
    scores = scores.clone().requires_grad_()
    terms = loss.critic(scores, scores)
    total = (p * terms["real"] + q * terms["fake"]).sum()
    return torch.autograd.grad(total, scores)[0]


@pytest.mark.parametrize(("a", "b"), [(0.0, 1.0), (-1.0, 1.0), (0.3, -2.0)])
def test_the_best_least_squares_critic_is_the_papers(a, b):
    p, q = two_gaussians()
    best = (b * p + a * q) / (p + q)
    assert slope_at(LeastSquares(a, b), best, p, q).abs().max() < 1e-15


def test_a_generator_of_least_squares_minimises_pearsons_chi_square():
    p, q = two_gaussians()
    loss = LeastSquares(a=-1, b=1, c=0)
    best = (p - q) / (p + q)
    value = ((p + q) * loss.generator(best, lambda: best)["fake"]).sum()
    assert value.item() == pytest.approx(((2 * q - (p + q)) ** 2 / (p + q)).sum().item() / 2)


def test_the_best_smoothed_critic_is_capped():
    p, q = two_gaussians()
    best = torch.logit(0.9 * p / (p + q))
    assert slope_at(Smoothed(0.9), best, p, q).abs().max() < 1e-12
    fake = torch.randn(5)
    torch.testing.assert_close(
        Smoothed(1.0).critic(-fake, fake), NonSaturating().critic(-fake, fake)
    )


@pytest.mark.parametrize("target", [0.0, 1.1, float("nan")])
def test_a_target_that_is_no_probability_is_refused(target):
    with pytest.raises(ValueError, match="probability"):
        Smoothed(target)


@pytest.mark.parametrize("targets", [(1.0, 1.0, 1.0), (0.0, float("nan"), 1.0)])
def test_targets_that_say_nothing_are_refused(targets):
    with pytest.raises(ValueError, match="targets"):
        LeastSquares(*targets)


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_losses_are_records(loss):
    assert decode(encode(loss)) == loss

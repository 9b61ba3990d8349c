"""Gradient estimators against closed forms, autograd through torch's own draws, and each other."""

import math

import numpy as np
import pytest
import torch
from torch.distributions import Independent, MixtureSameFamily, Normal

from pushforward.probability.implicit import MixturePosterior, NormalMixture, followed
from pushforward.theory.gradient_estimators import (
    gamma,
    implicit,
    mixture,
    normal,
    reparametrised,
    score_function,
)

N = 60_000


def vector(*numbers):
    return torch.tensor(numbers, dtype=torch.float64)


def right(gradients, truth):
    """Whether the mean is the closed form, to 4.5 standard errors that are small themselves."""
    error = gradients.std(0) / math.sqrt(len(gradients))
    assert ((gradients.mean(0) - truth).abs() < 4.5 * error + 1e-12).all()
    return gradients.var(0).sum().item()


def square(z):
    return z.square().sum(-1)


def compared(family, phi, truth, distribution=None):
    """The variances of path, score with baseline, and score; every mean is checked."""
    torch.manual_seed(0)
    path = right(reparametrised(family, phi, square, N), truth)
    if distribution is not None:
        again = right(implicit(family, phi, square, N, distribution), truth)
        assert again == pytest.approx(path, rel=0.1)
    plain = right(score_function(family, phi, square, N), truth)
    based = right(score_function(family, phi, square, N, baseline=True), truth)
    assert path < based < plain
    return path, based, plain


def test_normal():
    """d E z^2 = (2 m, 2 s^2) for (m, log s)."""
    phi = vector(1.5, math.log(0.7))
    truth = vector(2 * 1.5, 2 * 0.7**2)

    def distribution(own, z):
        return torch.special.ndtr((z - own[:, :1]) / own[:, 1:].exp())

    path, _, plain = compared(normal, phi, truth, distribution)
    # Var(2 z) + Var(2 z s eps), with z = m + s eps and Var(m eps + s eps^2) = m^2 + 2 s^2
    exact = 4 * 0.7**2 + 4 * 0.7**2 * (1.5**2 + 2 * 0.7**2)
    assert path == pytest.approx(exact, rel=0.05)
    assert plain > 4 * path


def test_the_baseline_is_the_mean_of_the_other_draws():
    """By hand: (f_i - sum_{j != i} f_j / (n - 1)) times the normal's score at z_i."""
    phi, n = torch.tensor([0.4, -0.3], dtype=torch.float64), 3
    torch.manual_seed(1)
    found = score_function(normal, phi, lambda z: z.exp().sum(-1), n, baseline=True)
    torch.manual_seed(1)
    z = normal(phi.expand(n, -1)).sample()[:, 0].numpy()
    mean, scale = 0.4, math.exp(-0.3)
    for i in range(n):
        others = np.delete(np.exp(z), i).mean()
        score = [(z[i] - mean) / scale**2, ((z[i] - mean) / scale) ** 2 - 1]
        assert found[i].numpy() == pytest.approx((math.exp(z[i]) - others) * np.array(score))


def test_gamma():
    """E z^2 = a (a + 1), so that d/dlog a is a (2 a + 1)."""
    compared(gamma, vector(math.log(2.5)), vector(2.5 * (2 * 2.5 + 1)))


def test_mixture():
    """E z^2 = sum_k w_k (m_k^2 + s_k^2), with all five parameters."""
    phi = vector(0.4, -1.0, 2.0, -0.3, 0.2)
    own = phi.clone().requires_grad_()
    share = own[0].sigmoid()
    weights = torch.stack([1 - share, share])
    moment = (weights * (own[1:3].square() + (2 * own[3:]).exp())).sum()
    (truth,) = torch.autograd.grad(moment, own)
    path, based, _ = compared(mixture, phi, truth)
    assert based > 2 * path


def test_implicit_gradient_of_one_normal_is_the_explicit_one():
    mean, scale = vector(0.3, -1.0).requires_grad_(), vector(0.5, 2.0).requires_grad_()
    q = NormalMixture(torch.zeros(1).double(), mean[None], scale[None])
    torch.manual_seed(0)
    z = q.rsample((7,))
    eps = ((z - mean) / scale).detach()
    slope = torch.randn(7, 2, dtype=torch.float64)
    ours = torch.autograd.grad((slope * z).sum(), (mean, scale))
    explicit = torch.autograd.grad((slope * (mean + scale * eps)).sum(), (mean, scale))
    assert all(torch.allclose(a, b) for a, b in zip(ours, explicit))


def test_following_a_truncated_normal_is_its_inverse_distribution_function():
    own = vector(0.4).requires_grad_()
    below, above = (torch.special.ndtr(edge - own) for edge in (0.0, 1.0))
    u = torch.linspace(0.05, 0.95, 9, dtype=torch.float64)
    explicit = own + torch.special.ndtri(below + u * (above - below))
    z = explicit.detach()
    uniform = (torch.special.ndtr(z - own) - below) / (above - below)
    density = Normal(own, 1.0).log_prob(z).exp() / (above - below)
    ours = followed(z, uniform, density)
    for a, b in zip(ours, explicit):
        one, other = (torch.autograd.grad(t, own, retain_graph=True)[0] for t in (a, b))
        assert one.item() == pytest.approx(other.item())


def correlated(own):
    """Two components over three numbers that depend on each other through the choice."""
    logits, means, log_scales = own.split((2, 6, 6))
    return NormalMixture(logits, means.view(2, 3), log_scales.view(2, 3).exp())


def test_dimensions_of_a_mixture_move_together():
    """d E[z_0 z_1 z_2] needs the draws' noise to be held fixed in all dimensions at once."""
    torch.manual_seed(1)
    own = torch.randn(14, dtype=torch.float64).requires_grad_()
    weights = own[:2].softmax(0)
    truth = torch.autograd.grad((weights * own[2:8].view(2, 3).prod(1)).sum(), own)[0]
    parts = []
    for _ in range(60):
        z = correlated(own).rsample((2_000,))
        parts.append(torch.autograd.grad(z.prod(-1).mean(), own)[0])
    variance = right(torch.stack(parts), truth)
    assert truth.abs().max() > 0.2 > 10 * math.sqrt(variance / 60)


def test_mixture_agrees_with_torch():
    own = torch.randn(14, dtype=torch.float64)
    q = correlated(own)
    theirs = MixtureSameFamily(
        torch.distributions.Categorical(logits=q.log_weights),
        Independent(Normal(q.means, q.scales), 1),
    )
    z = theirs.sample((9,))
    assert torch.allclose(q.log_prob(z), theirs.log_prob(z))
    assert torch.allclose(q.mean, theirs.mean)
    assert torch.allclose(q.variance, theirs.variance)
    torch.manual_seed(0)
    many = q.sample((40_000,))
    assert torch.allclose(many.mean(0), theirs.mean, atol=0.08)
    assert torch.allclose(many.var(0), theirs.variance, rtol=0.05)


def test_posterior_head_has_batches_and_modes():
    torch.manual_seed(0)
    head = MixturePosterior(3, components=4).double()
    q = head(torch.randn(5, head.outputs, dtype=torch.float64))
    z = q.rsample((2,))
    assert z.shape == (2, 5, 3)
    assert q.log_prob(z).shape == (2, 5)
    assert q.means[0].unique(dim=0).shape[0] == 4


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: score_function(normal, vector(0, 0), square, 1), "n must be"),
        (lambda: reparametrised(normal, vector(0, 0), square, 0), "n must be"),
        (lambda: reparametrised(normal, torch.zeros(2, 2), square, 5), "must be a vector"),
        (
            lambda: reparametrised(
                lambda p: torch.distributions.Poisson(p.exp()), vector(0.0), square, 5
            ),
            "take the score function",
        ),
        (lambda: MixturePosterior(2, 0), "components must be"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()

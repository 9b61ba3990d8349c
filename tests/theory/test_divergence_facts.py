"""What lecture 1 proves of expectations, divergences and tables, by enumeration and quadrature."""

import itertools
import math

import numpy as np
import pytest
import torch
from scipy import integrate, optimize, stats
from torch.distributions import Normal

from pushforward.objectives import f_divergences as fd
from pushforward.objectives.alpha import alpha_divergence
from pushforward.objectives.quadrature import divergence_on_line, integral
from pushforward.theory import factorised_table, full_table, histogram, seen_share, window_table
from pushforward.theory.histograms import squared_error_bound

PROPER = [f for f in fd.F_DIVERGENCES if f is not fd.GAN] + [alpha_divergence(0.3)]


def simplex(*shape):
    return torch.distributions.Dirichlet(torch.ones(shape[-1]).double()).sample(shape[:-1])


def test_law_of_the_unconscious_statistician():
    """E g(X) by X's density, and by the density of Y = g(X), which scipy knows: Y is log-normal."""
    by_x, _ = integrate.quad(lambda x: math.sin(math.exp(x)) * stats.norm.pdf(x), -8, 4, limit=500)
    by_y, _ = integrate.quad(lambda y: math.sin(y) * stats.lognorm.pdf(y, 1), 0, 60, limit=500)
    assert by_x == pytest.approx(by_y, abs=1e-4)


def test_kl_is_not_negative_and_zero_only_at_equality():
    p, q = simplex(200, 5), simplex(200, 5)
    assert (fd.KL.discrete(p, q) > 0).all()
    torch.testing.assert_close(fd.KL.discrete(p, p), torch.zeros(200).double())
    expected = stats.entropy(p.numpy(), q.numpy(), axis=1)
    np.testing.assert_allclose(fd.KL.discrete(p, q), expected)


def test_maximum_likelihood_ranks_models_as_the_forward_kl_does():
    """The mean negative log-likelihood less KL(p_hat || q) is the same number for every q."""
    x = torch.randint(4, (60,))
    p_hat = torch.bincount(x, minlength=4).double() / 60
    models = simplex(50, 4)
    nll = -models.log()[:, x].mean(1)
    gaps = nll - fd.KL.discrete(p_hat.expand(50, -1), models)
    torch.testing.assert_close(gaps, gaps[:1].expand(50))
    assert gaps[0].item() == pytest.approx(stats.entropy(p_hat.numpy()))


def test_excess_likelihood_of_counted_tables():
    """E KL(p || p_hat) -> (K - 1) / 2n, where p_hat are counts with Laplace's rule."""
    p, n = simplex(6) * 0.5 + 0.5 / 6, 4_000
    counts = torch.distributions.Multinomial(n, p).sample((2_000,))
    p_hat = (counts + 1) / (n + 6)
    kl = fd.KL.discrete(p.expand(2_000, -1), p_hat)
    assert kl.mean().item() == pytest.approx(5 / (2 * n), rel=0.1)


def test_kl_of_a_joint_is_the_sum_along_the_chain():
    p, q = (simplex(12).view(3, 4) for _ in "pq")
    marginal = fd.KL.discrete(p.sum(1), q.sum(1))
    rows_p, rows_q = (t / t.sum(1, keepdim=True) for t in (p, q))
    given = (p.sum(1) * fd.KL.discrete(rows_p, rows_q)).sum()
    torch.testing.assert_close(fd.KL.discrete(p.flatten(), q.flatten()), marginal + given)


@pytest.mark.parametrize("divergence", PROPER, ids=lambda f: f.name)
def test_affine_parts_change_nothing(divergence):
    """f and f + c (u - 1) are one divergence, and none is negative."""
    p, q = simplex(100, 5), simplex(100, 5)
    u = p / q
    moved = (q * (divergence.generator(u) + 3.7 * (u - 1))).sum(-1)
    torch.testing.assert_close(moved, divergence.discrete(p, q))
    assert (moved > -1e-12).all()


@pytest.mark.parametrize("divergence", PROPER, ids=lambda f: f.name)
def test_processing_data_brings_them_nearer(divergence):
    """No channel K makes D_f larger; one that merely renames outcomes keeps it."""
    p, q, channel = simplex(100, 6), simplex(100, 6), simplex(6, 4)
    before = divergence.discrete(p, q)
    assert (divergence.discrete(p @ channel, q @ channel) <= before + 1e-12).all()
    order = torch.randperm(6)
    torch.testing.assert_close(divergence.discrete(p[:, order], q[:, order]), before)


def test_pinsker():
    p, q = simplex(1_000, 3), simplex(1_000, 3)
    tv = fd.TOTAL_VARIATION.discrete(p, q)
    assert (tv**2 <= fd.KL.discrete(p, q) / 2 + 1e-12).all()
    # The constant is the best: near equality the two sides meet.
    half, near = torch.tensor([[0.5, 0.5], [0.5 + 1e-3, 0.5 - 1e-3]]).double()
    ratio = fd.KL.discrete(near, half) / 2 / fd.TOTAL_VARIATION.discrete(near, half) ** 2
    assert ratio.item() == pytest.approx(1, abs=1e-4)


def test_forward_kl_forces_mass_and_reverse_forbids_it():
    """q(A) >= exp(-(KL(p || q) + log 2) / p(A)) for any event, and with p and q changed."""
    for p, q in zip(simplex(50, 4), simplex(50, 4) ** 6):
        q = q / q.sum()
        forward, reverse = fd.KL.discrete(p, q), fd.REVERSE_KL.discrete(p, q)
        for event in itertools.product([False, True], repeat=4):
            a = torch.tensor(event)
            p_a, q_a = p[a].sum(), q[a].sum()
            if any(event):
                assert q_a >= torch.exp(-(forward + math.log(2)) / p_a) - 1e-12
                assert p_a >= torch.exp(-(reverse + math.log(2)) / q_a) - 1e-12


@pytest.mark.parametrize("gap", [1.0, 2.0, 4.0, 8.0])
def test_a_mode_costs_log_two_and_covering_costs_the_more_the_farther(gap):
    """The bounds of lecture 1 on both KLs of both fits to two bumps at -gap and gap."""
    one = torch.tensor(1.0).double()

    def log_p(x):
        parts = torch.stack(
            [Normal(-gap * one, one).log_prob(x), Normal(gap * one, one).log_prob(x)]
        )
        return parts.logsumexp(0) - math.log(2)

    def both(mean, scale):
        q = Normal(mean * one, scale * one)
        return [
            divergence_on_line(d, log_p, q.log_prob, -60, 60).item() for d in (fd.KL, fd.REVERSE_KL)
        ]

    (on_mode, seeking), (covering, covered) = both(gap, 1.0), both(0.0, math.sqrt(1 + gap**2))
    assert seeking <= math.log(2)
    assert on_mode >= gap**2 - math.log(2)
    assert covering <= math.log(1 + gap**2) / 2
    spread = math.sqrt(2 / math.pi) * gap * math.sqrt(1 + gap**2)
    assert covered >= gap**2 - spread - math.log(1 + gap**2) / 2


def test_the_worst_step_of_a_linear_classifier():
    """max over |d|_inf <= e of w.d is e |w|_1, reached at e sign(w): every corner of the cube."""
    w = torch.randn(7).double()
    corners = torch.tensor(list(itertools.product([-0.2, 0.2], repeat=7))).double()
    moves = corners @ w
    assert moves.max().item() == pytest.approx(0.2 * w.abs().sum().item())
    torch.testing.assert_close(corners[moves.argmax()], 0.2 * w.sign())


def test_bayes_rule_makes_the_fewest_mistakes():
    joint = simplex(12).view(4, 3)
    best = joint.max(1).values.sum()
    rules = itertools.product(range(3), repeat=4)
    right = [joint[range(4), list(rule)].sum() for rule in rules]
    assert max(right).item() == pytest.approx(best.item())


def test_histogram_is_the_maximum_of_the_likelihood_and_numpys():
    x = torch.rand(500, 2).double() ** 2
    heights = histogram(x, 4)
    expected, *_ = np.histogramdd(x.numpy(), bins=4, range=[(0, 1)] * 2, density=True)
    np.testing.assert_allclose(heights, expected)
    counts = torch.bincount((x[:, 0] * 4).long(), minlength=4).double()
    found = optimize.minimize(
        lambda t: -(counts * torch.log_softmax(torch.tensor(t), 0)).sum().item(), np.zeros(4)
    )
    np.testing.assert_allclose(
        4 * torch.softmax(torch.tensor(found.x), 0), histogram(x[:, :1], 4), atol=1e-3
    )


@pytest.mark.parametrize(("n", "bins"), [(50, 5), (500, 5), (5_000, 40)])
def test_error_of_a_histogram_is_under_its_bound(n, bins):
    """p(x) = 1/2 + x on [0, 1]: the expected error is exact, sum_j P_j (1 - P_j) / (n h) + bias."""
    h = 1 / bins
    edges = torch.linspace(0, 1, bins + 1).double()
    mass = edges.diff() / 2 + (edges[1:] ** 2 - edges[:-1] ** 2) / 2
    variance = (mass * (1 - mass) / (n * h)).sum()
    bias = integral(lambda x: (0.5 + x - mass[(x * bins).long()] / h) ** 2, 0, 1, bins * 8)
    exact = (variance + bias).item()
    assert exact <= squared_error_bound(n, bins, 1, 1.0)
    drawn = (2 * torch.rand(400, n).double() + 0.25).sqrt() - 0.5  # by the inverse of x/2 + x^2/2
    heights = torch.stack([histogram(x[:, None].clamp(0, 1), bins) for x in drawn])
    within = ((heights - mass / h) ** 2).sum(1).mean() * h
    assert within.item() == pytest.approx(variance.item(), rel=0.25)


@pytest.mark.parametrize("values", [[2, 2, 2], [3, 2, 4]])
def test_tables_hold_as_many_numbers_as_are_free(values):
    """The rank of what can be changed: probabilities of a table, of rows of conditional tables."""
    assert full_table(values) == math.prod(values) - 1
    assert factorised_table(values) == sum(values) - len(values)
    rows = [
        len(list(itertools.product(*(range(k) for k in values[max(0, d - 1) : d]))))
        for d in range(len(values))
    ]
    assert window_table(values, 1) == sum(r * (k - 1) for r, k in zip(rows, values))
    assert window_table(values, 0) == factorised_table(values)
    assert window_table(values, len(values)) == full_table(values)


def test_share_of_cells_that_are_seen():
    """By all draws of 3 from 4 cells, one by one."""
    seen = [len(set(draw)) / 4 for draw in itertools.product(range(4), repeat=3)]
    assert seen_share(4, 3) == pytest.approx(sum(seen) / len(seen))
    assert seen_share(10**30, 1_000) <= 1_000 / 10**30
    assert seen_share(1, 0) == 0
    assert seen_share(1, 1) == 1


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="window"):
        window_table([2, 2], -1)
    with pytest.raises(ValueError, match="values"):
        full_table([2, 0])
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        histogram(torch.tensor([[1.5]]), 3)

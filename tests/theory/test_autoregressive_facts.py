"""What lecture 2 proves of masks, heads, beliefs and mixtures, by enumeration and autograd."""

import itertools
import math

import pytest
import torch
from scipy import integrate, stats
from torch import nn

from pushforward.probability.discretized import DiscretizedLogistic
from pushforward.theory import degree_masks, path_counts


def some_masks(dims=4, width=6, layers=2):
    hidden = [torch.randint(1, dims, (width,)) for _ in range(layers)]
    order = torch.arange(1, dims + 1)
    return degree_masks([order, *hidden, order])


def test_product_of_masks_counts_the_paths():
    masks = some_masks()
    counted = torch.zeros(4, 4, dtype=torch.int64)
    for e, a, b, d in itertools.product(range(4), range(6), range(6), range(4)):
        counted[d, e] += masks[0][a, e] * masks[1][b, a] * masks[2][d, b]
    assert torch.equal(path_counts(masks), counted)
    assert torch.equal(counted, counted.tril(-1))


def test_no_path_no_derivative():
    """The Jacobian of a network with these masks is zero where there is no path, else not."""
    masks = some_masks()
    layers = [nn.Linear(m.shape[1], m.shape[0]).double() for m in masks]

    def network(x):
        for layer, mask in zip(layers, masks):
            x = torch.tanh(nn.functional.linear(x, layer.weight * mask, layer.bias))
        return x

    jacobian = torch.autograd.functional.jacobian(network, torch.randn(4).double())
    assert torch.equal(jacobian != 0, path_counts(masks) > 0)


def test_masks_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="at least one"):
        path_counts([])
    with pytest.raises(ValueError, match="follows 3"):
        path_counts([torch.ones(3, 2), torch.ones(2, 4)])


@pytest.mark.parametrize(("kernel", "dilations"), [(2, (1, 2, 4, 8)), (3, (1, 3, 9))])
def test_dilated_convolutions_see_so_far(kernel, dilations):
    """1 + (k - 1) sum of dilations, and nothing between is left out for dilations k^i."""
    reach = {0}
    for d in dilations:
        reach = {r + t * d for r in reach for t in range(kernel)}
    assert reach == set(range(1 + (kernel - 1) * sum(dilations)))
    assert len(reach) == kernel ** len(dilations)


@pytest.mark.parametrize("scale", [0.02, 0.3])
def test_neighbouring_values_share_their_probability_under_logistics(scale):
    """|log P(v + 1) - log P(v)| <= bin / s for inner values: of one logistic, and of a mixture."""
    head = DiscretizedLogistic(
        torch.randn(40, 1).double(), torch.full((40, 1), math.log(scale)).double()
    )
    values = torch.arange(1, 255)
    log_p = head.log_prob(values.expand(40, -1))
    step = 2 / 255 / scale
    assert log_p.diff(dim=1).abs().max() <= step * (1 + 1e-6)
    mixed = log_p.view(8, 5, -1).logsumexp(1)
    assert mixed.diff(dim=1).abs().max() <= step * (1 + 1e-6)


def test_covariance_of_a_mixture():
    """Cov x = E Cov(x | z) + Cov E(x | z): parts without correlation make a whole with one."""
    weights = torch.tensor([0.2, 0.3, 0.5]).double()
    means, scales = torch.randn(3, 2).double(), torch.rand(3, 2).double() + 0.1
    within = (weights[:, None] * scales**2).sum(0).diag()
    centred = means - weights @ means
    between = centred.T @ (weights[:, None] * centred)
    moments = torch.zeros(2, 2).double()
    for w, m, s in zip(weights, means, scales):
        moments += w * (torch.outer(m, m) + (s**2).diag())
    mean = weights @ means
    torch.testing.assert_close(within + between, moments - torch.outer(mean, mean))
    assert between[0, 1].abs() > 1e-3


@pytest.mark.parametrize("sigma", [0.02, 0.005])
def test_the_best_narrow_gaussian_sits_at_the_mode(sigma):
    """argmin_m KL(N(m, sigma^2) || posterior) nears the mode like sigma^2, here of a Beta."""
    posterior = stats.beta(4, 9)
    mode = 3 / 11

    def energy(m):
        def integrand(t):
            return stats.norm.pdf(t) * -posterior.logpdf(m + sigma * t)

        return integrate.quad(integrand, -6, 6)[0]

    grid = torch.linspace(mode - 0.03, mode + 0.03, 121).double()
    best = grid[torch.tensor([energy(m.item()) for m in grid]).argmin()].item()
    assert abs(best - mode) <= 12 * sigma**2 + 3e-4
    assert abs(mode - posterior.mean()) > 0.02


def test_the_mode_depends_on_the_scale_that_one_looks_at():
    """The mode of theta ~ Beta(a, b), and of its logit: (a - 1)/(a + b - 2) and a/(a + b)."""
    a, b = 4.0, 9.0
    theta = torch.linspace(0.01, 0.99, 9_801).double()
    density = torch.distributions.Beta(torch.tensor(a).double(), torch.tensor(b).double())
    log_p = density.log_prob(theta)
    of_logit = log_p + theta.log() + (1 - theta).log()
    assert theta[log_p.argmax()].item() == pytest.approx((a - 1) / (a + b - 2), abs=1e-3)
    assert theta[of_logit.argmax()].item() == pytest.approx(a / (a + b), abs=1e-3)


def test_a_mixture_of_models_is_at_least_as_likely_as_they_are_on_average():
    log_p = torch.randn(7, 30).double()
    mixture = log_p.logsumexp(0) - math.log(7)
    assert (mixture >= log_p.mean(0)).all()
    assert (mixture >= log_p.max(0).values - math.log(7)).all()

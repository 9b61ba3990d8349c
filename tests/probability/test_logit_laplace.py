"""The logit-Laplace likelihood: against scipy, by quadrature, in bins, and in decoders."""

import math

import numpy as np
import pytest
import torch
from scipy import integrate, stats

import pushforward as pf
from pushforward.models.latent.vae import encoder_for
from pushforward.probability.decoders import Decoder
from pushforward.probability.logit_laplace import (
    DiscretizedLogitLaplace,
    LogitLaplace,
    LogitLaplaceHead,
)
from pushforward.probability.pathwise import pathwise

LOCS = torch.tensor([-30.0, -2.3, -0.4, 0.0, 1.0, 2.1972, 30.0], dtype=torch.float64)
SCALES = torch.logspace(-4, 3, 15, dtype=torch.float64)


def every(levels):
    return torch.arange(levels, dtype=torch.uint8)[:, None, None]


def phi(x, levels, eps=0.1):
    return eps + (1 - 2 * eps) * x / (levels - 1)


def test_the_density_is_a_laplaces_of_the_logit_and_integrates_to_one():
    y = np.linspace(0.01, 0.99, 99)
    for loc, scale in ((0.0, 1.0), (-1.5, 0.3), (2.0, 0.7)):
        given = LogitLaplace(*torch.tensor([loc, scale], dtype=torch.float64))
        found = given.log_prob(torch.from_numpy(y)).exp().numpy()
        logit = np.log(y) - np.log1p(-y)
        wanted = stats.laplace(loc, scale).pdf(logit) / (y * (1 - y))
        np.testing.assert_allclose(found, wanted, rtol=1e-10)

        def density(t, d=given):
            return d.log_prob(torch.tensor(t).double()).exp().item()

        peak = 1 / (1 + math.exp(-loc))
        parts = [integrate.quad(density, *ends, epsabs=1e-7)[0] for ends in ((0, peak), (peak, 1))]
        assert sum(parts) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("eps", [0.0, 0.1, 0.3])
@pytest.mark.parametrize("levels", [2, 17, 256])
def test_a_bin_owns_what_scipy_finds_in_it(levels, eps):
    given = DiscretizedLogitLaplace(LOCS[:, None], SCALES.log(), levels, eps)
    found = given.log_prob(every(levels)).exp()
    middles = phi(np.arange(1, levels) - 0.5, levels, eps)
    edges = np.log(middles) - np.log1p(-middles)
    edges = np.concatenate([[-math.inf], edges, [math.inf]])[:, None, None]
    with_scipy = stats.laplace(LOCS[:, None].numpy(), SCALES.numpy())
    up, down = with_scipy.cdf(edges), with_scipy.sf(edges)
    mass = torch.from_numpy((up[1:] - up[:-1]).clip(down[:-1] - down[1:]))
    torch.testing.assert_close(found, mass, rtol=1e-8, atol=1e-14)
    torch.testing.assert_close(found.sum(0), torch.ones(7, 15).double())


def test_what_the_paper_minimises_is_the_middle_point_and_its_mean_over_noise_a_bound():
    levels, eps = 64, 0.1
    loc, scale = torch.tensor([0.6, 0.4], dtype=torch.float64)
    binned = DiscretizedLogitLaplace(loc, scale.log(), levels, eps)
    density = LogitLaplace(loc, scale)
    per_unit = math.log((1 - 2 * eps) / (levels - 1))
    x = torch.arange(1, levels - 1).double()
    middle = density.log_prob(phi(x, levels, eps)) + per_unit
    exact = binned.log_prob(x)
    peak = binned.mode.item()
    smooth = (x - peak).abs() > 1
    torch.testing.assert_close(middle[smooth], exact[smooth], rtol=0, atol=2e-3)
    u = (torch.arange(1_000).double() + 0.5) / 1_000 - 0.5
    noisy = density.log_prob(phi(x[:, None] + u, levels, eps)).mean(1) + per_unit
    assert (noisy <= exact).all()
    assert (middle > exact).any()  # so that the paper's number bounds nothing
    for k in (5, peak, 40):

        def pdf(y):
            return density.log_prob(torch.tensor(y).double()).exp().item()

        ends = [phi(k + side, levels, eps) for side in (-0.5, 0.5)]
        mass = integrate.quad(pdf, *ends, points=[1 / (1 + math.exp(-0.6))])[0]
        assert binned.log_prob(torch.tensor(k)).exp().item() == pytest.approx(mass, rel=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("levels", [2, 256])
def test_finite_and_normalised_at_every_scale(dtype, levels):
    locs, logs = LOCS[:, None].to(dtype), SCALES.log().to(dtype)
    locs.requires_grad_(), logs.requires_grad_()
    log_prob = DiscretizedLogitLaplace(locs, logs, levels).log_prob(every(levels))
    assert log_prob.dtype == torch.float32
    assert log_prob.isfinite().all()
    torch.testing.assert_close(log_prob.exp().sum(0), torch.ones(7, 15), rtol=0, atol=2e-4)
    log_prob.sum().backward()
    assert locs.grad.isfinite().all()
    assert logs.grad.isfinite().all()


def test_gradients_are_those_of_differences():
    torch.manual_seed(0)
    loc = torch.randn(40).double().requires_grad_()
    log_scale = torch.randn(40).double().requires_grad_()
    x = torch.arange(40) % 9

    def log_prob(m, s):
        return DiscretizedLogitLaplace(m, s, 9).log_prob(x)

    assert torch.autograd.gradcheck(log_prob, (loc, log_scale))


def test_mean_and_draws_follow_the_mass():
    torch.manual_seed(0)
    n, x = 20_000, torch.arange(17)[:, None]
    given = DiscretizedLogitLaplace(torch.tensor([-1.9, 0.5]), torch.tensor([-1.0, 0.4]), 17)
    mass = given.log_prob(x).exp()
    torch.testing.assert_close(given.mean, (mass * x).sum(0))
    space = pf.Pixels(1, 1, 1, 17)
    smooth = DiscretizedLogitLaplace(given.loc.expand(n, 2), given.log_scale.expand(n, 2), 17)
    for drawn in (given.sample((n,)), space.from_signed(pathwise(smooth, space))):
        assert drawn.dtype == torch.uint8
        for i in range(2):
            counts = drawn[:, i].long().bincount(minlength=17).double()
            chi2 = ((counts - n * mass[:, i]) ** 2 / (n * mass[:, i])).sum().item()
            assert chi2 < stats.chi2(16).ppf(0.9999)


def test_the_mode_is_the_papers_reconstruction():
    """phi backwards of the sigmoid."""
    loc = torch.linspace(-4, 4, 33).double()
    wanted = ((loc.sigmoid() - 0.1) / 0.8 * 255).round().clamp(0, 255)
    assert torch.equal(DiscretizedLogitLaplace(loc, loc * 0).mode.double(), wanted)


def test_margins_and_spaces_that_do_not_fit_are_refused():
    for eps in (-0.1, 0.5, math.nan):
        with pytest.raises(ValueError, match="eps must be"):
            LogitLaplaceHead(256, eps)
    with pytest.raises(ValueError, match="does not describe"):
        LogitLaplaceHead(17).check(pf.Pixels(1, 2, 2, 256))


def test_every_decoder_takes_it():
    torch.manual_seed(0)
    space = pf.Pixels(1, 4, 4, 5)
    head = LogitLaplaceHead(5)
    decoder = Decoder(torch.nn.Linear(3, 2 * space.dims), space, head)
    adversary = pf.Adversary(pf.PatchCritic(1, 4, 1), start=0.0)
    models = [
        pf.VAE(encoder_for(space, 3), decoder),
        pf.DVAE(space, 8, 8, 1, 1, head=head),
        pf.GumbelSoftmaxVAE(space, 4, 4, 16, head=head),
        pf.VQVAE(space, pf.VectorQuantiser(8, 4), 8, 1, 1, head=head, adversary=adversary),
    ]
    x = torch.randint(5, (6, 1, 4, 4), dtype=torch.uint8)
    for model in models:
        assert all(term.isfinite().all() for term in model.loss(x).values())
        assert model.elbo(x).isfinite().all()
        space.check(model.sample(3))

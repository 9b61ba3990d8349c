"""VDM on Gaussian data, where the bound is known in closed form."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Tensor

from pushforward.core.blueprint import Component
from pushforward.core.spaces import Pixels, Reals
from pushforward.models.score.vdm import VDM
from pushforward.nn.fourier import FourierInput
from pushforward.nn.unet import UNet
from pushforward.probability.learned_noise import LearnedNoise

MEAN, STD, LEAST, MOST = 0.5, 0.7, -5.0, 4.0


class BestEps(Component):
    """E[eps | z] for data N(MEAN, STD^2)."""

    def forward(self, z: Tensor, time: Tensor) -> Tensor:
        """Of z (batch, 1)."""
        gamma = (LEAST + (MOST - LEAST) * time)[:, None]
        alpha, sigma = (-gamma).sigmoid().sqrt(), gamma.sigmoid().sqrt()
        return sigma * (z - alpha * MEAN) / (alpha**2 * STD**2 + sigma**2)


def oracle(sigmoids: int = 5, steps: int | None = None, bent: float = 0.0) -> VDM:
    model = VDM(Reals((1,)), BestEps(), LearnedNoise(LEAST, MOST, sigmoids), steps).double()
    if sigmoids:
        model.shape.height.data += bent * torch.arange(sigmoids)
    return model


def snr(gamma: float) -> float:
    return math.exp(-gamma)


def diffusion_by_quadrature(model: VDM, times: np.ndarray, weights: np.ndarray) -> float:
    """Gauss-Hermite in x and eps: exact, since the term is quadratic in both."""
    nodes, masses = np.polynomial.hermite_e.hermegauss(4)
    masses = masses / masses.sum()
    t, x, eps = (torch.tensor(v) for v in np.meshgrid(times, nodes, nodes, indexing="ij"))
    mass = torch.tensor(np.einsum("i,j,k->ijk", weights, masses, masses)).flatten()
    data = (MEAN + STD * x).view(-1, 1)
    with torch.no_grad():
        return (mass * model.diffusion_loss(data, t.flatten(), eps.reshape(-1, 1))).sum().item()


def continuous(model: VDM) -> float:
    nodes, weights = np.polynomial.legendre.leggauss(200)
    return diffusion_by_quadrature(model, (nodes + 1) / 2, weights / 2)


KNOWN = 0.5 * math.log((1 + STD**2 * snr(LEAST)) / (1 + STD**2 * snr(MOST)))


@pytest.mark.parametrize("bent", [0.0, 0.7, -1.0])
def test_the_continuous_bound_is_the_closed_form_whatever_the_schedule(bent: float) -> None:
    assert continuous(oracle(bent=bent)) == pytest.approx(KNOWN, abs=1e-8)


def test_a_chain_costs_its_riemann_sum_and_comes_down_to_continuous_time() -> None:
    costs = []
    for steps in (4, 16, 256):
        gammas = np.linspace(LEAST, MOST, steps + 1)
        known = sum(
            0.5 * (snr(s) - snr(t)) * STD**2 / (1 + STD**2 * snr(t)) for s, t in pairwise(gammas)
        )
        model, times = oracle(0, steps), np.arange(1, steps + 1) / steps
        costs.append(diffusion_by_quadrature(model, times, np.full(steps, 1 / steps)))
        assert costs[-1] == pytest.approx(known, rel=1e-6)  # the ends start as float32
    assert costs[0] > costs[1] > costs[2] > KNOWN
    assert costs[2] == pytest.approx(KNOWN, rel=0.02)


@pytest.mark.parametrize("samples", [1, 3])
def test_the_drawn_bound_has_the_closed_form_as_its_mean(samples: int) -> None:
    torch.manual_seed(0)
    x = MEAN + STD * torch.randn(40_000, 1, dtype=torch.float64)
    alpha2, sigma2 = 1 / (1 + math.exp(MOST)), 1 / (1 + math.exp(-MOST))
    prior = (alpha2 * (STD**2 + MEAN**2) + sigma2 - 1 - math.log(sigma2)) / 2
    known = KNOWN + prior + (1 + math.log(2 * math.pi) + LEAST) / 2
    drawn = -oracle(bent=0.5).elbo(x, samples=samples)
    error = drawn.std().item() / math.sqrt(len(x))
    assert abs(drawn.mean().item() - known) < 5 * error < 0.1
    assert known > 0.5 * math.log(2 * math.pi * math.e * STD**2)  # the entropy: it is a bound


def test_the_shape_learns_to_vary_less_and_leaves_the_bound_alone() -> None:
    torch.manual_seed(0)
    model = oracle(8)
    x = MEAN + STD * torch.randn(1_024, 1, dtype=torch.float64)
    before = model.spread_of_terms(x)["variance"].mean().item()
    optimizer = torch.optim.Adam(model.shape.parameters(), lr=0.1)
    for _ in range(30):
        optimizer.zero_grad()
        model.spread_of_terms(x)["variance"].mean().backward()
        optimizer.step()
    assert model.spread_of_terms(x)["variance"].mean().item() < 0.95 * before
    assert continuous(model) == pytest.approx(KNOWN, abs=1e-6)


def test_the_slope_is_the_derivative_and_rises() -> None:
    t = torch.linspace(0, 1, 33, dtype=torch.float64, requires_grad=True)
    gamma, slope = oracle(bent=0.6).gamma(t)
    torch.testing.assert_close(slope, torch.autograd.grad(gamma.sum(), t)[0])
    assert (slope > 0).all()
    assert gamma[0].item() == pytest.approx(LEAST)
    assert gamma[-1].item() == pytest.approx(MOST)


def test_the_decoder_of_pixels_is_bayes_rule_over_all_levels() -> None:
    model = VDM(Pixels(1, 1, 1, 5), BestEps(), LearnedNoise(-2.0, MOST)).double()
    values, noise = torch.linspace(-1, 1, 5, dtype=torch.float64), math.exp(-1.0)
    for k in range(5):
        eps = torch.full((1, 1, 1, 1), 0.3, dtype=torch.float64)
        x = torch.full((1, 1, 1, 1), k, dtype=torch.uint8)
        likelihoods = torch.distributions.Normal(values, noise).log_prob(values[k] + noise * 0.3)
        known = -(likelihoods - likelihoods.logsumexp(0))[k]
        torch.testing.assert_close(model.reconstruction(x, eps)[0], known)


def test_players_move_their_own_parts() -> None:
    names = [{id(p) for p in player.module.parameters()} for player in oracle().players()]
    assert len(names) == 2
    assert not names[0] & names[1]
    assert len(oracle(0).players()) == 1


def test_levels_are_found_by_noise() -> None:
    model = oracle(bent=0.4)
    for level in model.levels(7)[:-1]:
        assert model.level_of(level.noise).t == pytest.approx(level.t, abs=1e-6)
    with pytest.raises(ValueError, match="no level"):
        model.level_of(1e9)
    with pytest.raises(ValueError, match="rises"):
        LearnedNoise(3.0, 2.0)


def test_fourier_features_are_sines_beside_the_input() -> None:
    seen = []

    class Watch(Component):
        def forward(self, x: Tensor, t: Tensor) -> Tensor:
            seen.append(x)
            return x[:, :1]

    x = torch.rand(2, 1, 3, 3)
    FourierInput(Watch(), (1, 2))(x, torch.zeros(2))
    expected = [x, *(f(c * np.pi * x) for c in (2, 4) for f in (torch.sin, torch.cos))]
    torch.testing.assert_close(seen[0], torch.cat(expected, 1))
    net = FourierInput(UNet(5, 1, width=8, blocks=1), (1, 2))
    assert net(torch.rand(2, 1, 8, 8), torch.zeros(2)).shape == (2, 1, 8, 8)

"""WGAN-GP: what its critic measures, against integrals worked out by quadrature."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.integrate import quad, trapezoid
from scipy.stats import norm

import pushforward as pf
from pushforward.models.adversarial.wgan_gp import WGANGP
from pushforward.objectives.adversarial import between, gradient_norm


class Shift(pf.Component):
    """G(z) = z - distance: a generator that is a Gaussian already."""

    def __init__(self, distance: float):
        super().__init__()
        self.distance = distance
        self.unused = torch.nn.Parameter(torch.zeros(()))

    def forward(self, z):
        return z - self.distance


class Rising(pf.Component):
    """x + net(x). In one dimension slopes -1 and 1 are parted by the penalty's ridge at 0, so that
    the sign a critic starts with stays.
    """

    def __init__(self, net: pf.Component):
        super().__init__()
        self.net = net

    def forward(self, x):
        return x + self.net(x)


class CriticOnly(WGANGP):
    """Only the critic plays: it measures, and nobody answers."""

    def players(self):
        return super().players()[:1]


def gaussians(n=20_000, seed=0):
    x = torch.randn(n, 1, generator=torch.Generator().manual_seed(seed))
    return pf.Dataset(
        "normal", pf.Reals((1,)), *[pf.Split((part,)) for part in x.split(n // 2)][:1] * 3
    )


def best_estimate(distance, penalty):
    """Max over f of E f(x) - E f(y) - lambda E (f' - 1)^2 is taken at f' = 1 + m / (2 lambda p)."""

    def gain(u):  # m = F_y - F_x: what a slope at u is worth
        return norm.cdf(u + distance) - norm.cdf(u)

    def density(u):  # p: of the points between independent x and y
        t = np.linspace(0, 1, 201)
        return trapezoid(norm.pdf(u, -t * distance, np.sqrt(t**2 + (1 - t) ** 2)), t)

    extra, _ = quad(lambda u: gain(u) ** 2 / density(u), -distance - 5, 5)
    return distance + extra / (2 * penalty)


@pytest.mark.parametrize("distance", [1.0, 2.0])
def test_the_critic_measures_the_wasserstein_distance(distance):
    torch.manual_seed(0)
    critic = Rising(pf.MLP(1, 1, width=32))
    model = CriticOnly(pf.Reals((1,)), Shift(distance), critic, latent=1, turns=1)
    adam = pf.Adam(3e-3, betas=(0, 0.9))
    list(pf.Training(model, gaussians(), pf.Recipe(300, 256, adam, schedule=pf.Cosine())))
    with torch.no_grad():
        measured = -model.critic_loss(torch.randn(200_000, 1))["wasserstein"].mean().item()
    assert measured == pytest.approx(best_estimate(distance, penalty=10.0), rel=0.02)
    assert measured == pytest.approx(distance, rel=0.13)  # W1 itself: a finite lambda overstates
    u = between(torch.randn(2_000, 1), torch.randn(2_000, 1) - distance)
    slopes = gradient_norm(model.critic, u)
    assert 0.95 < slopes.mean() < 1.15
    assert slopes.quantile(0.99) < 1.3


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # torch.compile warns of itself
def test_compiled_training_gives_the_same_losses(monkeypatch):
    """Given the same noise: compiled code has random numbers of its own unless told otherwise."""

    def losses(compiled):
        torch.manual_seed(0)
        model, history = WGANGP(pf.Reals((1,)), latent=2), []
        recipe = pf.Recipe(3, 64, compile=compiled, report_every=1, validate_every=0)
        pf.fit(model, gaussians(), recipe, quiet=True, history=history)
        return [value for report in history for value in report.terms.values()]

    assert losses(compiled=True) == pytest.approx(losses(compiled=False), rel=1e-3, abs=1e-5)


@pytest.mark.parametrize("penalty", [0.0, -1.0, float("nan")])
def test_a_penalty_without_weight_is_refused(penalty):
    with pytest.raises(ValueError, match="penalty"):
        WGANGP(pf.Reals((2,)), penalty=penalty)


@pytest.mark.slow
def test_all_of_25_gaussians_are_covered():
    from pushforward.metrics.mode_counts import modes
    from pushforward.presets.adversarial import wgan_gp_gaussians25

    torch.manual_seed(0)
    experiment = wgan_gp_gaussians25(steps=400)
    centres = 1.5 * torch.cartesian_prod(*[torch.arange(-2.0, 3.0)] * 2)
    before = modes(experiment.model.sample(5_000), centres, 0.45)
    model = pf.fit(experiment.model, experiment.data, experiment.recipe, quiet=True)
    torch.manual_seed(0)
    after = modes(model.sample(5_000), centres, 0.45)
    assert before.covered < 5
    assert after.covered == 25
    assert after.good > 0.32  # a uniform square has 0.28
    assert after.kl_from_even < 0.15

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from gaussian_oracle import MEAN, STD, GaussianEps
from scipy import stats
from torch.distributions import Normal

from pushforward.core.blueprint import Component
from pushforward.core.spaces import Pixels, Reals, Tokens
from pushforward.models.score.ddpm import DDPM, ddpm_images
from pushforward.models.score.parametrisation import (
    LargeVariance,
    LearnedVariance,
    PredictEps,
    PredictV,
    PredictX0,
    SmallVariance,
)
from pushforward.nn.denoiser import TimeMLP
from pushforward.nn.unet import UNet
from pushforward.probability.diffusion_schedules import CosineSchedule, LinearSchedule
from pushforward.probability.discretized_gaussian import discretized_gaussian_log_prob
from pushforward.solvers.diffusion import Level, posterior
from pushforward.solvers.samplers import DDIM


def oracle(steps: int, **options) -> DDPM:
    return DDPM(Reals((2,)), GaussianEps(steps), steps, **options).double()


def test_linear_schedule_is_ddpms():
    betas = np.linspace(1e-4, 0.02, 1000)
    expected = np.concatenate([[1.0], np.cumprod(1 - betas)])
    np.testing.assert_allclose(LinearSchedule().signal(1000).numpy(), expected, rtol=1e-12)


def test_cosine_schedule_is_eq_17():
    t = np.arange(0, 991) / 1000  # later steps are cut off at beta = 0.999
    f = np.cos((t + 0.008) / 1.008 * np.pi / 2) ** 2
    signal = CosineSchedule().signal(1000)
    np.testing.assert_allclose(signal[:991].numpy(), f / f[0], rtol=1e-9)
    assert signal[-1] / signal[-2] == pytest.approx(0.001)


def test_posterior_is_bayes_rule():
    x0, now, after = torch.tensor(0.7).double(), Level(2, 0.6, 0.8), Level(1, 0.9, 0.3)
    x, s = torch.tensor(-0.4).double(), torch.linspace(-2, 2, 9).double()
    ratio = now.alpha / after.alpha
    step = Normal(ratio * s, math.sqrt(now.sigma**2 - (ratio * after.sigma) ** 2))
    bayes = (
        Normal(after.alpha * x0, after.sigma).log_prob(s)
        + step.log_prob(x)
        - Normal(now.alpha * x0, now.sigma).log_prob(x)
    )
    mean, variance = posterior(x, x0, now, after)
    torch.testing.assert_close(Normal(mean, variance**0.5).log_prob(s), bayes)


@pytest.mark.parametrize("levels", [2, 17, 256])
def test_discretized_gaussian_sums_to_one_and_is_scipys(levels):
    x = torch.arange(levels)
    for mean in (-3.0, -0.97, 0.2, 1.0):
        for std in (0.004, 0.1, 3.0):
            ours = discretized_gaussian_log_prob(
                x, *torch.tensor([mean, std], dtype=torch.float64), levels
            )
            assert ours.exp().sum().item() == pytest.approx(1, abs=1e-12)
            centre, half = np.linspace(-1, 1, levels), 1 / (levels - 1)
            edges = np.concatenate([[-np.inf], centre[:-1] + half, [np.inf]])
            mass = np.diff(stats.norm.cdf(edges, mean, std))
            seen = mass > 1e-6
            np.testing.assert_allclose(
                ours.numpy()[seen], np.log(mass[seen]), rtol=1e-7, atol=1e-12
            )


def test_discretized_gaussian_is_finite_with_its_gradient_far_out():
    mean = torch.tensor([-1.0, 1.0], requires_grad=True)
    log_prob = discretized_gaussian_log_prob(torch.tensor([255, 0]), mean, torch.tensor(0.01), 256)
    log_prob.sum().backward()
    np.testing.assert_allclose(
        log_prob.detach(), stats.norm.logcdf([-(2 - 1 / 255) / 0.01] * 2), rtol=1e-5
    )
    assert mean.grad is not None
    assert torch.isfinite(mean.grad).all()


def chain(steps: int, variance: str) -> tuple[np.ndarray, np.ndarray]:
    """Mean and covariance of the first coordinate's (x_T, ..., x_0) under the model."""
    betas = np.linspace(0.1 / steps, 20 / steps, steps).clip(max=0.999)
    abar = np.concatenate([[1.0], np.cumprod(1 - betas)])
    mean, cov = np.zeros(1), np.eye(1)
    for t in range(steps, 0, -1):
        a, b = abar[t], abar[t - 1]
        gain = STD[0] ** 2 * math.sqrt(a) / (a * STD[0] ** 2 + 1 - a)
        shift = MEAN[0] - gain * math.sqrt(a) * MEAN[0]  # x0 = gain x + shift
        from_x0, from_x = math.sqrt(b) * (1 - a / b) / (1 - a), math.sqrt(a / b) * (1 - b) / (1 - a)
        slope, offset = from_x0 * gain + from_x, from_x0 * shift
        tilde = (1 - a / b) * (1 - b) / (1 - a)
        tilde_2 = (1 - abar[2] / abar[1]) * (1 - abar[1]) / (1 - abar[2])
        v = (1 - a / b) if variance == "large" else (tilde if t > 1 else tilde_2)
        row = slope * cov[-1]
        cov = np.block([[cov, row[:, None]], [row[None], np.array([[slope * row[-1] + v]])]])
        mean = np.append(mean, slope * mean[-1] + offset)
    return mean, cov


@pytest.mark.parametrize(
    ("name", "variance"), [("small", SmallVariance()), ("large", LargeVariance())]
)
def test_bound_is_the_gaussian_chains(name, variance):
    """E_q[log p(x_0..T) - log q(x_1..T | x_0)] of the joint Gaussians, by linear algebra."""
    steps, x0 = 6, 0.9
    mean, cov = chain(steps, name)
    betas = np.linspace(0.1 / steps, 20 / steps, steps).clip(max=0.999)
    roots = np.sqrt(np.concatenate([[1.0], np.cumprod(1 - betas)]))[::-1]  # x_T first
    q_mean, q_cov = roots[:-1] * x0, np.zeros((steps, steps))
    for i in range(steps):
        for j in range(i, steps):  # x_i is noisier than x_j
            q_cov[i, j] = q_cov[j, i] = roots[i] / roots[j] * (1 - roots[j] ** 2)
    gap, precision = np.append(q_mean, x0) - mean, np.linalg.inv(cov)
    wide = np.pad(q_cov, ((0, 1), (0, 1)))
    expected_log_p = stats.multivariate_normal(mean, cov).logpdf(mean)
    expected_log_p -= (gap @ precision @ gap + np.trace(precision @ wide)) / 2
    bound = expected_log_p + stats.multivariate_normal(q_mean, q_cov).entropy()
    truth = stats.norm.logpdf(x0, mean[-1], math.sqrt(cov[-1, -1]))
    assert bound < truth

    torch.manual_seed(0)
    model = oracle(steps, variance=variance)
    x = torch.tensor([[x0, 0.2]]).double().expand(100_000, 2)
    rates = coordinate_rates(model, x)
    stderr = (rates.sum(1).std() / len(x) ** 0.5).item()
    assert stderr < 0.01
    assert -rates.sum(1).mean().item() == pytest.approx(bound, abs=4 * stderr)


def coordinate_rates(model: DDPM, x: torch.Tensor) -> torch.Tensor:
    """`rates` of the first coordinate alone: the same chain in one dimension."""
    line = DDPM(Reals((1,)), Narrowed(model.denoiser), model.steps, variance=model.variance)
    return line.double().rates(x[:, :1])


class Narrowed(Component):
    """The first coordinate of a denoiser whose coordinates do not mix."""

    def __init__(self, net: Component):
        super().__init__()
        self.net = net

    def forward(self, x, t):
        return self.net(x.expand(-1, 2), t)[:, :1]


def test_bound_is_below_the_density_and_close_with_many_steps():
    torch.manual_seed(0)
    data = Normal(torch.tensor(MEAN).double(), torch.tensor(STD).double())
    x = data.sample((5_000,))
    gaps, errors = [], []
    for steps in (6, 500):
        gap = data.log_prob(x).sum(1) + oracle(steps).rates(x).sum(1)
        gaps.append(gap.mean().item())
        errors.append(gap.std().item() / len(x) ** 0.5)
    assert errors[1] < 0.025
    assert abs(gaps[1]) < 3 * errors[1]
    assert gaps[0] > 10 * errors[0]


def test_elbo_estimates_the_sum_of_the_rates():
    torch.manual_seed(0)
    model = oracle(12)
    x = torch.tensor([[0.7, -0.5]]).double().expand(20_000, 2)
    exact = -model.rates(x).sum(1)
    for samples in (1, 3):
        drawn = model.elbo(x, samples=samples)
        error = ((exact.var() + drawn.var()) / len(x)).sqrt().item()
        assert drawn.mean().item() == pytest.approx(exact.mean().item(), abs=4 * error)


def integers(model: DDPM) -> torch.Tensor:
    """p(x) of one pixel, by carrying the density of x_t on a grid down the chain."""
    grid = torch.linspace(-9, 9, 1801, dtype=torch.float64)
    weight = grid[1] - grid[0]
    density = Normal(0, 1).log_prob(grid).exp()
    levels = model.levels()
    for now, after in pairwise(levels):
        mean, variance = model.reverse(grid.view(-1, 1, 1, 1), now, after)
        if after.sigma == 0:
            mean, std = mean.view(-1, 1), model.table[3, 1].exp().sqrt()
            x = torch.arange(model.space.levels)
            mass = discretized_gaussian_log_prob(x, mean, std, model.space.levels).exp()
            return (density * weight) @ mass
        step = Normal(mean.view(-1, 1), variance.view(-1, 1).sqrt())
        density = (density * weight) @ step.log_prob(grid).exp()
    raise AssertionError


def test_elbo_is_below_log_p_of_integers():
    torch.manual_seed(1)
    space = Pixels(1, 1, 1, levels=3)
    net = UNet(1, width=4, multipliers=(1,), blocks=1, attention=0)
    torch.nn.init.normal_(net.leave.weight, std=0.3)
    model = DDPM(space, net, steps=4, schedule=LinearSchedule(0.5, 3.0)).double()
    p = integers(model)
    assert p.sum().item() == pytest.approx(1, abs=1e-6)
    for value in range(3):
        x = torch.full((4_000, 1, 1, 1), value, dtype=torch.uint8)
        bound = -model.rates(x).sum(1)
        gap = (p[value].log() - bound.mean()).item()
        assert -4 * bound.std().item() / 4_000**0.5 < gap < 3


@pytest.mark.parametrize("prediction", [PredictEps(), PredictX0(), PredictV()])
def test_predictions_undo_their_target(prediction):
    torch.manual_seed(0)
    x0, eps = torch.randn(2, 5, 3).double()
    alpha = torch.full((5, 1), 0.6).double()
    target = prediction.target(x0, eps, alpha, (1 - alpha**2).sqrt())
    noisy = alpha * x0 + (1 - alpha**2).sqrt() * eps
    torch.testing.assert_close(prediction.x0(target, noisy, alpha, (1 - alpha**2).sqrt()), x0)


def test_score_is_the_gaussians():
    model = oracle(50)
    x, t = torch.randn(6, 2).double().requires_grad_(), torch.tensor([1, 5, 10, 20, 40, 50])
    alpha, sigma = (v[:, None] for v in model.at(t))
    mean, std = torch.tensor(MEAN).double(), torch.tensor(STD).double()
    noisy = Normal(alpha * mean, (alpha**2 * std**2 + sigma**2).sqrt())
    (expected,) = torch.autograd.grad(noisy.log_prob(x).sum(), x)
    torch.testing.assert_close(model.score(x, t), expected)


def test_learned_variance_lies_between_and_is_taught_by_the_bound_alone():
    torch.manual_seed(0)
    model = ddpm_images()
    x = torch.randint(0, 2, (4, 1, 4, 4), dtype=torch.uint8)
    terms = model.loss(x)
    assert set(terms) == {"simple", "bound"}
    terms["bound"].sum().backward()
    grad = model.denoiser.leave.weight.grad
    assert grad[0].abs().max() == 0
    assert grad[1].abs().max() > 0
    levels = model.levels()
    noise = torch.randn(3, 1, 4, 4)
    for fraction, row in ((-1.0, 3), (1.0, 4)):
        with torch.no_grad():
            model.denoiser.leave.bias[1] = fraction
            model.denoiser.leave.weight[1] = 0
        variance = model.reverse(noise, levels[3], levels[4])[1]
        expected = model.table[row, int(levels[3].t)].exp()
        torch.testing.assert_close(variance, expected.expand_as(variance))


def test_a_network_without_the_second_output_is_refused():
    model = DDPM(Reals((2,)), TimeMLP(2, width=8), 5, variance=LearnedVariance())
    with pytest.raises(ValueError, match=r"must give \(3, 4\), not \(3, 2\)"):
        model.loss(torch.zeros(3, 2))


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="Pixels or Reals"):
        DDPM(Tokens(3, 4), TimeMLP(2))
    model = DDPM(Reals((2,)), TimeMLP(2, width=8), 5)
    with pytest.raises(ValueError, match="5 steps; 6"):
        model.levels(6)
    with pytest.raises(ValueError, match="eta"):
        DDIM(eta=2)
    with pytest.raises(ValueError, match="classes"):
        model.sample(2, torch.zeros(2, dtype=torch.long))


def test_float64_has_all_digits():
    model = DDPM(Reals((2,)), TimeMLP(2, width=8)).double()
    expected = LinearSchedule().signal(1000).sqrt()
    torch.testing.assert_close(model.table[0], expected, rtol=1e-14, atol=0)


def test_a_schedule_that_does_not_end_near_noise_is_told():
    """abar_T = prod(1 - beta_t), by numpy: what is left of x_0 there is said."""
    schedule = LinearSchedule(0.1, 2.0)
    abar = np.prod(1 - np.linspace(0.1, 2.0, 100) / 100)
    with pytest.warns(UserWarning, match=rf"ratio .* still {abar / (1 - abar):.3g}, yet"):
        DDPM(Reals((2,)), TimeMLP(2, width=8, layers=1), 100, schedule)

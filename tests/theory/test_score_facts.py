"""Facts of scores and diffusions: quadrature, autograd, scipy and enumeration say the same."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import integrate, stats
from torch.distributions import Categorical, MixtureSameFamily, Normal

from pushforward.probability.diffusion_paths import VE, VP, Rectified, SubVP
from pushforward.solvers.diffusion import Level, ddim, posterior
from pushforward.theory import contrastive_loss, density_rate, same_marginals

MEANS, WEIGHTS, STD = [-1.0, 0.8], [0.3, 0.7], 0.4
LINE = torch.linspace(-12, 12, 6001, dtype=torch.float64)


def doubles(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


def mixture(alpha: float = 1.0, sigma: float = 0.0) -> MixtureSameFamily:
    """The density of alpha x_0 + sigma eps."""
    std = math.hypot(alpha * STD, sigma)
    parts = Normal(alpha * doubles(*MEANS), doubles(std, std))
    return MixtureSameFamily(Categorical(doubles(*WEIGHTS)), parts)


def score(law: MixtureSameFamily, x: torch.Tensor) -> torch.Tensor:
    with torch.enable_grad():
        x = x.clone().requires_grad_() if not x.requires_grad else x
        return torch.autograd.grad(law.log_prob(x).sum(), x, create_graph=True)[0]


def integral(values: torch.Tensor) -> float:
    return torch.trapezoid(values, LINE).item()


def fields(x: np.ndarray | float) -> list:
    return [-x, np.sin(x), 0.3 - 0.1 * x]


def test_denoising_differs_from_explicit_matching_by_what_no_network_changes():
    """Both losses by scipy's double integrals over x_0 and the noise."""
    sigma, law = 0.6, mixture(1.0, 0.6)
    blurred, truth = law.log_prob(LINE).exp().numpy(), score(law, LINE).detach().numpy()
    clean, eps = np.linspace(-4, 4, 801), np.linspace(-6, 6, 601)
    both = np.outer(mixture().log_prob(torch.tensor(clean)).exp(), stats.norm.pdf(eps))
    noisy = clean[:, None] + sigma * eps
    gaps = []
    for denoising, explicit in zip(fields(noisy), fields(LINE.numpy())):
        squares = both * (denoising + eps / sigma) ** 2 / 2
        loss = integrate.simpson(integrate.simpson(squares, x=eps), x=clean)
        fisher = integrate.simpson(blurred * (explicit - truth) ** 2 / 2, x=LINE.numpy())
        gaps.append(loss - fisher)
    # What is left is the mean variance of -eps / sigma given the noisy x.
    information = integrate.simpson(blurred * truth**2, x=LINE.numpy())
    np.testing.assert_allclose(gaps, (1 / sigma**2 - information) / 2, rtol=1e-5)


@pytest.mark.parametrize("sigma", [0.2, 1.0, 3.0])
def test_tweedies_second_formula_is_the_posterior_variance(sigma):
    law, x = mixture(1.0, sigma), doubles(-0.7, 0.1, 1.4).requires_grad_()
    first = score(law, x)
    (second,) = torch.autograd.grad(first.sum(), x)
    for at, mean, var in zip(x.tolist(), x + sigma**2 * first, sigma**2 * (1 + sigma**2 * second)):
        weight = mixture().log_prob(LINE).exp() * Normal(LINE, sigma).log_prob(doubles(at)).exp()
        weight = weight / integral(weight)
        assert integral(weight * LINE) == pytest.approx(mean.item(), abs=1e-9)
        assert integral(weight * (LINE - mean.item()) ** 2) == pytest.approx(var.item(), abs=1e-9)


def on(path, t: float) -> list[float]:
    """alpha and sigma."""
    return [v.item() for v in path.at(torch.tensor(t, dtype=torch.float64))]


def drift_and_noise(path, t: float) -> tuple[float, float]:
    """f and g of the linear process, by differences of alpha and sigma."""
    step = 1e-5
    ends = [
        [v.item() for v in path.at(torch.tensor(t + s, dtype=torch.float64))] for s in (-step, step)
    ]
    (a, s), (b, r) = ends
    f = (math.log(b) - math.log(a)) / (2 * step)
    sigma = on(path, t)[1]
    return f, math.sqrt((r**2 - s**2) / (2 * step) - 2 * f * sigma**2)


@pytest.mark.parametrize("path", [VP(), SubVP(), VE(0.05, 5.0), Rectified()], ids=str)
@pytest.mark.parametrize("other", [0.0, 0.5, None])
def test_every_process_of_the_family_moves_the_density_alike(path, other):
    """dp/dt by differences in time of torch's density, for three noises and both directions."""
    t, step, x = 0.4, 1e-5, torch.linspace(-2, 2, 9, dtype=torch.float64)
    near = [
        mixture(*(v.item() for v in path.at(torch.tensor(t + s, dtype=torch.float64))))
        for s in (-step, step)
    ]
    expected = (near[1].log_prob(x).exp() - near[0].log_prob(x).exp()) / (2 * step)
    law = mixture(*on(path, t))
    f, g = drift_and_noise(path, t)
    noise = g if other is None else other
    for back, sign in ((False, 1), (True, -1)):
        field = lambda x, b=back: same_marginals(f * x, score(law, x), g, noise, b)  # noqa: E731
        rate = density_rate(law.log_prob, field, noise, x)
        torch.testing.assert_close(rate, sign * expected, rtol=1e-5, atol=1e-7)


def test_means_move_as_the_generator_says():
    """d/dt E h(x) = E[f h' + g^2 / 2 h''], by quadrature with scipy."""
    law, g = mixture(1.0, 0.3), 0.8
    rate = density_rate(law.log_prob, torch.sin, g, LINE).numpy()
    p, x = law.log_prob(LINE).exp().numpy(), LINE.numpy()
    for h, first, second in ((np.cos(x), -np.sin(x), -np.cos(x)), (x**2, 2 * x, 2 + 0 * x)):
        expected = integrate.simpson(p * (np.sin(x) * first + g**2 / 2 * second), x=x)
        assert integrate.simpson(rate * h, x=x) == pytest.approx(expected, abs=1e-8)


def test_langevin_keeps_its_density_and_divides_the_divergence_by_fishers():
    p, q = mixture(), mixture(1.0, 0.5)
    still = density_rate(p.log_prob, lambda x: score(p, x), math.sqrt(2), LINE[::50])
    torch.testing.assert_close(still, torch.zeros_like(still), atol=1e-9, rtol=0)
    some = torch.linspace(-5, 5, 2001, dtype=torch.float64)
    rate = density_rate(q.log_prob, lambda x: score(p, x), math.sqrt(2), some)
    falls = torch.trapezoid(rate * (q.log_prob(some) - p.log_prob(some)), some)
    apart = (score(q, some) - score(p, some)).square().detach()
    fisher = torch.trapezoid(q.log_prob(some).exp() * apart, some)
    assert falls.item() == pytest.approx(-fisher.item(), rel=1e-5)


@pytest.mark.parametrize("std", [0.3, 1.0])
def test_unadjusted_langevin_is_too_wide_by_a_known_factor(std):
    """Iterating the variance of a chain x <- (1 - h / s^2) x + sqrt(2 h) eps."""
    for share in (0.1, 0.5, 1.5):
        step, variance = share * std**2, 5.0
        for _ in range(500):
            variance = (1 - step / std**2) ** 2 * variance + 2 * step
        assert variance == pytest.approx(std**2 / (1 - share / 2))


def test_the_energys_gradient_is_the_likelihoods():
    """Against autograd through a normalising constant that is enumerated."""
    states, theta = LINE[2000:4001:4], doubles(0.4, -0.3, 0.2).requires_grad_()
    energy = lambda x: theta[0] * x**2 + theta[1] * x + theta[2] * x.cos()  # noqa: E731
    data = doubles(-0.3, 0.9, 1.4)
    log_z = (-energy(states)).logsumexp(0)
    (exact,) = torch.autograd.grad((energy(data) + log_z).mean(), theta)
    chance = (-energy(states)).softmax(0).detach()
    counts = (chance * 2e6).round().long()  # the model's law as a set of draws
    drawn = states.repeat_interleave(counts)
    (ours,) = torch.autograd.grad(contrastive_loss(energy, data, drawn), theta)
    torch.testing.assert_close(ours, exact, rtol=1e-3, atol=1e-3)


class Sure:
    """A process whose data are one point."""

    def __init__(self, x0: float):
        self.x0 = x0

    def denoise(self, x: torch.Tensor, level: Level) -> torch.Tensor:
        return torch.full_like(x, self.x0)


@pytest.mark.parametrize("eta", [0.0, 0.4, 1.0])
def test_ddims_steps_keep_the_law_of_the_noisy_given_the_data(eta):
    """Draws x_t ~ N(alpha_t x_0, sigma_t^2) by scipy, moved by a step that knows x_0."""
    now, after, x0 = Level(2, 0.6, 0.8), Level(1, 0.9, math.sqrt(0.19)), 0.7
    added = eta**2 * posterior(doubles(0.0), doubles(x0), now, after)[1]
    slope = math.sqrt(after.sigma**2 - added) / now.sigma
    x = stats.norm(now.alpha * x0, now.sigma).rvs(40_000, random_state=0)
    torch.manual_seed(0)
    there = ddim(Sure(x0), torch.tensor(x)[:, None], [now, after], eta)
    assert there.mean().item() == pytest.approx(after.alpha * x0, abs=4 * after.sigma / 200)
    assert there.std().item() == pytest.approx(after.sigma, rel=4 / 280)
    if eta == 1:  # Bayes' posterior weighs x_t alike
        ends = [posterior(doubles(v), doubles(x0), now, after)[0].item() for v in (0.0, 1.0)]
        assert ends[1] - ends[0] == pytest.approx(slope)
    if eta == 0:  # and without noise the points themselves are known
        expected = after.alpha * x0 + slope * (torch.tensor(x)[:, None] - now.alpha * x0)
        torch.testing.assert_close(there, expected)


def test_the_mean_velocity_of_lines_moves_the_density():
    """E[eps - x_0 | x_t] by quadrature over x_0; dp/dt by differences in time."""
    t, step, x = 0.5, 1e-5, doubles(-0.8, 0.2, 1.1)
    clean = mixture().log_prob(LINE).exp()

    def velocity(x: torch.Tensor) -> torch.Tensor:
        eps = (x[:, None] - (1 - t) * LINE) / t
        weight = clean * Normal(0.0, 1.0).log_prob(eps).exp()
        total = torch.trapezoid(weight, LINE)
        return torch.trapezoid(weight * (eps - LINE), LINE) / total

    near = [mixture(1 - t - s, t + s).log_prob(x).exp() for s in (-step, step)]
    expected = (near[1] - near[0]) / (2 * step)
    rate = density_rate(mixture(1 - t, t).log_prob, velocity, 0.0, x)
    torch.testing.assert_close(rate, expected, rtol=1e-5, atol=1e-7)


def test_guidance_is_not_the_diffusion_of_the_tilted_law():
    """Two classes N(-1, s^2), N(1, s^2): noise after tilting against tilting after noise."""
    sigma, weight, parts = 1.0, 3.0, [stats.norm(m, STD) for m in (-1.0, 1.0)]
    x = LINE.numpy()

    def tilted(laws) -> np.ndarray:
        p = [law.pdf(x) for law in laws]
        values = (p[0] + p[1]) * np.divide(p[1], p[0] + p[1], where=p[1] > 0, out=0 * x) ** weight
        return values / integrate.simpson(values, x=x)

    noised = np.convolve(tilted(parts), stats.norm.pdf(x, 0, sigma), "same") * (x[1] - x[0])
    after = tilted([stats.norm(m, math.hypot(STD, sigma)) for m in (-1.0, 1.0)])
    assert integrate.simpson(noised, x=x) == pytest.approx(1, abs=1e-6)
    means = [integrate.simpson(p * x, x=x) for p in (noised, after)]
    assert means[1] - means[0] > 0.3  # guidance pulls on: too far, seen from the tilted data


def test_images_are_as_far_as_codec_and_codes_are():
    """scipy's W1 on samples of the line, for a decoder of slope 1.7."""
    rng = np.random.default_rng(0)
    x, z = rng.normal(size=400) ** 3, rng.normal(0.2, 0.6, size=400)
    encoded, decode = np.tanh(x), lambda z: 1.7 * np.sin(z)
    left = stats.wasserstein_distance(x, decode(z))
    lost = np.abs(x - decode(encoded)).mean()
    assert left <= lost + 1.7 * stats.wasserstein_distance(encoded, z) + 1e-12
    assert left > lost  # neither part could be left out

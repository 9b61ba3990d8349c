"""Forward and reverse KL fits: moments, modes, and both directions through the one trainer."""

import math

import pytest
import torch
from scipy import optimize, stats
from torch.distributions import Categorical, MixtureSameFamily, MultivariateNormal, Normal

import pushforward as pf
from pushforward.metrics.reverse_divergence import reverse_kl, reverse_kl_if_known
from pushforward.objectives import f_divergences as fd
from pushforward.objectives.quadrature import divergence_on_line
from pushforward.presets import divergences
from pushforward.probability.gaussian import FixedMixture, Gaussian
from pushforward.theory.forward_kl import moment_matching, moment_matching_on_line
from pushforward.theory.reverse_fits import ReverseKL, reparametrised, reverse_fit_on_line


def numbers(*values):
    return torch.tensor(values, dtype=torch.float64)


def mixture(weight=0.6, gap=6.0):
    parts = Normal(numbers(-gap / 2, gap / 2), numbers(0.8, 0.5))
    return MixtureSameFamily(Categorical(numbers(weight, 1 - weight)), parts)


def forward(p, mean, scale):
    q = Normal(mean, scale)
    return divergence_on_line(fd.KL, p.log_prob, q.log_prob, -40, 40)


def test_forward_fit_has_the_moments_of_the_mixture():
    p = mixture()
    mean, scale = moment_matching_on_line(lambda x: p.log_prob(x) + 5, -20, 20)
    torch.testing.assert_close(mean, p.mean)
    torch.testing.assert_close(scale, p.variance.sqrt())
    best = forward(p, mean, scale)
    for dm, ds in ((0.1, 0), (-0.1, 0), (0, 0.1), (0, -0.1)):
        assert forward(p, mean + dm, scale + ds) > best


def test_forward_fit_agrees_with_a_search():
    p = mixture()
    found = optimize.minimize(
        lambda t: forward(p, numbers(t[0])[0], numbers(math.exp(t[1]))[0]).item(), [0.5, 0.5]
    )
    mean, scale = moment_matching_on_line(p.log_prob, -20, 20)
    assert found.x.tolist() == pytest.approx([mean.item(), scale.log().item()], abs=1e-4)


@pytest.mark.parametrize(("start", "mode", "scale"), [(-2.0, -3.0, 0.8), (2.0, 3.0, 0.5)])
def test_reverse_fit_seeks_the_mode_at_the_start(start, mode, scale):
    p = mixture()
    q = reverse_fit_on_line(lambda x: p.log_prob(x) + 5, -20, 20, start, 0.5)
    assert [t.item() for t in q] == pytest.approx([mode, scale], abs=1e-3)
    # It leaves the other mode out, which costs -log(weight of its own).
    kl = divergence_on_line(fd.REVERSE_KL, p.log_prob, Normal(*q).log_prob, -14, 14)
    weight = 0.6 if mode < 0 else 0.4
    assert kl.item() == pytest.approx(-math.log(weight), abs=1e-3)
    assert q[1] < 0.3 * p.variance.sqrt()


def test_both_directions_agree_where_the_family_holds_the_target():
    p = Normal(numbers(1.3)[0], 0.7)
    for mean, scale in (
        moment_matching_on_line(p.log_prob, -20, 20),
        reverse_fit_on_line(p.log_prob, -20, 20, 0.0, 1.0),
    ):
        assert (mean.item(), scale.item()) == pytest.approx((1.3, 0.7), abs=1e-5)


def test_moments_of_samples_maximise_the_likelihood():
    torch.manual_seed(0)
    x = torch.randn(50, 3).double() @ torch.randn(3, 3).double() + 2
    mean, cov = moment_matching(x)
    expected = stats.multivariate_normal.fit(x.numpy())
    torch.testing.assert_close(mean, torch.from_numpy(expected[0]))
    torch.testing.assert_close(cov, torch.from_numpy(expected[1]))


def test_gaussian_density_against_torch():
    torch.manual_seed(0)
    model = Gaussian(3, (1.0, 0.0, -1.0)).double()
    with torch.no_grad():
        model.below.normal_()
        model.log_diagonal.normal_()
    x = torch.randn(5, 3).double()
    expected = MultivariateNormal(model.mean, model.covariance)
    torch.testing.assert_close(model.log_prob(x), expected.log_prob(x))
    drawn = model.sample(100_000)
    torch.testing.assert_close(drawn.T.cov(), model.covariance.detach(), rtol=0.05, atol=0.05)


def test_fixed_mixture_against_torch():
    model = FixedMixture(((0.0, 1.0), (2.0, -1.0)), (0.5, 1.5), (0.3, 0.7)).double()
    parts = MultivariateNormal(
        model.means, torch.eye(2).double() * (model.scales**2)[:, None, None]
    )
    expected = MixtureSameFamily(Categorical(model.log_probabilities.exp()), parts)
    x = torch.randn(6, 2).double()
    torch.testing.assert_close(model.log_prob(x), expected.log_prob(x))
    torch.manual_seed(0)
    torch.testing.assert_close(model.sample(50_000).mean(0), expected.mean, atol=0.03, rtol=0)


def trained(experiment):
    return pf.fit(experiment.model, experiment.data, experiment.recipe, quiet=True)


def test_forward_preset_covers():
    model = trained(divergences.forward_kl(steps=600))
    values, axes = torch.linalg.eigh(model.covariance.detach())
    assert values.sqrt().tolist() == pytest.approx([0.6, math.sqrt(0.36 + 4)], rel=0.05)
    assert model.mean.abs().max() < 0.1
    assert (axes[:, 1].abs() - math.sqrt(0.5)).abs().max() < 0.02


@pytest.mark.parametrize("side", [1, -1])
def test_reverse_preset_seeks_a_mode(side):
    experiment = divergences.reverse_kl(start=0.5 * side, steps=600)
    before = experiment.model.target.means.clone()
    q = trained(experiment).model
    mode = side * math.sqrt(2)
    assert q.mean.tolist() == pytest.approx([mode, mode], abs=0.05)
    torch.testing.assert_close(q.covariance.detach(), 0.36 * torch.eye(2), atol=0.03, rtol=0)
    torch.manual_seed(0)
    terms = experiment.model.loss(torch.zeros(4000, 2))
    assert sum(terms.values()).mean().item() == pytest.approx(math.log(2), abs=0.02)
    assert torch.equal(experiment.model.target.means, before)


def test_reverse_gradient_is_that_of_the_closed_form():
    model, target = Gaussian(1, (0.5,)).double(), Gaussian(1).double()
    torch.manual_seed(0)
    loss = sum(ReverseKL(model, target).loss(torch.zeros(200_000, 1)).values()).mean()
    slopes = torch.autograd.grad(loss, [model.mean, model.log_diagonal])
    # KL(N(m, s2) || N(0, 1)) = (s2 + m2 - 1 - log s2) / 2: slopes m and s2 - 1.
    assert loss.item() == pytest.approx(0.125, abs=0.01)
    assert [s.item() for s in slopes] == pytest.approx([0.5, 0.0], abs=0.01)


class Pushed(pf.Density, pf.Pushforward):
    """x = scale z: a density that pushes noise and has no rsample."""

    def __init__(self):
        super().__init__(pf.Reals((1,)))
        self.scale = torch.nn.Parameter(torch.ones(1))

    def latents(self, n):
        return torch.randn(n, 1)

    def push(self, z):
        return self.scale * z

    def log_prob(self, x):
        return Normal(0.0, self.scale).log_prob(x)[:, 0]

    def sample(self, n):
        return self.push(self.latents(n))


class Unmoved(pf.Density):
    """Has no sample with gradients."""

    def __init__(self):
        super().__init__(pf.Reals((1,)))

    def log_prob(self, x):
        return -x[:, 0].abs()

    def sample(self, n):
        return torch.zeros(n, 1)


def test_pushed_noise_carries_gradients():
    model = ReverseKL(Pushed(), Gaussian(1))
    assert reparametrised(model.model, 3).requires_grad
    loss = sum(model.loss(torch.zeros(8, 1)).values()).mean()
    assert torch.autograd.grad(loss, model.model.scale)[0].isfinite()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ReverseKL(Unmoved(), Gaussian(1)), "no sample as a function of noise"),
        (lambda: ReverseKL(Gaussian(2), Gaussian(1)), "the target is over"),
        (lambda: moment_matching(torch.zeros(1, 2)), "at least 2 samples"),
        (lambda: Gaussian(2, (1.0,)), "mean must have 2 entries"),
        (lambda: FixedMixture(((0.0,),), (0.0,)), "scales must be positive"),
        (lambda: FixedMixture(((0.0,),), (1.0, 1.0)), "must be as many"),
        (lambda: reverse_fit_on_line(torch.zeros_like, -1, 1, 0.0, -1.0), "scale must be positive"),
    ],
)
def test_bad_inputs_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_measured_reverse_kl_is_that_of_two_gaussians():
    q, p = Normal(0.5, 1.0), Normal(-0.2, 1.1)
    model = Gaussian(1, (0.5,))
    found = reverse_kl(ReverseKL(model, FixedMixture(((-0.2,),), (1.1,))), draws=20_000)
    exact = torch.distributions.kl_divergence(q, p).item()
    assert found.stderr is not None
    assert 0 < found.stderr < 0.02
    assert abs(found.value - exact) < 4 * found.stderr
    assert not list(reverse_kl_if_known(model))


@pytest.mark.parametrize("spec", ["two_bumps?distance=3.0", "energy?number=3"])
def test_draws_of_a_target_are_found_again(spec):
    data = pf.data.find(spec)
    again = pf.data.find(data.describe()["spec"])
    assert data.describe()["spec"] == spec
    assert torch.equal(data.test.tensors[0], again.test.tensors[0])
    assert len(data.train) == 8_000


def test_a_target_with_a_mean_that_is_not_finite_is_refused():
    with pytest.raises(ValueError, match="means must be finite"):
        divergences.forward_kl(distance=math.nan)

from __future__ import annotations

import math

import pytest
import torch
from scipy import stats
from torch.distributions import Normal

from pushforward.core.spaces import Labels, Pixels, Reals
from pushforward.models.score.diffusion import spread
from pushforward.models.score.guidance import Guided
from pushforward.models.score.ncsn import NCSN, ladder, langevin_step, largest_distance
from pushforward.nn.denoiser import TimeMLP
from pushforward.nn.dilated_images import ConditionalInstanceNorm, DilatedNet
from pushforward.solvers.langevin_steps import langevin
from pushforward.solvers.samplers import DDIM, AnnealedLangevin


class Known(NCSN):
    """Data N(0.5, 0.4^2)."""

    def denoise_at(self, x, t, y=None):
        sigma = spread(self.at(t)[1], x)
        return 0.5 + 0.16 / (0.16 + sigma**2) * (x - 0.5)


def known(sampler) -> NCSN:
    net = TimeMLP(1, width=4, layers=1)
    return Known(Reals((1,)), net, most=10.0, least=0.05, rungs=20, sampler=sampler).double()


def test_langevin_reaches_its_density():
    torch.manual_seed(0)
    x = langevin(lambda x: (1 - x) / 0.25, torch.zeros(4000, 1), step=0.01, steps=200)
    assert x.mean().item() == pytest.approx(1, abs=0.03)
    # A step h leaves the variance 0.25 / (1 - h / (2 * 0.25)).
    assert x.var().item() == pytest.approx(0.25 / 0.98, rel=0.06)


@pytest.mark.parametrize("sampler", [AnnealedLangevin(each=30, step=5e-4), DDIM(None)])
def test_samples_of_a_known_gaussian(sampler):
    torch.manual_seed(0)
    x = known(sampler).sample(4000)
    assert x.mean().item() == pytest.approx(0.5, abs=0.03)
    assert x.std().item() == pytest.approx(0.4, rel=0.08)


def test_score_is_the_blurred_densitys():
    model = known(DDIM(None))
    x, t = torch.randn(3, 1, dtype=torch.float64).requires_grad_(), torch.tensor([0, 4, 19])
    sigma = model.at(t)[1][:, None]
    blurred = Normal(0.5, (0.16 + sigma**2).sqrt())
    (expected,) = torch.autograd.grad(blurred.log_prob(x).sum(), x)
    torch.testing.assert_close(model.score(x, t), expected)


def test_ladder_has_the_overlap_of_eq_4():
    dims = 3 * 32 * 32
    rungs = ladder(50.0, 0.01, dims)
    gamma = (50 / 0.01) ** (1 / (rungs - 1))
    far = math.sqrt(2 * dims) * (gamma - 1)
    overlap = stats.norm.cdf(far + 3 * gamma) - stats.norm.cdf(far - 3 * gamma)
    assert overlap == pytest.approx(0.5, abs=0.01)
    assert 200 < rungs < 232  # the paper took 232 for CIFAR-10, an overlap of 0.57


def test_langevin_step_turns_one_level_into_the_next():
    gamma, least, each = 1.037, 0.01, 5
    step = langevin_step(gamma, least, each)
    variance = (gamma * least) ** 2
    for _ in range(each):
        variance = (1 - step / least**2) ** 2 * variance + 2 * step
    best = variance / least**2
    for other in (0.7 * step, 1.3 * step):
        v = (gamma * least) ** 2
        for _ in range(each):
            v = (1 - other / least**2) ** 2 * v + 2 * other
        assert abs(v / least**2 - 1) > abs(best - 1)
    assert step == pytest.approx(6.2e-6, rel=0.05)  # the paper's choice for CIFAR-10


def test_largest_distance():
    assert largest_distance(torch.tensor([[0.0, 0.0], [3.0, 4.0], [1.0, 1.0]])) == pytest.approx(5)


def test_conditional_instance_norm_is_its_formula_and_keeps_levels_apart():
    torch.manual_seed(0)
    norm, x = ConditionalInstanceNorm(4, levels=2), torch.randn(2, 4, 3, 3)
    torch.nn.init.normal_(norm.beta.weight)
    out = norm(x, torch.tensor([1, 0]))
    mu, s = x[0].mean((1, 2)), x[0].var((1, 2), correction=0)
    plus = (mu - mu.mean()) / mu.std()
    gamma, alpha, beta = (e.weight[1] for e in (norm.gamma, norm.alpha, norm.beta))
    unit = (x[0] - mu[:, None, None]) / (s + 1e-5).sqrt()[:, None, None]
    expected = gamma[:, None, None] * unit + (beta + alpha * plus)[:, None, None]
    torch.testing.assert_close(out[0], expected, rtol=1e-3, atol=1e-4)


def test_dilated_net_of_one_level_does_not_read_the_time():
    torch.manual_seed(0)
    net, x = DilatedNet(3, levels=1, width=4), torch.randn(2, 3, 6, 5)
    assert torch.equal(net(x, torch.tensor([0.1, 0.2])), net(x, torch.tensor([0.9, 0.5])))
    assert net(x, torch.zeros(2)).shape == x.shape


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="most to least"):
        NCSN(Reals((2,)), TimeMLP(2), most=0.1, least=1.0)
    with pytest.raises(ValueError, match="10 rungs; 11"):
        NCSN(Reals((2,)), TimeMLP(2, width=4)).levels(11)


def test_a_short_ladder_can_be_walked():
    """`push` takes as many steps as there are rungs, and the same noise gives the same data."""
    from pushforward.models.score.ncsn import ncsn

    model = ncsn()
    z = model.latents(3)
    assert torch.equal(model.push(z), model.push(z))


def test_the_dilated_network_hears_classes_and_context():
    torch.manual_seed(0)
    network = DilatedNet(1, levels=4, width=8, dilations=(1,), classes=3, context=2)
    sampler = AnnealedLangevin(each=2, step=4e-3)
    model = NCSN(Pixels(1, 4, 4, levels=2), network, 3.0, 0.2, 4, sampler)
    assert model.given == (Labels(3), Reals((2,)))
    x, t = torch.randn(6, 1, 4, 4), torch.full((6,), 1.5)
    y, c = torch.arange(6) % 3, torch.randn(6, 2)
    said = model.score(x, t, y, c)
    for other in ((y.roll(1), c), (y, c.roll(1, 0))):
        assert not torch.allclose(model.score(x, t, *other), said)
    assert model.sample(6, y, c).shape == (6, 1, 4, 4)
    assert model.loss(model.sample(6, y, c), y, c)["score"].shape == (6,)
    with pytest.raises(ValueError, match=r"told Labels\(.*Reals.* expected 2 conditions"):
        model.sample(6, y)
    guided = Guided(NCSN(Pixels(1, 4, 4), DilatedNet(1, width=8, classes=3), sampler=DDIM(2)), 3)
    assert guided.sample(2).shape == guided.sample(2, torch.tensor([0, 2])).shape

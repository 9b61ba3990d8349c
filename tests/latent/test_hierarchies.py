"""Hierarchical VAEs: their rates, their bounds against enumeration of noise, what the top says."""

import math

import pytest
import torch
from test_vae import BITS, bits
from torch.distributions import MultivariateNormal, Normal

import pushforward as pf
from pushforward.metrics.ais import log_weights
from pushforward.metrics.surgery import elbo_surgery, level_rates
from pushforward.models.latent.deep_vae import DeepVAE
from pushforward.models.latent.hvae import hvae
from pushforward.models.latent.ladder_vae import LadderVAE, joined
from pushforward.nn.mlp import MLP
from pushforward.objectives.importance import IWAE, STL, DReG
from pushforward.objectives.variational import ELBO
from pushforward.probability.heads import GaussianHead, scale_of
from pushforward.probability.logistic_mixture_decoder import LogisticMixtureHead


def stirred(model, scale):
    """The model in float64 with all weights moved: blocks that start at zero then matter."""
    with torch.no_grad():
        for p in model.parameters():
            p.add_(scale * torch.randn_like(p))
    return model.double()


def models():
    torch.manual_seed(0)
    yield stirred(LadderVAE(BITS, (2, 1), width=8), 0.1)
    yield stirred(DeepVAE(BITS, (1, 1), width=4, latent=1), 0.15)


@pytest.mark.parametrize("model", list(models()), ids=["ladder", "deep"])
def test_rate_and_bounds_agree(model):
    x = bits(4)
    torch.manual_seed(1)
    with torch.no_grad():
        draw = model.draw(x, samples=3000)
        many = model.log_weights(x, samples=3000)
    assert draw.rate.shape == (4, 2)
    apart = (draw.log_q - draw.log_p).mean(0) - draw.rate.sum(1)
    error = (draw.log_q - draw.log_p).std(0) / math.sqrt(3000)
    assert (apart.abs() < 5 * error).all()
    l1, l5, l50 = (
        (many[:3000].unflatten(0, (-1, k)).logsumexp(1) - math.log(k)).mean(0) for k in (1, 5, 50)
    )
    assert (l1 < l5).all()
    assert (l5 < l50).all()


@pytest.mark.parametrize("model", list(models()), ids=["ladder", "deep"])
def test_bound_is_below_the_likelihood_by_prior_draws(model):
    x = bits(4)
    torch.manual_seed(1)
    with torch.no_grad():
        p = model.decode(model.latents(40_000))
        truth = torch.stack([p.log_prob(one[None]) for one in x]).logsumexp(1) - math.log(40_000)
        bound = model.importance_weighted(x, k=3000)
        elbo = model.elbo(x, samples=500)
    assert torch.allclose(bound, truth, atol=0.1)
    assert (elbo < truth + 0.05).all()


def linear(model):
    """A Ladder VAE of two levels of one number whose maps are linear, and of fixed scales.

    Evidence is linear in x, p(z_1 | z_2) = N(a z_2, s^2), p(x | z_1) = N(w z_1 + b, t^2).
    """
    for module in model.modules():
        if isinstance(module, MLP):
            layers = [m for m in module.modules() if isinstance(m, torch.nn.Linear)]
            module.net = torch.nn.Linear(layers[0].in_features, layers[-1].out_features)
    model.double()
    with torch.no_grad():
        for tell in model.tell:
            tell.net.weight[1].zero_()
        model.down[0].net.weight.copy_(torch.tensor([[0.8], [0.0]]))
        model.down[0].net.bias.copy_(torch.tensor([0.1, -1.0]))
        model.leave.net.weight[1::2].zero_()
    return model


def by_grid(model, x, points=401):
    """Log p(x), the ELBO, the mass of q, and log E w^2, by sums over a grid of both noises."""
    side = torch.linspace(-7, 7, points, dtype=torch.float64)
    e = torch.cartesian_prod(side, side)
    log_p = model.decode(e[:, None]).log_prob(x) + model.prior.log_prob(e)[:, None]
    log_q = model.encode(x).log_prob(e[:, None].expand(-1, len(x), -1))
    step = 2 * math.log(side[1] - side[0])
    q = (log_q + step).exp()
    square = (2 * log_p - log_q).logsumexp(0) + step  # log E w^2
    return log_p.logsumexp(0) + step, (q * (log_p - log_q)).sum(0), q.sum(0), square


@torch.no_grad()
def test_bounds_of_a_linear_ladder_against_quadrature_and_gaussian_algebra():
    torch.manual_seed(0)
    model = linear(LadderVAE(pf.Reals((2,)), (1, 1), width=3, head=GaussianHead()))
    x = torch.randn(5, 2, dtype=torch.float64)
    truth, bound, mass, square = by_grid(model, x)
    assert torch.allclose(mass, torch.ones(5).double(), atol=1e-8)
    down, leave = model.down[0].net, model.leave.net
    prior, noise = (
        scale_of(layer.bias[1::2], least) for layer, least in ((down, 1e-4), (leave, 1e-3))
    )
    variance = down.weight[0, 0] ** 2 + prior[0] ** 2
    w = leave.weight[::2, 0]
    cover = variance * torch.outer(w, w) + noise.diag() ** 2
    mean = w * down.bias[0] + leave.bias[::2]
    algebra = MultivariateNormal(mean, cover).log_prob(x)
    assert torch.allclose(truth, algebra, atol=1e-8)
    elbo = model.elbo(x, samples=40_000)
    spread = model.log_weights(x, samples=4_000).std(0) / math.sqrt(40_000)
    assert ((elbo - bound).abs() < 5 * spread + 1e-9).all()
    assert (bound < truth).all()
    many = model.importance_weighted(x, k=20_000)
    error = ((square - 2 * truth).exp() - 1).sqrt() / math.sqrt(20_000)
    assert (((many - truth).exp() - 1).abs() < 6 * error).all()
    assert (error < 0.1).all()


@torch.no_grad()
def test_the_top_takes_what_the_data_say_alone():
    """Only levels below it join the data with a prior (Sonderby et al., eqs. 16-17)."""
    torch.manual_seed(0)
    model = stirred(LadderVAE(BITS, (2, 1), width=8), 0.3)
    x = bits(4)
    top, bottom = model.encode(x).drawn(1)[0]
    mean, raw = model.evidence(x, None)[0].chunk(2, 1)
    assert torch.equal(top.q.loc, mean)
    assert torch.equal(top.q.scale, scale_of(raw, 1e-4))
    assert torch.equal(top.p.loc, torch.zeros_like(mean))
    assert torch.equal(top.p.scale, torch.ones_like(mean))
    mean, raw = model.evidence(x, None)[1].chunk(2, 1)
    said, p = Normal(mean, scale_of(raw, 1e-4)), bottom.p
    precision = said.scale**-2 + p.scale**-2
    assert torch.allclose(bottom.q.scale**-2, precision)
    expected = (said.loc * said.scale**-2 + p.loc * p.scale**-2) / precision
    assert torch.allclose(bottom.q.loc, expected)


@pytest.mark.parametrize("model", list(models()), ids=["ladder", "deep"])
@torch.no_grad()
def test_one_vector_of_noise_stands_for_all_levels(model):
    x = bits(4)
    torch.manual_seed(1)
    draw = model.draw(x, samples=6)
    q = model.encode(x)
    assert torch.allclose(q.log_prob(draw.z), draw.log_q)
    assert torch.allclose(model.decode(draw.z).log_prob(x), draw.log_x)
    assert torch.allclose(model.prior.log_prob(draw.z.flatten(0, 1)).view(6, 4), draw.log_p)
    z, log_q = q.rsample_and_log_prob((5,))
    assert torch.allclose(q.log_prob(z), log_q)
    assert q.sample().shape == (4, model.prior.space.dims)
    assert torch.equal(model.push(z[0]), model.decode(z[0]).mode)
    one = model.decode(z[0, 0])
    assert torch.allclose(one.log_prob(x[0]), model.decode(z[0, :1]).log_prob(x[:1]))


@pytest.mark.parametrize("model", list(models()), ids=["ladder", "deep"])
def test_surgery_and_annealing_see_hierarchies(model):
    x = bits(6)
    cut = elbo_surgery(model, pf.Split((x,)), samples=200)
    levels = level_rates(model, pf.Split((x,)), samples=200)
    assert cut.elbo == pytest.approx(levels.elbo, abs=0.1)
    assert cut.rate == pytest.approx(levels.rate, abs=0.1)
    assert -0.05 < cut.information < math.log(6)
    torch.manual_seed(0)
    weights = log_weights(model, x, chains=30, steps=20)
    annealed = weights.logsumexp(0) - math.log(30)
    with torch.no_grad():
        bound = model.importance_weighted(x, k=5_000)
    assert torch.allclose(annealed, bound, atol=0.15)


def gradients(model, objective, x, repeats, seed):
    parameters = [p for p in model.parameters() if p.requires_grad]
    torch.manual_seed(seed)
    rows = []
    for _ in range(repeats):
        loss = objective(model, x)["negative_bound"].mean()
        found = torch.autograd.grad(loss, parameters, allow_unused=True, materialize_grads=True)
        rows.append(torch.cat([g.flatten() for g in found]))
    return torch.stack(rows)


def two_levels():
    return stirred(hvae(BITS, (1, 2), 8, components=3), 0.1)


@pytest.mark.parametrize("model", [*models(), two_levels()], ids=["ladder", "deep", "two"])
def test_doubly_reparametrised_gradients_of_levels_are_unbiased(model):
    x = bits(2)
    plain = gradients(model, IWAE(4), x, 150, 0)
    double = gradients(model, DReG(4), x, 150, 1)
    error = ((plain.var(0) + double.var(0)) / 150).sqrt()
    assert ((plain.mean(0) - double.mean(0)).abs() < 5 * error + 1e-9).all()
    assert double.var(0).sum() < plain.var(0).sum()
    path = gradients(model, STL(1), x, 150, 2)
    plain = gradients(model, IWAE(1), x, 150, 3)
    error = ((plain.var(0) + path.var(0)) / 150).sqrt()
    assert ((plain.mean(0) - path.mean(0)).abs() < 5 * error + 1e-9).all()


def test_pixels_of_a_deep_vae_are_mixtures_that_sum_to_one():
    """PixelCNN++'s likelihood: every value of all channels of a pixel together."""
    space = pf.Pixels(2, 2, 1, levels=4)
    torch.manual_seed(0)
    model = stirred(DeepVAE(space, (1,), width=4, latent=1, head=LogisticMixtureHead(3)), 0.3)
    p = model.decode(model.latents(2))
    every = torch.cartesian_prod(*[torch.arange(4)] * 4).to(torch.uint8).view(-1, 1, 2, 2, 1)
    with torch.no_grad():
        log_p = p.log_prob(every.expand(-1, 2, -1, -1, -1))
    assert torch.allclose(log_p.exp().sum(0), torch.ones(2).double(), atol=1e-9)
    pixels = log_p.exp()[:, 0].view(4, 4, 4, 4)  # channel 0 of both pixels, then channel 1
    one = pixels.sum((1, 3))
    assert (one - one.sum(1, keepdim=True) * one.sum(0)).abs().max() > 1e-3  # channels are coupled
    both = pixels.permute(0, 2, 1, 3).reshape(16, 16)
    assert torch.allclose(both, torch.outer(both.sum(1), both.sum(0)), atol=1e-9)
    space.check(model.sample(3))
    assert model.loss(space_of(5, space))["distortion"].shape == (5,)


def space_of(n, space):
    return torch.randint(space.levels, (n, *space.shape)).to(torch.uint8)


def test_a_ladder_takes_a_mixture_too():
    space = pf.Pixels(2, 2, 1, levels=4)
    model = LadderVAE(space, (2, 1), width=8, head=LogisticMixtureHead(2))
    assert model.loss(space_of(5, space))["distortion"].shape == (5,)
    with pytest.raises(ValueError, match="logistics describe pixels"):
        LadderVAE(pf.Reals((2,)), head=LogisticMixtureHead())


def test_deep_vae_starts_as_its_prior():
    torch.manual_seed(0)
    draw = DeepVAE(BITS, (2, 1), width=8).draw(bits())
    assert torch.equal(draw.rate, torch.zeros(6, 3))


def test_product_of_normals():
    a, b = Normal(torch.tensor(1.0), torch.tensor(2.0)), Normal(torch.tensor(-1.0), 0.5)
    product = joined(a, Normal(b.loc, torch.tensor(0.5)))
    z = torch.linspace(-2, 2, 5)
    gap = a.log_prob(z) + b.log_prob(z) - product.log_prob(z)
    assert torch.allclose(gap, gap[0].expand(5), atol=1e-5)


def test_levels_pass_free_bits():
    torch.manual_seed(0)
    model = LadderVAE(BITS, (2, 1), width=8, objective=ELBO(free_bits=1.0))
    assert model.loss(bits())["rate"] >= 2.0
    pf.Training(model, pf.data.find("bars"), pf.Recipe(2, 16))


@pytest.mark.parametrize(
    "build",
    [
        lambda: LadderVAE(BITS, ()),
        lambda: DeepVAE(pf.Pixels(1, 6, 6), (1, 1, 1)),
        lambda: DeepVAE(BITS, (0, 1)),
        lambda: DeepVAE(BITS, (1, 1), objective=ELBO(free_bits=6.0)),
    ],
)
def test_bad_arguments(build):
    with pytest.raises(ValueError, match=r"must|at most"):
        build()

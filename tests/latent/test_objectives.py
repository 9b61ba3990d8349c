"""Bounds and gradients against enumeration and closed forms; surgery; flow posteriors."""

import itertools
import math

import numpy as np
import pytest
import torch
from scipy.special import logsumexp
from scipy.stats import norm
from sklearn.gaussian_process.kernels import RationalQuadratic
from test_vae import BITS, bits, small
from torch.distributions import Independent, MultivariateNormal, Normal

import pushforward as pf
from pushforward.metrics.surgery import elbo_surgery, rate_distortion
from pushforward.models.flow.iaf import IAF
from pushforward.models.flow.planar import PlanarFlow
from pushforward.models.latent.flow_posterior import posterior, with_posterior
from pushforward.models.latent.vae import VAE, dense
from pushforward.models.latent.vampprior import VampPrior
from pushforward.objectives.disentangling import DIP, BetaTC, DIPOne, InfoVAE, aggregated, factors
from pushforward.objectives.importance import IWAE, STL, DReG, ScoreFunction, frozen
from pushforward.objectives.variational import ELBO, VectorDraw
from pushforward.probability.posteriors import drawn
from pushforward.probability.priors import StandardNormal


def gradients(model, objective, x, repeats, seed=0):
    """Gradients of the encoder's and decoder's last biases, (repeats, numbers)."""
    biases = (model.encoder.network.net[-1].bias, model.decoder.network.net[-1].bias)
    torch.manual_seed(seed)
    rows = []
    for _ in range(repeats):
        total = sum(t.mean() for t in objective(model, x).values())
        rows.append(torch.cat(torch.autograd.grad(total, biases)))
    return torch.stack(rows)


def same_mean(a, b):
    error = ((a.var(0) + b.var(0)) / len(a)).sqrt()
    return ((a.mean(0) - b.mean(0)).abs() < 4.5 * error + 1e-9).all()


def test_gradient_estimators_agree_and_differ_in_variance():
    model, x = small(), bits(3)
    plain = gradients(model, ELBO(samples=8), x, 300)
    score = gradients(model, ScoreFunction(8), x, 300, seed=1)
    assert same_mean(plain, score)
    assert score[:, :4].var(0).sum() > 3 * plain[:, :4].var(0).sum()


def test_doubly_reparametrised_gradients_are_unbiased():
    model, x = small(), bits(3)
    plain, double = gradients(model, IWAE(8), x, 400), gradients(model, DReG(8), x, 400, seed=1)
    assert same_mean(plain, double)
    assert double[:, :4].var(0).sum() < plain[:, :4].var(0).sum()
    one, path = gradients(model, IWAE(1), x, 400), gradients(model, STL(1), x, 400, seed=1)
    assert same_mean(one, path)


@pytest.mark.parametrize("kind", [IWAE, STL, DReG])
def test_the_first_share_of_the_training_takes_one_draw(kind):
    model, x = small(), bits(3)
    for progress, same in ((0.0, 1), (0.4, 1), (0.5, 8), (1.0, 8)):
        model.progress.fill_(progress)
        losses = []
        for objective in (kind(8, after=0.5), kind(same)):
            torch.manual_seed(1)
            losses.append(objective(model, x)["negative_bound"])
        assert torch.equal(*losses)


def test_score_function_reports_the_elbo():
    model, x = small(), bits(3)
    torch.manual_seed(0)
    value = ScoreFunction(500)(model, x)["negative_elbo"]
    assert torch.allclose(value, -model.elbo(x, samples=500), atol=0.2)


def test_surgery_adds_up_and_is_exact_on_a_finite_set():
    encoder, decoder = dense(BITS, latent=2, width=8)
    x = bits(12)
    vamp = VAE(encoder, decoder, VampPrior(encoder, 12).start(x)).double()
    cut = elbo_surgery(vamp, pf.Split((x,)), samples=50)
    assert cut.elbo == pytest.approx(cut.reconstruction - cut.information - cut.marginal_kl)
    assert cut.marginal_kl == pytest.approx(0, abs=1e-9)  # the prior is the aggregated posterior
    assert 0 < cut.information < math.log(12)
    with torch.no_grad():
        assert cut.elbo == pytest.approx(vamp.elbo(x, samples=500).mean().item(), abs=0.1)


def test_surgery_sees_a_collapse_and_its_opposite():
    model, split = small(), pf.Split((bits(12),))
    last = model.encoder.network.net[-1]
    with torch.no_grad():
        last.weight.zero_()
        last.bias.zero_()
    cut = elbo_surgery(model, split)
    assert cut.information == pytest.approx(0, abs=1e-9)
    assert cut.active == 0
    assert cut.collapsed
    assert "collapsed" in str(cut)
    with torch.no_grad():
        last.weight[:2].normal_(0, 100)
        last.bias[2:] = -5.0
    sharp = elbo_surgery(model, split)
    assert sharp.information == pytest.approx(math.log(12), abs=1e-3)
    assert sharp.active == 2
    assert [s.rate for s in rate_distortion([model, small()], split)] == sorted(
        [sharp.rate, elbo_surgery(small(), split).rate]
    )


def test_surgery_refuses_what_has_no_encoder():
    with pytest.raises(ValueError, match="no encoder"):
        elbo_surgery(pf.GMM(2), pf.Split((torch.zeros(3, 2),)))


@pytest.mark.parametrize("flow", [PlanarFlow(3, 2), IAF(3, 2, width=8), IAF(3, 1, 8, context=4)])
def test_flow_posterior_knows_its_density(flow):
    torch.manual_seed(0)
    head = posterior(flow).double()
    q = head(torch.randn(4, head.outputs, dtype=torch.float64))
    z, log_q = drawn(q, 5)
    assert z.shape == (5, 4, 3)
    assert z.requires_grad
    assert torch.allclose(q.log_prob(z), log_q, atol=1e-6)


class Banana(pf.Component):
    """A decoder whose posterior bends: one number, z_1 + z_2^2, with a little noise."""

    def __init__(self) -> None:
        super().__init__()
        self.space = pf.Reals((1,))

    def forward(self, z):
        centre = z[..., :1] + z[..., 1:] ** 2
        return Independent(Normal(centre, 0.3, validate_args=False), 1)


def best_bound(flow=None):
    from pushforward.nn.mlp import MLP
    from pushforward.probability.posteriors import DiagonalGaussian, Encoder

    torch.manual_seed(0)
    head = DiagonalGaussian(2) if flow is None else posterior(flow)
    encoder = Encoder(MLP(1, head.outputs, 8, 1), pf.Reals((1,)), head)
    model = VAE(encoder, Banana())
    x = torch.full((64, 1), 1.0)
    data = pf.Dataset("one", pf.Reals((1,)), *[pf.Split((x,))] * 3)
    recipe = pf.Recipe(400, 64, pf.Adam(0.02), schedule=pf.Cosine(), validate_every=0)
    pf.fit(model, data, recipe, quiet=True)
    with torch.no_grad():
        return model.log_weights(x, samples=100).mean().item()


def test_flow_posterior_bounds_more_tightly_than_a_diagonal_one():
    diagonal = best_bound()
    bent = best_bound(IAF(2, 2, width=16))
    assert bent > diagonal + 0.02


def test_stl_refuses_a_flow_posterior():
    model = with_posterior(BITS, PlanarFlow(2, 1), 8)
    with pytest.raises(ValueError, match="take IWAE instead"):
        STL(2)(model, bits())
    with pytest.raises(ValueError, match="needs a diagonal posterior"):
        DIP()(model, bits())


def test_frozen_full_gaussian_keeps_its_density():
    from pushforward.probability.posteriors import FullGaussian

    q = FullGaussian(2)(torch.randn(3, 5, requires_grad=True))
    z = q.sample()
    assert torch.allclose(frozen(q).log_prob(z), q.log_prob(z))
    assert not frozen(q).log_prob(z).requires_grad


def brute_force(loc, scale, z):
    """Log q(z) and log prod_j q(z_j) of draws (n, d) by summing scipy's densities over all data."""
    each = norm.logpdf(z[:, None], loc, scale)
    joint = logsumexp(each.sum(-1), axis=1) - math.log(len(loc))
    return joint, (logsumexp(each, axis=1) - math.log(len(loc))).sum(-1)


@pytest.mark.parametrize("examples", [None, 12])
@pytest.mark.parametrize("beta", [1.0, 6.0])
def test_terms_of_beta_tc_equal_brute_force_on_a_finite_set(beta, examples):
    model, x = small(), bits(12)
    torch.manual_seed(1)
    draw = model.draw(x)
    q, z = factors(draw), draw.z[0].detach().numpy()
    loc, scale = q.loc.detach().numpy(), q.scale.detach().numpy()
    joint, product = brute_force(loc, scale, z)
    torch.manual_seed(1)
    terms = {name: t.detach().numpy() for name, t in BetaTC(beta, examples)(model, x).items()}
    conditional = norm.logpdf(z, loc, scale).sum(-1)
    assert terms["distortion"] == pytest.approx(-draw.log_x[0].detach().numpy(), abs=1e-9)
    assert terms["information"] == pytest.approx(conditional - joint, abs=1e-9)
    assert terms["correlation"] == pytest.approx(beta * (joint - product), abs=1e-9)
    assert terms["marginals"] == pytest.approx(product - norm.logpdf(z).sum(-1), abs=1e-9)


def test_terms_of_beta_tc_find_a_correlation_and_nothing_of_independence():
    """Latents that are all of the data: q(z) is the data's own, whose terms have closed forms."""
    n, cover = 4_000, torch.tensor([[1.0, 0.8], [0.8, 1.0]], dtype=torch.float64)
    torch.manual_seed(0)
    loc = MultivariateNormal(torch.zeros(2).double(), cover - 0.01 * torch.eye(2)).sample((n,))
    q = Normal(loc, torch.full_like(loc, 0.1))
    z = q.sample()
    joint, product = aggregated(q, z)
    correlation = (joint - product).mean().item()
    assert correlation == pytest.approx(-math.log(1 - 0.8**2) / 2, abs=0.05)
    marginals = (product - Normal(0.0, 1.0).log_prob(z).sum(-1)).mean().item()
    assert marginals == pytest.approx(0, abs=0.05)


def test_stratified_sampling_is_unbiased():
    """The mean over all batches of q(z) for a latent of one of its data is q(z) of the set."""
    model, x = small(), bits(7)
    q = factors(model.draw(x))
    loc, scale, z = q.loc.detach(), q.scale.detach(), q.sample()
    exact, _ = brute_force(loc.numpy(), scale.numpy(), z.numpy())
    found = []
    for others in itertools.combinations(range(1, 7), 3):
        batch = [0, *others]
        part = Normal(loc[batch], scale[batch])
        found.append(aggregated(part, z[batch], 7)[0][0].exp())
    assert torch.stack(found).mean().log().item() == pytest.approx(exact[0], abs=1e-9)
    weighted = aggregated(Normal(loc[:4], scale[:4]), z[:4])[0]
    each = Normal(loc[:4], scale[:4]).log_prob(z[:4, None]).sum(-1)
    assert torch.allclose(weighted, each.logsumexp(1) - math.log(4))


def test_a_batch_is_no_larger_than_the_set():
    with pytest.raises(ValueError, match="examples is 5, fewer than the 12 data"):
        BetaTC(1.0, 5)(small(), bits(12))
    assert BetaTC(1.0, 5)(small(), bits(1))["information"].item() == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("kind", [DIP, DIPOne])
def test_dip_is_the_formula_of_its_covariance(kind):
    """Off sum_{i != j} C_ij^2 + diagonal sum_i (C_ii - 1)^2, C by numpy (eqs. 6-7)."""
    model, x = small(), bits(9)
    q = factors(model.draw(x))
    means, scales = q.loc.detach().numpy(), q.scale.detach().numpy()
    cover = np.cov(means.T, bias=True)
    if kind is DIP:
        cover = cover + np.diag((scales**2).mean(0))
    off = sum(cover[i, j] ** 2 for i in range(2) for j in range(2) if i != j)
    diagonal = ((np.diag(cover) - 1) ** 2).sum()
    terms = kind(off=3.0, diagonal=7.0)(model, x)
    assert terms["covariance"].item() == pytest.approx(3 * off + 7 * diagonal)
    assert terms["covariance"].shape == ()
    rate = norm_rate(means, scales)
    assert terms["rate"].detach().numpy() == pytest.approx(rate)


def norm_rate(mean, scale):
    """KL(N(mean, scale^2) || N(0, I)), (batch,)."""
    return ((mean**2 + scale**2 - 1) / 2 - np.log(scale)).sum(1)


@pytest.mark.parametrize("kind", [DIP, DIPOne])
def test_dip_draws_the_covariance_to_the_identity(kind):
    torch.manual_seed(0)
    model = VAE(*dense(BITS, latent=3, width=16), objective=kind(off=20.0, diagonal=20.0))
    data = pf.data.find("bars")
    pf.fit(model, data, pf.Recipe(200, 256, pf.Adam(5e-3), validate_every=0), quiet=True)
    with torch.no_grad():
        q = factors(model.draw(data.validation.at(slice(0, 200))[0]))
    excess = model.objective.covariance(q) - torch.eye(3)
    assert excess.abs().max() < 0.35


def gram(a, b):
    """Sum over five shapes of sklearn's kernel (1 + |a - b|^2 / 2 shape)^-shape."""
    shapes = (0.2, 0.5, 1.0, 2.0, 5.0)
    return sum(RationalQuadratic(length_scale=1.0, alpha=shape)(a, b) for shape in shapes)


def pairs_mmd2(a, b):
    """The unbiased MMD^2, over pairs of different draws."""
    within = [gram(v, v)[~np.eye(len(v), dtype=bool)].mean() for v in (a, b)]
    return sum(within) - 2 * gram(a, b).mean()


@pytest.mark.parametrize("n", [1, 12])
def test_info_vae_is_the_mmd_of_its_draws(n):
    model, x = small(), bits(n)
    torch.manual_seed(1)
    draw = model.draw(x, samples=1 if n > 1 else 2)
    prior = model.prior.sample(len(draw.z) * n)
    exact = pairs_mmd2(draw.z.flatten(0, 1).detach().numpy(), prior.numpy())
    torch.manual_seed(1)
    terms = InfoVAE(rate=0.5, mmd=10.0)(model, x)
    assert terms["mmd"].item() == pytest.approx(10 * exact)
    q = factors(draw)
    rate = norm_rate(q.loc.detach().numpy(), q.scale.detach().numpy())
    assert terms["rate"].detach().numpy() == pytest.approx(0.5 * rate)
    assert torch.allclose(terms["distortion"], -draw.log_x.mean(0))


def test_info_vae_brings_the_aggregated_posterior_to_the_prior():
    """Nothing else holds latents where the rate weighs nothing."""
    far = []
    for weight in (0.0, 200.0):
        torch.manual_seed(0)
        objective = InfoVAE(rate=0.0, mmd=weight)
        model = VAE(*dense(BITS, latent=2, width=32), objective=objective)
        data = pf.data.find("bars")
        pf.fit(model, data, pf.Recipe(200, 128, pf.Adam(5e-3), validate_every=0), quiet=True)
        with torch.no_grad():
            z = model.encode(data.validation.at(slice(0, 400))[0]).sample().double().numpy()
        far.append(pairs_mmd2(z, np.random.RandomState(0).randn(len(z), 2)))
    assert far[1] < 0.05 < far[0]


class OneLatent:
    """p(z) = N(0, 1), p(x|z) = N(w z, t^2), q(z|x) = N(m, s^2): every derivative by hand."""

    w, t = 0.7, 0.4

    def __init__(self, mean, scale):
        self.mean, self.scale = mean, scale
        self.prior, self.progress = StandardNormal((1,)).double(), torch.ones(())

    def draw(self, x, samples=1):
        q = Independent(Normal(self.mean, self.scale), 1)
        z = q.rsample((samples,))
        log_x = Normal(self.w * z, self.t).log_prob(x).sum(-1)
        return VectorDraw(q, self.prior, z, log_x)

    def slopes(self, x, z):
        """d log w / dz with q's parameters held: of log p(x|z) + log p(z) - log q(z)."""
        m, s = self.mean.detach().numpy(), self.scale.detach().numpy()
        return self.w * (x - self.w * z) / self.t**2 - z + (z - m) / s**2


@pytest.mark.parametrize(("kind", "power"), [(STL, 1), (DReG, 2)])
@pytest.mark.parametrize("k", [1, 2, 7])
def test_path_gradients_of_k_draws_by_hand(kind, power, k):
    """Sum_i W_i^power dlog w_i/dz_i (dz/dm, dz/ds) = (1, eps), W the normalised weights."""
    mean = torch.tensor([[0.3], [-0.8]], dtype=torch.float64, requires_grad=True)
    scale = torch.tensor([[0.5], [1.2]], dtype=torch.float64, requires_grad=True)
    model, x = OneLatent(mean, scale), torch.tensor([[1.0], [0.2]], dtype=torch.float64)
    torch.manual_seed(1)
    loss = kind(k)(model, x)["negative_bound"]
    found = torch.autograd.grad(loss.sum(), (mean, scale))
    torch.manual_seed(1)
    draw = model.draw(x, samples=k)
    z, weights = draw.z.detach().numpy(), draw.log_weights.detach()[..., None].softmax(0).numpy()
    slope = weights**power * model.slopes(x.numpy(), z)
    eps = (z - mean.detach().numpy()) / scale.detach().numpy()
    assert found[0].numpy() == pytest.approx(-slope.sum(0))
    assert found[1].numpy() == pytest.approx(-(slope * eps).sum(0))
    bound = torch.logsumexp(draw.log_weights, 0) - math.log(k)
    assert torch.allclose(loss, -bound)


@pytest.mark.parametrize(
    "build",
    [
        lambda: IWAE(0),
        lambda: IWAE(after=1.0),
        lambda: ScoreFunction(1),
        lambda: DIP(off=-1),
        lambda: BetaTC(beta=-1),
    ],
)
def test_bad_numbers(build):
    with pytest.raises(ValueError, match="must be"):
        build()

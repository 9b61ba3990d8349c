"""PPCA: EM, closed form, scikit-learn, and AIS where the likelihood is known."""

import copy
import math

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

import pushforward as pf
from pushforward.metrics import ais
from pushforward.models.latent.ppca import PPCA, GradientPPCA
from pushforward.probability.priors import StandardNormal


def line(n=400, d=6, k=2, seed=0):
    rng = np.random.RandomState(seed)
    return rng.randn(n, k) @ rng.randn(k, d) + 0.4 * rng.randn(n, d) + rng.randn(d)


def fitted(x, k=2):
    return PPCA(x.shape[1], k).double().solve(torch.from_numpy(x))


def test_closed_form_equals_scikit_learn():
    x = line()
    theirs, n = PCA(2).fit(x), len(x)
    # scikit-learn divides its covariance by n - 1; stretched data have the same one by n.
    stretched = (x - x.mean(0)) * math.sqrt(n / (n - 1)) + x.mean(0)
    model = fitted(stretched)
    assert np.allclose(model.noise.detach(), theirs.noise_variance_)
    assert np.allclose(model.log_prob(torch.from_numpy(x)).detach(), theirs.score_samples(x))


def test_em_climbs_to_the_closed_form():
    x = torch.from_numpy(line())
    torch.manual_seed(0)
    model = PPCA(6, 2).double()
    nll = torch.stack([model.update(x)["nll"].mean() for _ in range(300)])
    assert (nll.diff() <= 1e-12).all()
    best = fitted(x.numpy())
    assert torch.allclose(model.log_prob(x), best.log_prob(x), atol=1e-6)
    assert torch.allclose(model.weight @ model.weight.T, best.weight @ best.weight.T, atol=1e-5)
    assert torch.allclose(model.noise, best.noise, atol=1e-7)


def test_posterior_is_bayes_rule():
    x = torch.from_numpy(line())
    model = fitted(x.numpy())
    z = torch.randn(len(x), 2, dtype=torch.float64)
    prior = StandardNormal((2,)).double()
    joint = model.decode(z).log_prob(x) + prior.log_prob(z)
    assert torch.allclose(joint - model.encode(x).log_prob(z), model.log_prob(x))


def test_flat_data_are_refused():
    x = line(k=1, d=4)
    flat = torch.from_numpy(x)[:, :1] * torch.ones(1, 4, dtype=torch.float64)
    with pytest.raises(ValueError, match="lower `latent`"):
        PPCA(4, 2).double().solve(flat * torch.tensor([1.0, 0, 0, 0], dtype=torch.float64))
    with pytest.raises(ValueError, match="latent must be less"):
        PPCA(4, 4)
    with pytest.raises(ValueError, match="lower `latent`"):
        PPCA(2, 1).update(torch.ones(5, 2))
    with pytest.raises(ValueError, match="not finite"):
        PPCA(2, 1).update(torch.full((5, 2), math.nan))


def test_a_constant_feature_is_no_failure():
    x = torch.cat([torch.randn(50, 2), torch.full((50, 1), 7.0)], 1)
    model = PPCA(3, 1)
    nll = torch.stack([model.update(x)["nll"].mean() for _ in range(100)])
    assert nll.isfinite().all()
    assert model.sample(4).isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e6])
@pytest.mark.parametrize(
    ("n", "d", "k", "rank"),
    [(50, 2, 1, 1), (3, 2, 1, 1), (50, 3, 2, 1), (1000, 10, 3, 3), (9, 64, 20, 8)],
)
def test_data_of_the_latents_rank_are_refused_sooner_or_later(dtype, scale, n, d, k, rank):
    """The noise falls to the rounding of the data's variance: an error in words, no NaN."""
    latents, axes = torch.randn(n, rank, dtype=dtype), torch.randn(rank, d, dtype=dtype)
    x = (latents @ axes + 3 * torch.randn(d, dtype=dtype)) * scale
    model = PPCA(d, k).to(dtype)

    def climb():
        for _ in range(300):
            assert model.update(x)["nll"].isfinite().all()

    with pytest.raises(ValueError, match="lower `latent`"):
        climb()
    with pytest.raises(ValueError, match="lower `latent`"):
        model.solve(x)


@pytest.mark.parametrize("value", [0.0, 0.1, -1e9])
def test_a_single_point_is_refused_whatever_its_mean_is_rounded_to(value):
    with pytest.raises(ValueError, match="lower `latent`"):
        PPCA(3, 1).update(torch.full((1000, 3), value))


@pytest.mark.parametrize("scale", [1e-9, 1e9])
def test_data_may_be_given_in_any_unit(scale):
    """p(c x) = p(x) / c^d, after each iteration."""
    x = torch.from_numpy(line())
    torch.manual_seed(0)
    model = PPCA(6, 2).double()
    scaled = copy.deepcopy(model)
    for _ in range(50):
        nll, theirs = model.update(x)["nll"], scaled.update(scale * x)["nll"]
        assert torch.allclose(nll + 6 * math.log(scale), theirs)


def test_noise_above_the_rounding_is_found():
    """25 times what could be rounding: known to 4 %."""
    n, d, k = 1000, 10, 3
    share = 100 * torch.finfo(torch.float32).eps * math.sqrt(n + d)
    rng = np.random.RandomState(0)
    x = rng.randn(n, k) @ np.linalg.qr(rng.randn(d, k))[0].T + math.sqrt(share * k / d) * rng.randn(
        n, d
    )
    noise = fitted(x, k).noise.item()
    model = PPCA(d, k)
    for _ in range(200):
        model.update(torch.from_numpy(x).float())
    assert model.noise.item() == pytest.approx(noise, rel=0.04)
    assert model.solve(torch.from_numpy(x).float()).noise.item() == pytest.approx(noise, rel=0.04)


def known(latent: int) -> tuple[PPCA, torch.Tensor]:
    """A linear-Gaussian model, and a datum half a standard deviation from its mean."""
    model = PPCA(latent + 1, latent).double()
    with torch.no_grad():
        model.weight.copy_(torch.eye(latent + 1, latent))
    return model, torch.full((1, latent + 1), 0.7).double()


def test_ais_weights_have_the_mean_that_is_known():
    """1,000 runs, each with a pilot of its own: the mean is p(x) within two standard errors."""
    model, x = known(2)
    torch.manual_seed(1)
    log_w = ais.log_weights(model, x.expand(1_000, -1), chains=4, steps=50, leapfrogs=3)
    with torch.no_grad():
        runs = (log_w - model.log_prob(x)).exp().mean(0)
    error = runs.std() / 1_000**0.5
    assert error < 0.01
    assert abs(runs.mean() - 1) < 2 * error


def test_ais_steps_do_not_depend_on_what_the_chains_have_seen(monkeypatch):
    """Only the pilot adapts: all chains of an example then step alike, whatever they accepted."""
    model, x = known(2)
    lengths = []

    def recorded(target, z, length, leapfrogs, move=ais.hamiltonian):
        lengths.append(length.clone())
        return move(target, z, length, leapfrogs)

    monkeypatch.setattr(ais, "hamiltonian", recorded)
    torch.manual_seed(0)
    ais.log_weights(model, torch.cat([x, 3 * x]), chains=16, steps=150, leapfrogs=1)
    pilot, run = lengths[:150], lengths[150:]
    assert {tuple(step.shape) for step in pilot} == {(ais.PILOTS, 2)}
    assert len(run) == 150
    assert all((step == step[:1]).all() for step in run)
    assert (pilot[-1] != pilot[-1][:1]).any(), "chains of the pilot adapt for themselves"
    # What a chain of the pilot steps next is what it had become after the step before.
    for i in range(149):
        torch.testing.assert_close(run[i][0], pilot[i + 1].log().mean(0).exp())


def test_ais_rises_to_the_likelihood_of_data():
    x = torch.from_numpy(line())[:5]
    ppca = fitted(line())
    torch.manual_seed(0)
    log_w = ais.log_weights(ppca, x, chains=64, steps=200, leapfrogs=5)
    with torch.no_grad():
        ratio = (log_w - ppca.log_prob(x)).exp()  # of mean 1
    error = ratio.std(0) / 8
    assert (error < 0.2).all()
    assert ((ratio.mean(0) - 1).abs() < 4 * error).all()
    assert (log_w.mean(0) < ppca.log_prob(x)).all()
    split = pf.Split((x,))
    assert "AIS lower bound (4 chains of 3 steps)" in str(ais.ais_nats(ppca, split, 4, 3, 2))


def test_what_ais_reports_is_minus_log_p():
    """The log of the mean weight over chains, within what 16 of them leave to chance."""
    model, x = known(2)
    told = ais.ais_nats(model, pf.Split((x.expand(20, -1),)), chains=16, steps=100, leapfrogs=3)
    exact = -model.log_prob(x).item()
    assert told.nats == pytest.approx(exact, abs=0.1)
    assert told.nats > exact - 3 * told.nats_stderr


def test_ais_refuses_what_has_no_decoder():
    with pytest.raises(ValueError, match="no decoder"):
        ais.log_weights(pf.GMM(2), torch.zeros(3, 2))


def test_gradient_climbs_to_the_closed_form():
    x = torch.from_numpy(line())
    torch.manual_seed(0)
    model = GradientPPCA(6, 2).double()
    adam = torch.optim.Adam(model.parameters(), 0.03)
    for _ in range(1_500):
        loss = model.loss(x)["nll"].mean()
        adam.zero_grad()
        loss.backward()
        adam.step()
    best = -fitted(line()).log_prob(x).mean()
    assert -1e-9 < (loss - best).item() < 1e-3


def test_shaped_data_are_the_flat_ones():
    x = torch.from_numpy(line())
    flat, shaped = PPCA(6, 2).double(), PPCA((2, 3), 2).double()
    shaped.load_state_dict(flat.state_dict())
    images = x.view(-1, 2, 3)
    for _ in range(3):
        assert torch.equal(flat.update(x)["nll"], shaped.update(images)["nll"])
    assert torch.equal(flat.encode(x).mean, shaped.encode(images).mean)
    z = flat.encode(x).mean
    assert torch.equal(flat.push(z).view(-1, 2, 3), shaped.push(z))
    assert torch.equal(flat.decode(z).log_prob(x), shaped.decode(z).log_prob(images))
    assert shaped.sample(4).shape == (4, 2, 3)

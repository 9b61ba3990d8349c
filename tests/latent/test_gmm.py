"""Gaussian mixtures against scikit-learn, step by step, in float64."""

import math
import warnings

import numpy as np
import pytest
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture
from torch.utils._python_dispatch import TorchDispatchMode

import pushforward as pf
from pushforward.models.latent.gmm import GMM, GradientGMM
from pushforward.models.latent.k_means import KMeans
from pushforward.probability.covariances import (
    DiagonalCovariance,
    FullCovariance,
    SphericalCovariance,
    TiedCovariance,
    factor,
    unfactor,
)
from pushforward.probability.seeding import plus_plus

FAMILIES = {
    "full": FullCovariance,
    "tied": TiedCovariance,
    "diag": DiagonalCovariance,
    "spherical": SphericalCovariance,
}


def clusters(n=300, d=4, seed=0):
    rng = np.random.RandomState(seed)
    centres = 3 * rng.randn(3, d)
    mix = rng.randn(3, d, d)
    which = rng.randint(3, size=n)
    return centres[which] + np.einsum("nij,nj->ni", mix[which], rng.randn(n, d))


def dataset(x):
    split = pf.Split((x,))
    return pf.Dataset("test", pf.Reals(tuple(x.shape[1:])), split, split, split)


def covariances(model):
    """The model's covariances in scikit-learn's layout."""
    raw = model.scale.detach()
    if isinstance(model.covariance, DiagonalCovariance):
        return (2 * raw).exp().squeeze(-1).numpy()
    lower = factor(raw)
    return (lower @ lower.mT).squeeze(0).numpy()


def started(kind, x):
    """A model and scikit-learn's, at one start."""
    model = GMM(x.shape[1], 3, FAMILIES[kind]()).double()
    torch.manual_seed(1)
    model.start(torch.from_numpy(x))
    precisions = np.linalg.inv(covariances(model)) if kind in ("full", "tied") else None
    theirs = GaussianMixture(
        3,
        covariance_type=kind,
        weights_init=model.logits.detach().softmax(0).numpy(),
        means_init=model.means.detach().numpy().copy(),
        precisions_init=1 / covariances(model) if precisions is None else precisions,
        tol=0.0,
        max_iter=12,
    )
    return model, theirs


@pytest.mark.parametrize("kind", FAMILIES)
def test_equals_scikit_learn_from_the_same_start(kind):
    x = clusters()
    model, theirs = started(kind, x)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        theirs.fit(x)
    for _ in range(12):
        model.update(torch.from_numpy(x))
    assert np.allclose(model.means.detach(), theirs.means_, atol=1e-8)
    assert np.allclose(model.logits.detach().exp(), theirs.weights_, atol=1e-8)
    assert np.allclose(covariances(model), theirs.covariances_, atol=1e-8)
    ours = model.log_prob(torch.from_numpy(x)).detach()
    assert np.allclose(ours, theirs.score_samples(x), atol=1e-8)
    shares = model.responsibilities(torch.from_numpy(x)).detach()
    assert np.allclose(shares, theirs.predict_proba(x), atol=1e-8)


@pytest.mark.parametrize("kind", FAMILIES)
def test_likelihood_never_falls(kind):
    x = torch.from_numpy(clusters(seed=3))
    torch.manual_seed(0)
    model = GMM(4, 5, FAMILIES[kind](), regularisation=0.0).double()
    nll = torch.stack([model.update(x)["nll"].mean() for _ in range(40)])
    assert (nll.diff() <= 1e-12).all()
    assert nll[-1] < nll[0] - 0.05


@pytest.mark.parametrize("kind", FAMILIES)
def test_gradient_and_em_meet(kind):
    x = torch.from_numpy(clusters())
    torch.manual_seed(0)
    model = GradientGMM(4, 3, FAMILIES[kind]()).double()
    recipe = pf.Recipe(200, None, pf.Adam(0.1), schedule=pf.Cosine(), validate_every=0)
    pf.fit(model, dataset(x), recipe, quiet=True)
    by_gradient = model.log_prob(x).mean().item()
    for _ in range(100):
        model.update(x)
    assert abs(by_gradient - model.log_prob(x).mean().item()) < 2e-3


@pytest.mark.parametrize("kind", FAMILIES)
def test_samples_have_the_moments(kind):
    x = torch.from_numpy(clusters(d=2))
    torch.manual_seed(0)
    model = GMM(2, 3, FAMILIES[kind]()).double()
    for _ in range(5):
        model.update(x)
    drawn = model.sample(20_000)
    weights, means = model.logits.detach().exp(), model.means.detach()
    mean = weights @ means
    colour = model.covariance.colour(model.scale.detach(), torch.eye(2).double().expand(3, 2, 2))
    each = colour.mT @ colour
    centred = means - mean
    spread = (weights[:, None, None] * (each + centred[:, :, None] * centred[:, None])).sum(0)
    assert torch.allclose(drawn.mean(0), mean, atol=0.1)
    assert torch.allclose(drawn.T.cov(), spread, rtol=0.05, atol=0.15)


def test_chunks_and_shape_change_nothing(monkeypatch):
    x = torch.from_numpy(clusters())
    results = []
    for chunk, shape in ((10**9, (4,)), (150, (1, 2, 2))):
        monkeypatch.setattr("pushforward.models.latent.gmm.CHUNK", chunk)
        torch.manual_seed(0)
        model = GMM(shape, 3).double()
        for _ in range(3):
            model.update(x.unflatten(1, shape))
        results.append(model.means.detach())
        assert model.sample(2).shape == (2, *shape)
    assert torch.allclose(*results, atol=1e-10)


def test_degenerate_data_stay_finite_in_float32():
    x = torch.cat([torch.zeros(40, 1), torch.randn(40, 1)], 1).repeat(2, 1)
    x[:80, 1] = 5.0  # half of the points coincide, and a feature is constant
    for covariance in FAMILIES.values():
        torch.manual_seed(0)
        model = GMM(2, 4, covariance())
        for _ in range(10):
            terms = model.update(x + 100)
        assert terms["nll"].isfinite().all()
        assert all(p.isfinite().all() for p in model.parameters())


def test_a_far_origin_costs_no_digits_in_float32():
    x = torch.from_numpy(clusters()).float()
    torch.manual_seed(0)
    near, far = (GMM(4, 3, regularisation=0.0) for _ in range(2))
    for model, shift in ((near, 0.0), (far, 1000.0)):
        torch.manual_seed(1)
        for _ in range(5):
            model.update(x + shift)
    gap = near.log_prob(x).mean() - far.log_prob(x + 1000).mean()
    assert abs(gap.item()) < 1e-3


@pytest.mark.parametrize("kind", ["full", "tied", "diag"])
@pytest.mark.parametrize("value", [0.0, 1.0, 0.1, -1e9])
def test_singular_without_regularisation_says_what_to_do(kind, value):
    x = torch.cat([torch.randn(50, 1), torch.full((50, 1), value)], 1)
    with pytest.raises(ValueError, match="regularisation"):
        GMM(2, 2, FAMILIES[kind](), regularisation=0.0).update(x)


def flat(n, d, rank, dtype):
    """Points of a subspace, which no coordinate shows."""
    return torch.randn(n, rank, dtype=dtype) @ torch.randn(rank, d, dtype=dtype) + 1.0


@pytest.mark.parametrize("kind", ["full", "tied"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e6])
@pytest.mark.parametrize(("n", "d", "rank"), [(50, 2, 1), (20_000, 3, 2), (2000, 30, 20)])
def test_what_may_be_rounding_alone_is_no_variance(kind, dtype, scale, n, d, rank):
    x = flat(n, d, rank, dtype) * scale
    with pytest.raises(ValueError, match="regularisation"):
        GMM(d, 2, FAMILIES[kind](), regularisation=0.0).to(dtype).update(x)


@pytest.mark.parametrize("kind", ["full", "tied"])
@pytest.mark.parametrize(("n", "d", "rank"), [(50, 2, 1), (20_000, 3, 2), (2000, 30, 20)])
def test_no_variance_is_less_than_the_regularisation(kind, n, d, rank):
    """In single precision too, where the rounding of the sums is more than it."""
    x = flat(n, d, rank, torch.float32)
    model = GMM(d, 2, FAMILIES[kind]())
    for _ in range(4):
        assert model.update(x)["nll"].isfinite().all()
    lower = factor(model.scale.detach()).double()
    least = torch.linalg.eigvalsh(lower @ lower.mT)[:, : d - rank]
    rounding = torch.finfo(torch.float32).eps * d * x.var(0).max()
    assert (least - model.regularisation).abs().max() < rounding


@pytest.mark.parametrize("kind", ["full", "tied"])
def test_a_regularisation_below_the_points_own_digits_is_refused(kind):
    with pytest.raises(ValueError, match="regularisation"):
        GMM(3, 1, FAMILIES[kind]()).update(1e6 * flat(1000, 3, 2, torch.float32))


@pytest.mark.parametrize("kind", [GMM, KMeans])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_data_that_are_not_finite(kind, value):
    x = torch.randn(9, 2)
    model = kind(2, 2)
    model.update(x)
    x[3, 1] = value
    for broken in (model, kind(2, 2)):
        with pytest.raises(ValueError, match="not finite"):
            broken.update(x)


def test_more_components_than_points():
    with pytest.raises(ValueError, match="9 components need at least as many points, not 8"):
        GMM(2, 9).update(torch.randn(8, 2))


@pytest.mark.parametrize(
    "arguments", [(0,), (2, 0), (2, 3, None, -1.0), (2, 3, None, math.nan), ((2, 0),)]
)
def test_bad_arguments(arguments):
    with pytest.raises(ValueError, match=r"at least|must be"):
        GMM(*arguments)


def test_plus_plus_prefers_what_is_far():
    x = torch.cat([torch.zeros(99, 2), torch.full((1, 2), 9.0)]).double()
    torch.manual_seed(0)
    assert all(plus_plus(x, 2).sum() == 18 for _ in range(20))
    assert plus_plus(torch.zeros(3, 2), 3).shape == (3, 2)


def test_cholesky_tensor_round_trip():
    raw = torch.randn(3, 4, 4, dtype=torch.float64).tril()
    assert torch.allclose(unfactor(factor(raw)), raw)


class Largest(TorchDispatchMode):
    """The most numbers that a tensor made within held."""

    def __init__(self):
        super().__init__()
        self.numbers = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        made = func(*args, **(kwargs or {}))
        if isinstance(made, torch.Tensor):
            self.numbers = max(self.numbers, made.untyped_storage().nbytes() // made.itemsize)
        return made


def test_many_data_are_seen_by_many_components_in_parts():
    torch.manual_seed(0)
    n, k, d = 2_000, 40, 30
    model = GMM(d, k, DiagonalCovariance()).double()
    x = torch.randn(n, d, dtype=torch.float64)
    at_once = model.log_prob(x)
    with torch.no_grad(), Largest() as seen:
        in_parts = model.log_prob(x)
        model.update(x)
    torch.testing.assert_close(in_parts, at_once.detach(), rtol=1e-13, atol=1e-12)
    assert seen.numbers < n * k * d / 4

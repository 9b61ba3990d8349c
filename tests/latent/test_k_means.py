"""k-means against scikit-learn from the same start, and as the limit of EM."""

import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans as Theirs
from test_gmm import clusters

from pushforward.models.latent.gmm import GMM
from pushforward.models.latent.k_means import KMeans
from pushforward.probability.covariances import TiedSphericalCovariance


def started(k=5, seed=1):
    x = torch.from_numpy(clusters(n=400))
    torch.manual_seed(seed)
    model = KMeans(4, k).double()
    model.start(x)
    return model, x


@pytest.mark.parametrize("iterations", [1, 3, 60])
def test_equals_scikit_learn_from_the_same_start(iterations):
    model, x = started()
    start = model.means.detach().numpy().copy()
    theirs = Theirs(5, init=start, n_init=1, max_iter=iterations, tol=0.0, algorithm="lloyd")
    theirs.fit(x.numpy())
    for _ in range(iterations):
        model.update(x)
    # After its last iteration scikit-learn moves labels, but centres only where it went on.
    assert np.allclose(model.means.detach(), theirs.cluster_centers_, atol=1e-10)
    apart = model.update(x)["distortion"]
    assert np.isclose(apart.sum(), theirs.inertia_, rtol=1e-10)
    if iterations == 60:
        assert np.array_equal(model.assign(x), theirs.labels_)


def test_distortion_never_rises_and_the_end_is_a_fixed_point():
    model, x = started(k=12)
    apart = torch.stack([model.update(x)["distortion"].mean() for _ in range(60)])
    assert (apart.diff() <= 1e-12).all()
    assert apart[-1] == apart[-2]


def test_is_the_limit_of_em_with_narrow_balls():
    model, x = started()
    narrow = GMM(4, 5, TiedSphericalCovariance(), regularisation=0.0).double()
    for width in (0.3, 0.03):
        narrow.load_state_dict(model.state_dict())
        with torch.no_grad():
            narrow.scale.fill_(np.log(width))
        shares = narrow.responsibilities(x).detach()
        unsure = (1 - shares.max(1).values).max()
        narrow.update(x)
    assert torch.equal(shares.argmax(1), model.assign(x))
    model.update(x)
    assert unsure < 0.05
    assert torch.allclose(narrow.means, model.means, atol=1e-3)


def test_what_is_left_is_the_likeliest_density_for_the_assignments():
    model, x = started()
    which = model.assign(x)
    model.update(x)
    variance = (x - model.means[which]).square().mean().item() + model.regularisation
    assert model.scale.exp().square().item() == pytest.approx(variance)
    shares = which.bincount(minlength=5) / len(x)
    assert torch.allclose(model.logits.softmax(0), shares.double(), atol=1e-12)


def test_a_cluster_without_points_stays():
    model = KMeans(1, 3).double()
    with torch.no_grad():
        model.means.copy_(torch.tensor([[0.0], [1.0], [50.0]]))
        model.started.fill_(True)
    model.update(torch.tensor([[0.0], [0.2], [1.0], [1.4]], dtype=torch.float64))
    assert model.means.flatten().tolist() == pytest.approx([0.1, 1.2, 50.0])


def test_bad_input():
    with pytest.raises(ValueError, match="9 components need at least as many points, not 8"):
        KMeans(2, 9).update(torch.randn(8, 2))
    with pytest.raises(ValueError, match="components must be"):
        KMeans(2, 0)
    same = torch.ones(6, 2)
    assert KMeans(2, 2).update(same)["distortion"].tolist() == [0.0] * 6
    with pytest.raises(ValueError, match="regularisation"):
        KMeans(2, 2, regularisation=0.0).update(same)

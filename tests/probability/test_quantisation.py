"""The quantiser against scikit-learn's k-means, scipy's distances, and its formulas."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from scipy.spatial.distance import cdist
from sklearn.cluster import KMeans

from pushforward.core.checkpoint import load, save
from pushforward.probability.quantisation import VectorQuantiser, perplexity


def clusters(n=600, centres=5, seed=0):
    generator = torch.Generator().manual_seed(seed)
    middle = 10 * torch.randn(centres, 3, generator=generator, dtype=torch.float64)
    noise = torch.randn(n, 3, generator=generator, dtype=torch.float64)
    return middle[torch.arange(n) % centres] + noise


def started(z, codes, decay=0.0, restart=0.0):
    quantiser = VectorQuantiser(codes, z.shape[-1], decay, restart).double()
    quantiser.codebook.data = z[:codes].clone()
    return quantiser


def test_the_nearest_codeword_is_the_nearest():
    z = clusters()
    quantiser = started(z, 20)
    expected = cdist(z.numpy(), quantiser.codebook.numpy()).argmin(1)
    assert quantiser.nearest(z.view(6, 100, 3)).flatten().tolist() == expected.tolist()


def test_gradients_pass_straight_through():
    z = clusters()
    quantiser = started(z, 5)
    z = z.requires_grad_()
    quantised = quantiser(z)
    torch.testing.assert_close(quantised, quantiser.lookup(quantiser.nearest(z)))
    weights = torch.randn_like(z)
    (gradient,) = torch.autograd.grad((quantised * weights).sum(), z)
    assert torch.equal(gradient, weights)


def test_without_memory_updates_are_k_means_and_end_at_its_fixed_point():
    z = clusters()
    quantiser = started(z, 5)
    reference = KMeans(5, init=quantiser.codebook.numpy(), n_init=1, tol=0, algorithm="lloyd")
    reference.fit(z.numpy())
    for _ in range(50):
        error = quantiser.update(z)["quantisation"]
    torch.testing.assert_close(quantiser.codebook.data, torch.tensor(reference.cluster_centers_))
    assert error * len(z) == pytest.approx(reference.inertia_)
    before = quantiser.codebook.clone()
    quantiser.update(z)
    torch.testing.assert_close(quantiser.codebook.data, before.data)


def test_moving_averages_follow_their_equations():
    z = clusters()
    quantiser = started(z, 5, decay=0.9)
    book = quantiser.codebook.clone()
    n, m = torch.zeros(5).double(), torch.zeros(5, 3).double()
    for i, part in enumerate(z.split(100)):
        chosen = torch.cdist(part, book).argmin(1)
        one = torch.nn.functional.one_hot(chosen, 5).double()
        pace = 0.1 if i else 1.0
        n = (1 - pace) * n + pace * one.sum(0)
        m = (1 - pace) * m + pace * one.T @ part
        book = m / n[:, None]
        quantiser.update(part)
        torch.testing.assert_close(quantiser.codebook.data, book)


def test_noisy_batches_settle_at_the_fixed_point():
    z = clusters(n=5_000)
    quantiser = started(z, 5, decay=0.98)
    for part in list(z.split(100)) * 4:
        quantiser.update(part)
    centres = torch.stack([z[k::5].mean(0) for k in range(5)])
    assert (quantiser.codebook - centres).abs().max() < 0.1


def test_dead_codewords_are_restarted_at_data_and_live():
    z = clusters(centres=8)
    quantiser = started(z, 8, decay=0.5, restart=0.2)
    quantiser.codebook.data[1:] = 1e6 + torch.arange(7).double()[:, None]
    first = quantiser.update(z)
    assert first["perplexity"].item() == pytest.approx(1.0)
    assert first["restarts"].item() == 7
    for _ in range(20):
        last = quantiser.update(z)
    assert quantiser.codebook.abs().max() < 100
    assert last["perplexity"] > 5
    assert last["restarts"] == 0


def test_without_restarts_an_unused_codeword_that_was_used_stays():
    z = clusters()
    quantiser = started(z, 5)
    quantiser.update(z)
    one = quantiser.nearest(z) == 0
    before = quantiser.codebook.clone()
    quantiser.decay = 0.9
    quantiser.update(z[one])
    torch.testing.assert_close(quantiser.codebook[1:].data, before[1:].data)


def test_perplexity_counts_codewords_in_even_use():
    assert perplexity(torch.full((16,), 1 / 16)).item() == pytest.approx(16)
    assert perplexity(torch.tensor([1.0, 0.0])).item() == pytest.approx(1)
    skewed = torch.tensor([0.5, 0.25, 0.25])
    assert perplexity(skewed).item() == pytest.approx(2**1.5)


def test_checkpoints_and_copies_keep_the_averages(tmp_path):
    z = clusters()
    quantiser = started(z, 5, decay=0.9)
    quantiser.update(z[:300])
    loaded = load(save(quantiser, tmp_path / "q.safetensors"))
    copied = copy.deepcopy(quantiser)
    for other in (loaded, copied):
        torch.manual_seed(0)
        other.update(z[300:])
    torch.manual_seed(0)
    quantiser.update(z[300:])
    for name, tensor in quantiser.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], tensor)
        assert torch.equal(copied.state_dict()[name], tensor)


@pytest.mark.parametrize("arguments", [{"decay": 1.0}, {"restart": 1.0}, {"codes": 0}])
def test_settings_without_meaning_are_refused(arguments):
    with pytest.raises(ValueError, match=next(iter(arguments))):
        VectorQuantiser(**{"codes": 4, "features": 3} | arguments)


def test_half_precision_chooses_as_single_does():
    z = clusters().float()
    quantiser = started(z.double(), 20).float()
    with torch.autocast("cpu", torch.bfloat16):
        low = quantiser.nearest(z)
    assert torch.equal(low, quantiser.nearest(z))
    assert math.isfinite(quantiser.codebook.sum().item())

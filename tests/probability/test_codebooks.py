"""Codebooks against scikit-learn's k-means, numpy's formulas, and enumeration of all codes."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans

import pushforward as pf
from pushforward.models.discrete.vq_vae2 import VQVAE2
from pushforward.probability.codebooks import (
    CosineQuantiser,
    FiniteScalarQuantiser,
    ProductQuantiser,
    ResidualQuantiser,
)
from pushforward.probability.quantisation import VectorQuantiser


def clusters(n=300, centres=4, features=4):
    generator = torch.Generator().manual_seed(0)
    middle = 10 * torch.randn(centres, features, generator=generator, dtype=torch.float64)
    noise = torch.randn(n, features, generator=generator, dtype=torch.float64)
    return middle[torch.arange(n) % centres] + noise


def started(z, codes=4):
    book = VectorQuantiser(codes, z.shape[1], 0.0, 0.0).double()
    book.codebook.data = z[:codes].clone()
    return book


def k_means(z, start):
    return KMeans(len(start), init=start.numpy(), n_init=1, tol=0, algorithm="lloyd").fit(z.numpy())


def test_a_cosine_book_ends_at_the_fixed_point_of_spherical_k_means():
    z = clusters()
    book = CosineQuantiser(4, 4, 0.0, 0.0).double()
    unit = (z / z.norm(dim=1, keepdim=True)).numpy()
    book.codebook.data = torch.tensor(unit[:4])
    centres = unit[:4]
    for _ in range(20):
        book.update(z)
        chosen = (unit @ centres.T).argmax(1)
        sums = np.stack([unit[chosen == k].sum(0) for k in range(4)])
        centres = sums / np.linalg.norm(sums, axis=1, keepdims=True)
    torch.testing.assert_close(book.codebook.data, torch.tensor(centres))
    assert torch.equal(book.nearest(z), book.nearest(100 * z))


def test_product_books_are_k_means_of_their_groups():
    z = clusters()
    groups = z[:, :3], z[:, 3:]
    both = ProductQuantiser((started(groups[0]), started(groups[1])))
    for _ in range(30):
        both.update(z)
    for i, group in enumerate(groups):
        reference = k_means(group, group[:4])
        torch.testing.assert_close(
            both.parts[i].codebook.data, torch.tensor(reference.cluster_centers_)
        )
        assert both.nearest(z)[:, i].tolist() == reference.labels_.tolist()


def test_a_residual_book_is_k_means_of_what_the_first_leaves():
    z = clusters()
    both = ResidualQuantiser((started(z), started(z)))
    for _ in range(30):
        both.parts[0].update(z)
    left = z - both.parts[0](z)
    both.parts[1].codebook.data = left[:4].clone()
    reference = k_means(left, left[:4])
    for _ in range(60):
        both.update(z)
    first = k_means(z, z[:4])
    torch.testing.assert_close(both.parts[0].codebook.data, torch.tensor(first.cluster_centers_))
    error = (z - both.lookup(both.nearest(z))).square().sum()
    assert error.item() == pytest.approx(reference.inertia_)
    said = both.parts[0](z)
    apart = (z - said).square().sum(1) + (z - both(z)).square().sum(1)
    torch.testing.assert_close(both.apart(z, both(z)), apart)


@pytest.mark.parametrize("levels", [(2,), (8, 5, 5), (3, 4, 2)])
def test_finite_scalars_are_the_papers_listing_and_every_code_is_one_point(levels):
    book = FiniteScalarQuantiser(levels).double()
    generator = torch.Generator().manual_seed(0)
    z = 3 * torch.randn(4_000, len(levels), generator=generator, dtype=torch.float64)
    n = np.array(levels)
    half = (n - 1) * (1 - 1e-3) / 2
    offset = np.where(n % 2 == 1, 0.0, 0.5)
    rounded = np.round(np.tanh(z.numpy() + np.tan(offset / half)) * half - offset)
    torch.testing.assert_close(book(z), torch.tensor(rounded / (n // 2)))
    basis = np.concatenate([[1], np.cumprod(n[:-1])])
    assert book.nearest(z).tolist() == ((rounded + n // 2) @ basis).astype(int).tolist()
    every = book.lookup(torch.arange(book.codes))
    grid = itertools.product(*((np.arange(k) - k // 2) / (k // 2) for k in levels))
    assert {tuple(point) for point in every.tolist()} == set(grid)
    torch.testing.assert_close(book.lookup(book.nearest(z)), book(z))


def test_finite_scalars_pass_gradients_through_their_bound_and_count_what_is_used():
    book = FiniteScalarQuantiser((5, 4)).double()
    z = torch.randn(50, 2, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(book(z).sum(), z)
    (bound,) = torch.autograd.grad(book.seen(z).sum(), z)
    assert torch.equal(slope, bound)
    terms = book.update(z.detach())
    share = np.bincount(book.nearest(z).numpy(), minlength=20) / 50
    entropy = -(share[share > 0] * np.log(share[share > 0])).sum()
    assert terms["perplexity"].item() == pytest.approx(np.exp(entropy))
    assert book.diagnostics()["codes"].item() == pytest.approx((share > 0).mean())


BOOKS = {
    "cosine": lambda: CosineQuantiser(8, 4),
    "product": lambda: ProductQuantiser.evenly(8, 4, groups=2),
    "residual": lambda: ResidualQuantiser.evenly(8, 4, depth=3),
    "finite": lambda: FiniteScalarQuantiser((4, 3)),
    "nested": lambda: ProductQuantiser((ResidualQuantiser.evenly(8, 2, 2), CosineQuantiser(8, 2))),
}


@pytest.mark.parametrize("kind", BOOKS)
def test_every_kind_serves_codecs_and_priors_over_their_grid(kind):
    torch.manual_seed(0)
    space, book = pf.Pixels(1, 4, 4, levels=2), BOOKS[kind]()
    codec = pf.VQVAE(space, book, width=8, halvings=1, blocks=1)
    assert codec.grid == (2, 2 * book.books)
    model = pf.TwoStage(codec, pf.GatedPixelCNN(pf.Tokens(codec.grid, book.codes), 8, 1, first=3))
    x = torch.randint(2, (6, 1, 4, 4), dtype=torch.uint8)
    codes = codec.tokens.check(codec.encode(x))
    words = book.lookup(book.nearest(codec.features(x)))
    torch.testing.assert_close(codec._codewords(codes), words)
    codec.update(x)
    names = set(codec.diagnostics(x))
    wanted = {"0.0", "0.1", "1"} if kind == "nested" else {str(i) for i in range(book.books)}
    some = {f"perplexity {i}" for i in wanted} if book.books > 1 else {"perplexity"}
    assert some <= names
    space.check(model.sample(2))
    codes = codec.encode(x)
    expected = model.prior.log_prob(codes.view(6, *codec.grid)) + codec.log_prob_given(x, codes)
    torch.testing.assert_close(model.elbo(x), expected)
    sum(t.sum() for t in codec.loss(x).values()).backward()
    assert codec.autoencoder.encoder.enter.weight.grad.abs().sum() > 0


def test_two_levels_may_have_books_of_different_kinds():
    books = BOOKS["product"](), BOOKS["finite"]()
    model = VQVAE2(pf.Pixels(1, 8, 8, levels=17), books, width=8, halvings=(1, 1), blocks=1)
    assert [t.shape for t in model.tokens] == [(4, 8), (2, 2)]
    x = torch.randint(17, (3, 1, 8, 8), dtype=torch.uint8)
    left = model.log_prob_given(x, model.encode(x))
    cost = sum(t.dims * np.log(t.vocabulary) for t in model.tokens)
    torch.testing.assert_close(model.elbo(x), left - cost)
    assert {"codes 0.0", "codes 0.1", "codes 1"} <= set(model.diagnostics(x))


def test_what_cannot_be_is_refused_in_words():
    with pytest.raises(ValueError, match="5 features do not share among 2 groups"):
        ProductQuantiser.evenly(8, 5, 2)
    with pytest.raises(ValueError, match="as many codes each"):
        ResidualQuantiser((VectorQuantiser(8, 4), VectorQuantiser(9, 4)))
    with pytest.raises(ValueError, match="as many features each"):
        ResidualQuantiser((VectorQuantiser(8, 4), VectorQuantiser(8, 5)))
    with pytest.raises(ValueError, match="one book or more"):
        ProductQuantiser(())
    with pytest.raises(ValueError, match="depth"):
        ResidualQuantiser.evenly(8, 4, 0)
    with pytest.raises(ValueError, match="levels"):
        FiniteScalarQuantiser(())
    with pytest.raises(ValueError, match="levels"):
        FiniteScalarQuantiser((5, 0))

"""Modularity, SAP, DCI, IRS and UDR against loops written from the papers, scipy, scikit-learn."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from sklearn.linear_model import Lasso
from sklearn.metrics import mutual_info_score
from sklearn.svm import LinearSVC
from torch import Tensor

from pushforward.metrics.disentanglement import (
    by_support_vectors,
    by_thresholds,
    completeness,
    dci,
    interventional_robustness,
    lasso,
    modularity,
    relative_strength,
    separated_attribute_predictability,
    spearman,
    unsupervised_ranking,
)
from pushforward.metrics.disentanglement.codes import binned
from pushforward.metrics.disentanglement.importances import validated

VALUES = (3, 4, 6)


def drawn(n: int, noise: float, seed: int = 0, idle: int = 0) -> tuple[Tensor, Tensor]:
    """A code with an axis for each factor, noise on each, and `idle` axes of noise alone."""
    generator = torch.Generator().manual_seed(seed)
    factors = torch.stack([torch.randint(k, (n,), generator=generator) for k in VALUES], 1)
    eps = torch.randn(n, len(VALUES) + idle, generator=generator).double()
    axes = torch.cat([factors.double(), torch.zeros(n, idle).double()], 1)
    return axes + torch.where(torch.arange(len(VALUES) + idle) < len(VALUES), noise, 1.0) * eps, (
        factors
    )


def mixed(n: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """A code whose latents tell of several factors."""
    codes, factors = drawn(n, 0.5, seed, idle=1)
    turn = torch.tensor([[1, 0.5, 0, 0], [0, 1, 0.3, 0], [0.2, 0, 1, 0], [0, 0, 0, 1]]).double()
    return codes @ turn.T, factors


def test_noise_on_its_own_axis_does_not_entangle_a_code() -> None:
    found = dci(*drawn(3000, 0.5, idle=2))
    assert found.disentanglement.value > 0.95
    assert found.completeness.value > 0.95
    # v + e / 2 tells a value with P(|e| < 1) = 0.683 between others, and 0.841 at either end.
    right = [((1 - 2 / k) * 0.683 + 2 / k * 0.841, 1 / k) for k in VALUES]
    best = np.mean([(told - guess) / (1 - guess) for told, guess in right])
    assert found.informativeness.value == pytest.approx(best, abs=0.05)


def test_where_guessing_is_as_good_no_latent_is_important() -> None:
    _, factors = drawn(600, 0.01)
    noise = torch.randn(600, 3, generator=torch.Generator().manual_seed(1)).double()
    found = dci(noise, factors)
    assert validated(noise.numpy(), factors[:, 0].numpy(), 10, 0) is None
    assert (found.disentanglement.value, found.informativeness.value) == (0, 0)


def test_trees_are_no_deeper_than_the_factor_asks() -> None:
    codes, factors = drawn(600, 0.01)
    forest = validated(codes.numpy(), factors[:, 2].numpy(), 10, 0)
    assert max(tree.get_depth() for tree in forest.estimators_) <= 3, "six values"


def test_examples_in_order_are_shuffled_before_they_are_halved() -> None:
    """Half of a sorted table would show the trees half of a factor's values."""
    factors = torch.cartesian_prod(*(torch.arange(k) for k in VALUES)).repeat_interleave(8, 0)
    found = dci(factors.double(), factors)
    assert found.informativeness.value == pytest.approx(1, abs=1e-9)


def test_modularity_is_that_of_the_paper() -> None:
    codes, factors = mixed(400)
    deviations = []
    for z in codes.T:
        bins = binned(z, 20).numpy()
        m = np.array([mutual_info_score(v.numpy(), bins) for v in factors.T])
        template = np.where(np.arange(3) == m.argmax(), m.max(), 0)
        deviations.append(((m - template) ** 2).sum() / (m.max() ** 2 * (len(m) - 1)))
    expected = 1 - np.mean(deviations)
    assert modularity(codes, factors).value == pytest.approx(expected, abs=1e-12)
    assert 0.3 < expected < 0.95


def brute_force(z: np.ndarray, kind: np.ndarray, kinds: int) -> float:
    """The best balanced accuracy over all thresholds, and all answers of the intervals."""
    edges = np.unique(z)
    best = 0.0
    for cuts in itertools.combinations_with_replacement(edges, kinds - 1):
        interval = np.searchsorted(np.sort(cuts), z, side="left")
        for answers in itertools.product(range(kinds), repeat=kinds):
            right = np.array(answers)[interval] == kind
            best = max(best, float(np.mean([right[kind == c].mean() for c in range(kinds)])))
    return best


@pytest.mark.parametrize(("kinds", "n", "distinct"), [(2, 30, 30), (3, 14, 14), (3, 20, 5)])
def test_thresholds_are_the_best_there_are(kinds: int, n: int, distinct: int) -> None:
    generator = torch.Generator().manual_seed(kinds + n)
    kind = torch.arange(n) % kinds
    kind[: n // 3] = 0  # not balanced
    z = torch.randn(n, 2, generator=generator).double() + 0.7 * kind[:, None]
    z = (z * distinct / 6).round() if distinct < n else z
    found = by_thresholds(z, kind)
    expected = [brute_force(column.numpy(), kind.numpy(), kinds) for column in z.T]
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_sap_of_kinds_is_a_difference_of_accuracies() -> None:
    codes, factors = mixed(300)
    found = separated_attribute_predictability(codes, factors, [False] * 3)
    tables = [by_thresholds(codes, v) for v in factors.T]
    gaps = [(t.topk(2).values[0] - t.topk(2).values[1]).item() for t in tables]
    assert found.value == pytest.approx(np.mean(gaps), abs=1e-12)
    one = separated_attribute_predictability(factors[:, :1].double(), factors[:, :1], [False])
    assert one.value == pytest.approx(2 / 3, abs=1e-12), "guessing one of three is right in a third"


def test_support_vectors_are_those_of_scikit_learn() -> None:
    """The primal and the dual machine agree to their tolerance: one example in a hundred."""
    codes, factors = mixed(400)
    kind = factors[:, 1]
    found = by_support_vectors(codes, kind)
    for z, accuracy in zip(codes.T.numpy(), found):
        machine = LinearSVC(C=0.01, class_weight="balanced", dual=True, max_iter=100_000)
        machine.fit(z[:200, None], kind[:200].numpy())
        assert abs(machine.score(z[200:, None], kind[200:].numpy()) - accuracy) <= 0.01
    told = separated_attribute_predictability(codes, factors, [False] * 3, by_support_vectors)
    assert told.settings == "kinds by support vectors"


@pytest.mark.parametrize("quantile", [1.0, 0.9])
def test_irs_is_that_of_the_paper(quantile: float) -> None:
    codes, factors = mixed(300)
    z, v = codes.numpy(), factors.numpy()
    whole = np.abs(z - z.mean(0)).max(0)
    scores = np.zeros((z.shape[1], v.shape[1]))
    for j, k in itertools.product(range(z.shape[1]), range(v.shape[1])):
        far = []
        for value in np.unique(v[:, k]):
            group = z[v[:, k] == value, j]
            far.append(np.quantile(np.abs(group - group.mean()), quantile))
        scores[j, k] = 1 - np.mean(far) / whole[j]
    expected = np.average(scores.max(1), weights=whole)
    found = interventional_robustness(codes, factors, quantile)
    assert found.value == pytest.approx(expected, abs=1e-12)
    still = torch.cat([codes, torch.ones(300, 1).double()], 1)
    assert interventional_robustness(still, factors, quantile).value == pytest.approx(expected)
    assert interventional_robustness(0 * codes, factors).value == 0
    with pytest.raises(ValueError, match=r"quantile must be in \(0, 1\], not 0"):
        interventional_robustness(codes, factors, 0)


def test_correlations_of_latents() -> None:
    a, b = mixed(200, 0)[0], mixed(200, 1)[0][:, :3]
    b = b + 2 * a[:, :3]
    table = spearman(a, b)
    for i, j in itertools.product(range(4), range(3)):
        expected = abs(spearmanr(a[:, i].numpy(), b[:, j].numpy()).statistic)
        assert table[i, j].item() == pytest.approx(expected, abs=1e-12)
    x, y = ((t - t.mean(0)) / t.std(0, correction=0) for t in (a, b))
    for j, column in enumerate(lasso(a, b).T):
        theirs = Lasso(alpha=0.1, tol=1e-8).fit(x.numpy(), y[:, j].numpy()).coef_
        np.testing.assert_allclose(column, np.abs(theirs), atol=1e-3)
    assert lasso(a, b).shape == (4, 3)


def test_lasso_of_independent_axes_shrinks_by_its_penalty() -> None:
    """Of columns that are orthogonal the weight is |correlation| - 0.1, or 0."""
    signs = torch.cartesian_prod(*[torch.tensor([-1, 1])] * 3).double().repeat(5, 1)
    table = lasso(signs, torch.stack([-signs[:, 1], signs[:, 0] + signs[:, 1]], 1))
    half = 0.5**0.5 - 0.1
    expected = torch.tensor([[0, half], [0.9, half], [0, 0]], dtype=torch.float64)
    torch.testing.assert_close(table, expected, atol=1e-9, rtol=0)


def test_relative_strength_by_hand() -> None:
    table = torch.tensor([[0.8, 0.2], [0.0, 0.6], [0.0, 0.0]], dtype=torch.float64)
    rows = 0.8**2 / 1.0 + 0.6**2 / 0.6 + 0
    columns = 0.8**2 / 0.8 + 0.6**2 / 0.8
    assert relative_strength(table) == pytest.approx((rows + columns) / 5, abs=1e-12)
    assert relative_strength(table[:, :0]) == 0


def test_models_that_agree_rank_above_one_that_is_turned() -> None:
    codes, _ = drawn(500, 0.1)
    alike = [codes[:, [1, 0, 2]], -codes, torch.cat([codes.exp(), 0 * codes[:, :2]], 1)]
    turn = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(0)))[0]
    found = unsupervised_ranking([*alike, codes @ turn.double()])
    # Of each of three that are alike, two of its three pairs are perfect but for chance.
    assert all(m.value > 0.85 for m in found[:3])
    assert found[3].value < 0.7
    pairs = [relative_strength(spearman(alike[0], other)) for other in (alike[1], codes.exp())]
    turned = relative_strength(spearman(alike[0], codes @ turn.double()))
    assert found[0].value == pytest.approx(np.median([*pairs, turned]), abs=1e-12)
    assert found[0].settings == "spearman, 4 models"
    dead = unsupervised_ranking([codes, codes * 0])
    assert [m.value for m in dead] == [0, 0]
    with pytest.raises(ValueError, match=r"two codes or more of the same examples.*\[500\]"):
        unsupervised_ranking([codes])
    with pytest.raises(ValueError, match=r"\[500, 9\]"):
        unsupervised_ranking([codes, codes[:9]], lasso)


def test_completeness_takes_the_number_of_latents_for_its_base() -> None:
    table = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]).double()
    assert completeness(table) == pytest.approx((2 * 0.5 + 1) / 3, abs=1e-12)

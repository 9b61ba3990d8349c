"""Scores of disentanglement, against toys worked by hand and scikit-learn's mutual information."""

from __future__ import annotations

import math

import pytest
import torch
from sklearn.metrics import mutual_info_score
from torch import Tensor
from torch.distributions import Distribution, Independent, Normal

from pushforward.core import checkpoint
from pushforward.core.catalogue import preset_called
from pushforward.core.contract import Latent
from pushforward.core.dataset import Dataset, Factor, Split
from pushforward.core.spaces import Reals
from pushforward.data import moons, sprites
from pushforward.metrics.disentanglement import (
    beta_vae_score,
    completeness,
    dci,
    disentanglement,
    disentanglement_scores,
    factor_vae_score,
    interventional_robustness,
    modularity,
    mutual_information_gap,
    posterior_means,
    scores_if_known,
    separated_attribute_predictability,
)
from pushforward.metrics.disentanglement.beta_vae import differences
from pushforward.metrics.disentanglement.codes import binned, information, partners
from pushforward.models.latent.vae import VAE, dense
from pushforward.report.evaluation import evaluated
from pushforward.training.loop import Training

GRID = torch.cartesian_prod(*(torch.arange(k) for k in (3, 4, 5))).repeat(10, 1)
GRID = GRID[torch.randperm(len(GRID), generator=torch.Generator().manual_seed(0))]
KINDS = [False, True, True]
# Two coins a, b and the codes (a + b, a): half a bit of either coin, and all of a.
COINS = torch.cartesian_prod(torch.arange(2), torch.arange(2)).repeat(100, 1)
SUM = torch.stack([COINS.sum(1), COINS[:, 0]], 1).double()


def values(codes: Tensor, factors: Tensor, ordered=None) -> dict[str, float]:
    parts = dci(codes, factors)
    found = (
        beta_vae_score(codes, factors),
        factor_vae_score(codes, factors),
        mutual_information_gap(codes, factors),
        separated_attribute_predictability(codes, factors, ordered),
        parts.disentanglement,
        parts.completeness,
        parts.informativeness,
        modularity(codes, factors),
        interventional_robustness(codes, factors),
    )
    return {m.name: m.value for m in found}


def test_a_perfect_code_reaches_the_maximum() -> None:
    codes = -2.0 * GRID[:, [2, 0, 1]].double() + 1
    # Guessing one of three kinds is right in a third of the cases.
    most = {"SAP": (1 - 1 / 3 + 1 + 1) / 3}
    for name, value in values(codes, GRID, KINDS).items():
        assert value == pytest.approx(most.get(name, 1), abs=1e-9), name
    still = torch.cat([codes, torch.zeros_like(codes[:, :1])], 1)
    most["modularity"] = 3 / 4  # of a latent that tells nothing it is 0
    for name, value in values(still, GRID, KINDS).items():
        assert value == pytest.approx(most.get(name, 1), abs=1e-9), name


def test_a_random_code_is_at_chance() -> None:
    codes = torch.randn(len(GRID), 5, generator=torch.Generator().manual_seed(1)).double()
    found = values(codes, GRID, KINDS)
    found.pop("modularity")  # it has no level of chance
    for name in ("beta-VAE score", "FactorVAE score"):
        assert found.pop(name) == pytest.approx(1 / 3, abs=0.05), name
    # In a group of n normals the 99th percentile is nearly the largest of all, for n = 120.
    assert 0 < found.pop("IRS") < 0.35
    for name, value in found.items():
        assert abs(value) < 0.06, name


def test_coins_by_hand() -> None:
    found = values(SUM, COINS)
    assert mutual_information_gap(SUM, COINS, bins=3).value == pytest.approx(0.5, abs=1e-12)
    told = information(SUM, COINS, 3) / math.log(2)
    torch.testing.assert_close(told, torch.tensor([[0.5, 0.5], [1, 0]]).double())
    assert found["modularity"] == pytest.approx(0.5, abs=1e-12)  # 0 for a + b, 1 for a
    assert found["SAP"] == pytest.approx(0.5, abs=1e-12)  # both R^2 of the sum are a half
    # Of a: 1 less 3/4. Of b: the sum is right in three of four cases, a in two.
    kinds = separated_attribute_predictability(SUM, COINS, [False, False]).value
    assert kinds == pytest.approx(0.25, abs=1e-12)
    # The sum moves by 1 from its mean, by 1/2 where a coin is held; the coin by 1/2 and by 0.
    assert found["IRS"] == pytest.approx((1 * 0.5 + 0.5 * 1) / 1.5, abs=1e-12)


def test_a_code_that_is_turned_by_an_eighth_is_seen() -> None:
    factors = torch.cartesian_prod(torch.arange(8), torch.arange(8)).repeat(20, 1)
    factors = factors[torch.randperm(len(factors), generator=torch.Generator().manual_seed(0))]
    turned = torch.stack([factors.sum(1), factors[:, 0] - factors[:, 1]], 1).double()
    found = values(turned, factors)
    assert found["FactorVAE score"] == pytest.approx(0.5, abs=0.05), "both latents vary alike"
    # By symmetry each latent tells as much of either factor.
    for name in ("MIG", "SAP", "modularity"):
        assert found[name] == pytest.approx(0, abs=1e-9), name
    assert found["DCI disentanglement"] < 0.05
    assert found["DCI informativeness"] > 0.95, "yet all is told"


def test_two_scores_forgive_a_rotation_that_mig_sees() -> None:
    turn = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(1)))[0]
    codes = (GRID / GRID.double().std(0)) @ turn.double()
    assert beta_vae_score(codes, GRID).value > 0.98
    assert factor_vae_score(codes, GRID).value > 0.98
    assert mutual_information_gap(codes, GRID).value == pytest.approx(0.26, abs=0.02)


def test_the_factor_vae_score_does_not_see_the_unit_of_a_latent() -> None:
    """Its variances are divided by those of all examples."""
    generator = torch.Generator().manual_seed(3)
    noise = torch.randn(GRID.shape, generator=generator).double()
    own = (GRID - GRID.double().mean(0)) / GRID.double().std(0)
    codes = own + noise * torch.tensor([0.5, 0.4, 0.3]).double()
    plain = factor_vae_score(codes, GRID).value
    assert plain > 0.98
    units = torch.tensor([100.0, 1.0, 0.01]).double()
    assert factor_vae_score(codes * units, GRID).value == plain


def test_two_latents_may_share_a_factor_for_some_scores() -> None:
    twice = GRID[:, [0, 0, 1, 2]].double()
    found = values(twice, GRID, KINDS)
    for name in ("FactorVAE score", "DCI disentanglement", "modularity"):
        assert found[name] == pytest.approx(1, abs=1e-6), name
    assert found["MIG"] == pytest.approx(2 / 3, abs=1e-9)
    assert found["SAP"] == pytest.approx(2 / 3, abs=1e-9)  # it is the kinds that stand twice


def test_importance_by_hand() -> None:
    """Entropies in bits of (3/4, 1/4) and of (1/5, 4/5)."""
    quarter, fifth = (-p * math.log2(p) - (1 - p) * math.log2(1 - p) for p in (1 / 4, 1 / 5))
    table = torch.tensor([[3.0, 1.0], [0.0, 4.0]]).double()
    assert disentanglement(table) == pytest.approx((4 * (1 - quarter) + 4) / 8, abs=1e-12)
    assert completeness(table) == pytest.approx((3 + 5 * (1 - fifth)) / 8, abs=1e-12)
    halves = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 2.0]]).double()
    assert disentanglement(halves) == pytest.approx(1, abs=1e-12)
    assert completeness(halves) == pytest.approx(1 - math.log(2) / math.log(3) / 2, abs=1e-12)
    assert disentanglement(torch.ones(3, 2).double()) == pytest.approx(0, abs=1e-12)
    assert disentanglement(torch.zeros(3, 2)) == 0


def test_information_is_scikit_learns() -> None:
    generator = torch.Generator().manual_seed(2)
    codes = torch.randn(len(GRID), 3, generator=generator).double() + GRID
    told = information(codes, GRID, 12)
    for j, k in ((0, 0), (0, 2), (2, 1), (2, 2)):
        expected = mutual_info_score(GRID[:, k].numpy(), binned(codes[:, j], 12).numpy())
        assert told[j, k].item() == pytest.approx(expected, abs=1e-12)


def test_partners_are_alike_and_uniform() -> None:
    column = torch.tensor([5, 2, 5, 5, 2, 9])
    index = torch.arange(6).repeat(3000)
    other = partners(column, index, torch.Generator().manual_seed(0))
    assert torch.equal(column[other], column[index])
    counts = other[column[other] == 5].bincount(minlength=4)[[0, 2, 3]]
    assert ((counts - 9000 / 3).abs() < 5 * (9000 * 2 / 9) ** 0.5).all()


def test_pairs_do_not_differ_in_the_factor_that_they_share() -> None:
    z = GRID.double()
    x, shared = differences(z, GRID, 64, 300, torch.Generator().manual_seed(0))
    assert (x.gather(1, shared[:, None]) == 0).all()
    assert (x[torch.arange(300), (shared + 1) % 3] > 0).all()
    assert shared.bincount().tolist() == [100, 100, 100]


def test_constant_factors_are_left_out() -> None:
    wider = torch.cat([GRID, torch.full_like(GRID[:, :1], 7)], 1)
    codes = GRID.double()
    for score in (mutual_information_gap, modularity, separated_attribute_predictability):
        assert score(codes, wider) == score(codes, GRID)


def test_the_scores_are_the_same_again_and_leave_the_random_state() -> None:
    codes = torch.randn(len(GRID), 3, generator=torch.Generator().manual_seed(4))
    state = torch.get_rng_state()
    first = values(codes, GRID)
    assert torch.equal(torch.get_rng_state(), state)
    assert values(codes, GRID) == first


@pytest.mark.parametrize(
    ("codes", "factors", "message"),
    [
        (torch.zeros(5, 2), torch.zeros(4, 2).long(), r"one n of at least 2, not \(5, 2\)"),
        (torch.zeros(5), torch.zeros(5, 2).long(), r"not \(5,\) and \(5, 2\)"),
        (torch.zeros(5, 2), torch.zeros(5, 2), "factors must be integers, not torch.float32"),
        (torch.full((60, 2), torch.nan), GRID[:60], "codes hold numbers that are not finite"),
        (torch.zeros(5, 2), torch.ones(5, 2).long(), "no factor varies"),
    ],
)
def test_what_cannot_be_scored(codes: Tensor, factors: Tensor, message: str) -> None:
    for score in (mutual_information_gap, factor_vae_score, beta_vae_score, dci, modularity):
        with pytest.raises(ValueError, match=message):
            score(codes, factors)


def test_numbers_out_of_range() -> None:
    codes = GRID.double()
    with pytest.raises(ValueError, match="bins must be a whole number of at least 2, not 1"):
        mutual_information_gap(codes, GRID, bins=1)
    with pytest.raises(ValueError, match="pairs must be a whole number of at least 1, not 0"):
        beta_vae_score(codes, GRID, pairs=0)
    with pytest.raises(ValueError, match="ordered says 2 times what 3 factors are"):
        separated_attribute_predictability(codes, GRID, [True, True])


class Seer(Latent):
    """Its code is the datum, and one latent more that hardly moves."""

    def __init__(self, features: int):
        super().__init__(Reals((features,)))

    def sample(self, n: int) -> Tensor:
        return torch.zeros(n, *self.space.shape)

    def encode(self, x: Tensor) -> Distribution:
        mean = torch.cat([x, 0.01 * x[:, :1]], 1)
        return Independent(Normal(mean, torch.ones_like(mean)), 1)

    def decode(self, z: Tensor) -> Distribution:
        return Independent(Normal(z[..., :-1], torch.ones_like(z[..., :-1])), 1)


def test_a_model_is_measured_on_what_its_data_are_made_of() -> None:
    split = Split((GRID.float(),), factors=GRID)
    factors = tuple(Factor(n, v, n != "a") for n, v in zip("abc", (3, 4, 5)))
    data = Dataset("toy", Reals((3,)), split, split, split, factors=factors)
    found = disentanglement_scores(Seer(3), data)
    assert [round(m.value, 6) for m in found] == [1] * 3 + [round(8 / 9, 6)] + [1] * 5
    assert str(found).splitlines()[2] == "MIG                    1.000"
    assert {m.samples for m in found} == {min(10_000, 3 * len(GRID))}, (
        "all splits: there are not 10,000"
    )
    assert all(m.settings.endswith(", 3 seeds") for m in found)
    assert (posterior_means(Seer(3), split)[:, 3] == 0).all(), "a latent that is not active"
    few = disentanglement_scores(Seer(3), data, n=100, seeds=2)
    assert few.mig.samples == 100
    assert "2 seeds" in few.mig.settings
    with pytest.raises(ValueError, match="moons does not say what its examples were made of"):
        disentanglement_scores(Seer(2), moons())
    with pytest.raises(ValueError, match="Linear has no encoder"):
        posterior_means(torch.nn.Linear(2, 2), split)


def test_evaluate_prints_the_scores_of_data_with_factors(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("PUSHFORWARD_CACHE", str(tmp_path))
    data = sprites(size=8, scales=2, orientations=1, colours=2, levels=2)
    torch.manual_seed(0)
    model = VAE(*dense(data.space, latent=2, width=8))
    path = checkpoint.save(model, tmp_path / "a.safetensors", record={"data": data.describe()})
    told = [line.removeprefix("test: ") for line in evaluated([str(path)], samples=8)]
    for score in disentanglement_scores(model, data):
        assert str(score) in told
    assert scores_if_known(model, moons()) == (), "data without factors"


@pytest.mark.parametrize("name", ["beta_sprites", "tc_sprites", "dip_sprites", "factor_sprites"])
def test_presets_learn_from_data_with_factors(name: str, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("PUSHFORWARD_CACHE", str(tmp_path))
    torch.manual_seed(0)
    experiment = preset_called(name).build(latent=2, width=8, steps=20)
    reports = list(Training(experiment.model, experiment.data, experiment.recipe))
    assert reports[-1].loss < reports[0].loss
    assert experiment.data.factors[0] == Factor("shape", 3, ordered=False)

"""Cached references, draws, processes that share, and how much is held at a time."""

from __future__ import annotations

import weakref
from dataclasses import replace

import pytest
import torch
import torch.multiprocessing
from torch import Tensor, nn

from pushforward.data import digits
from pushforward.metrics.draws import Draws
from pushforward.metrics.features import Extractor, features_as_given, raw_pixels
from pushforward.metrics.references import Seen, reference_features, reference_statistics
from pushforward.metrics.samples import drawn, further_quality, sample_quality
from pushforward.metrics.sharing import shared_features, shared_statistics
from pushforward.metrics.small_classifiers import digits_classifier
from pushforward.metrics.statistics import feature_statistics
from pushforward.models.autoregressive.independent import Independent


class Counting(nn.Module):
    """A projection that counts how often it was asked."""

    def __init__(self, seed: int = 0):
        super().__init__()
        torch.manual_seed(seed)
        self.layer, self.calls = nn.Linear(64, 5), 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return self.layer(x.flatten(1))


def counting(seed: int = 0, name: str = "projection") -> Extractor:
    return Extractor.of(name, Counting(seed))


def test_features_are_extracted_once(tmp_path):
    data, look = digits(), counting()
    first = reference_features(data, "test", look, 300, tmp_path)
    calls = look.network.calls
    again = reference_features(data, "test", look, 300, tmp_path)
    assert look.network.calls == calls == 2
    assert torch.equal(first.features, again.features)
    assert torch.equal(first.features, look(data.test.tensors[0][:300]))
    assert again.extractor == str(look)


def test_statistics_are_extracted_once(tmp_path):
    data, look = digits(), counting()
    first = reference_statistics(data, "train", look, folder=tmp_path)
    calls = look.network.calls
    again = reference_statistics(data, "train", look, folder=tmp_path)
    assert look.network.calls == calls
    assert again.count == 1200
    assert torch.equal(first.scatter, again.scatter)
    again.check_alike(feature_statistics(data.train.tensors[0], look))
    plain = feature_statistics(data.train.tensors[0], look)
    torch.testing.assert_close(again.covariance, plain.covariance, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("change", ["extractor", "split", "count", "data", "values"])
def test_what_differs_has_a_file_of_its_own(tmp_path, change):
    data, look = digits(), counting()
    reference_features(data, "test", look, 100, tmp_path)
    other, part, n = data, "test", 100
    if change == "extractor":
        look = counting(seed=1)
    elif change == "split":
        part = "validation"
    elif change == "count":
        n = 99
    elif change == "data":
        other = replace(data, name="other digits")
    else:  # same record, one pixel changed, as in two arrays of one user
        x = data.test.tensors[0].clone()
        x[0, 0, 0, 0] = 16 - x[0, 0, 0, 0]
        other = replace(data, test=replace(data.test, tensors=(x,)))
    found = reference_features(other, part, look, n, tmp_path)
    assert len(list(tmp_path.rglob("*.safetensors"))) == 2
    assert torch.equal(found.features, look(getattr(other, part).tensors[0][:n]))


@pytest.mark.parametrize("damage", ["cut", "changed", "foreign"])
def test_a_damaged_file_is_rebuilt(tmp_path, damage):
    data, look = digits(), counting()
    sound = reference_features(data, "test", look, 50, tmp_path)
    (path,) = tmp_path.rglob("*.safetensors")
    content = path.read_bytes()
    broken = {
        "cut": content[:-7],
        "changed": content[:-1] + bytes([content[-1] ^ 1]),
        "foreign": b"not a file of ours",
    }[damage]
    path.write_bytes(broken)
    again = reference_features(data, "test", look, 50, tmp_path)
    assert torch.equal(again.features, sound.features)
    calls = look.network.calls
    reference_features(data, "test", look, 50, tmp_path)
    assert look.network.calls == calls
    assert [p.name for p in path.parent.iterdir()] == [path.name]  # nothing half-written stays


def test_what_has_no_hash_is_not_cached(tmp_path):
    data = digits()
    for look in (raw_pixels(data.space), features_as_given):
        reference_features(data, "test", look, 20, tmp_path)
    assert not list(tmp_path.rglob("*"))
    with pytest.raises(ValueError, match="not 'tests'"):
        reference_features(data, "tests", counting())


def test_draws_are_repeatable_batch_by_batch():
    model, data = Independent(digits().space), digits()
    draws = Draws(model, 25, data.test, size=10, seed=3)
    torch.manual_seed(7)
    before, state = list(draws), torch.get_rng_state()
    torch.manual_seed(7)
    assert torch.equal(state, torch.get_rng_state())  # the caller's state was left alone
    assert [len(x) for x in before] == [10, 10, 5]
    assert torch.equal(draws.at(2), before[2])
    assert torch.equal(drawn(model, 25, data.test, 10, 3), torch.cat(before))
    assert not torch.equal(before[0], before[1])
    assert model.training
    with pytest.raises(ValueError, match="n must be"):
        Draws(model, 0, data.test)


def test_streamed_quality_is_that_of_the_whole():
    data, look = digits(), digits_classifier()
    model = Independent(data.space)
    draws, references = Draws(model, 120, data.test, size=50), data.test.tensors[0][:120]
    streamed = sample_quality(draws, Seen.of(references, look), look)
    whole = sample_quality(drawn(model, 120, data.test, 50), references, look)
    for a, b in zip(streamed, whole):
        assert a.compare(b)[0] == pytest.approx(0, abs=1e-4 * b.value + 1e-9)
        assert a.extractor == str(look)


def test_features_of_different_extractors_are_refused():
    x = digits().test.tensors[0][:30]
    a, b = (Seen.of(x, counting(seed)) for seed in (0, 1))
    with pytest.raises(ValueError, match="features differ in extractor"):
        sample_quality(a, b)
    with pytest.raises(ValueError, match="features differ in extractor"):
        list(further_quality(a, a, b))


def test_further_quality_names_what_it_saw():
    data, look = digits(labels=False), digits_classifier()
    x = data.train.tensors[0]
    train, held = Seen.of(x, look), Seen.of(data.test.tensors[0], look)
    copies = Seen.of(x[:347], look)
    found = {m.name: m for m in further_quality(copies, held, train, look)}
    assert list(found) == [
        *("density", "coverage", "KID", "F_8", "F_1/8"),
        *("Inception Score", "share closer", "C_T"),
    ]
    assert {m.extractor for m in found.values()} == {str(look)}
    assert found["C_T"].value < -3  # training images: copies
    assert found["coverage"].value > 0.9
    assert 7 < found["Inception Score"].value < 10


LOOK = digits_classifier


def numbers() -> list[float]:
    """What two processes must find as one does."""
    data, look = digits(), LOOK()
    torch.manual_seed(0)
    model = Independent(data.space)
    draws = Draws(model, 230, data.test, size=32)
    references = data.test.tensors[0][:230]
    quality = sample_quality(draws, references, look)
    whole = shared_statistics(draws, look)
    return [*(m.value for m in quality), quality.frechet.stderr or 0, whole.count,
            whole.mean.sum().item(), whole.scatter.trace().item()]  # fmt: skip


def refused_everywhere(rank: int) -> str:
    """One process meets NaN; both say so."""
    batches = [torch.zeros(3, 2), torch.full((3, 2), torch.nan)]
    try:
        shared_features(batches)
    except ValueError as error:
        return str(error)
    return "nothing was refused"


def two_processes(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", f"file://{folder}/store", rank=rank, world_size=2)
    torch.save((numbers(), refused_everywhere(rank)), f"{folder}/{rank}.pt")
    torch.distributed.destroy_process_group()


@pytest.mark.slow
def test_two_processes_give_the_number_of_one(tmp_path):
    torch.multiprocessing.spawn(two_processes, (str(tmp_path),), nprocs=2)
    alone = numbers()
    for rank in range(2):
        found, refusal = torch.load(tmp_path / f"{rank}.pt")
        assert found[:5] == alone[:5]  # of the same features in the same order: bit for bit
        assert found[5:] == pytest.approx(alone[5:], rel=1e-12)
        assert "3 of 3 examples are NaN" in refusal


def test_ten_thousand_samples_are_never_held():
    """At no time are more than two batches of 256 samples alive, as bytes or as floats."""
    alive: list[weakref.ref] = []
    most = 0

    def prepare(x: Tensor) -> Tensor:
        nonlocal most
        floats = x.float()
        alive[:] = [ref for ref in alive if ref() is not None]
        alive.extend([weakref.ref(x), weakref.ref(floats)])
        most = max(most, sum(ref().numel() for ref in alive))
        return floats

    data = digits()
    look = Extractor.of("mean", nn.Sequential(nn.AvgPool2d(4), nn.Flatten()), prepare)
    draws = [Draws(Independent(data.space), 10_000, data.test, seed=seed) for seed in range(2)]
    quality = sample_quality(*draws, look)
    assert quality.frechet.samples == quality.frechet.references == 10_000
    assert most <= 2 * 2 * 256 * 64

from __future__ import annotations

import csv
import dataclasses
import json
import os
import signal
import threading

import pytest
from rows import made_fails, made_is_killed, made_never_ends, quality, row, rows

import pushforward as pf
from pushforward.core import checkpoint
from pushforward.core.catalogue import presets
from pushforward.data import digits
from pushforward.metrics.looking import extractor_for
from pushforward.pictures.walks import walked
from pushforward.report import compare as comparison
from pushforward.report import measure, sampled, tables
from pushforward.report.compare import compare, known
from pushforward.report.naming import named

TWO = ("made_digits", "independent_digits")
REQUIRED = {
    "model", "family", "data", "likelihood", "frechet", "precision", "recall", "extractor",
    "samples", "parameters", "train_seconds", "samples_per_second", "seed",
}  # fmt: skip


@pytest.fixture(scope="module")
def baseline():
    return measure.measure("independent_digits")


def test_the_baseline_is_measured(baseline) -> None:
    record = baseline.record()
    assert record.keys() >= REQUIRED
    assert record["likelihood"].keys() >= {"value", "unit", "kind", "stderr", "interval"}
    assert {n["interval"]["method"] for n in record["numbers"].values()} == {
        "bootstrap", "jackknife",
    }  # fmt: skip
    low, high = record["likelihood"]["interval"]
    error = record["likelihood"]["stderr"]
    assert high - low == pytest.approx(2 * 1.96 * error, rel=0.15)
    assert low < record["likelihood"]["value"] < high
    assert (record["likelihood"]["unit"], record["likelihood"]["kind"]) == ("bits/dim", "exact")
    assert record["likelihood"]["value"] == pytest.approx(2.426, abs=0.001)
    assert (record["family"], record["data"], record["samples"]) == ("baseline", "digits", 347)
    assert record["extractor"].startswith("small classifier of digits@")
    assert 0 < record["frechet_stderr"] < 0.2 * record["frechet"]
    assert record["frechet"] < 0.7 * record["untrained"]["frechet"]
    assert record["likelihood"]["value"] < record["untrained"]["likelihood"]["value"] - 1


def test_models_are_called_by_their_system() -> None:
    known = presets()
    space = digits().space
    pixels = named(pf.Independent(space), known["independent_digits"])
    assert pixels == ("Independent", "", "baseline")
    assert named(pf.MADE(space), known["made_digits"])[::2] == ("MADE", "autoregressive")
    assert named(pf.MADE(space)) == ("MADE", "", "autoregressive")
    wrapped = named(known["gmm_digits"].build().model, known["gmm_digits"])
    assert wrapped == ("Gaussian mixture", "Gaussian mixture", "latent")


def test_samples_come_with_their_nearest_training_data(baseline) -> None:
    assert baseline.samples.shape == (64, 1, 8, 8)
    train = digits().train.tensors[0]
    for image in baseline.neighbours:
        assert (train == image).flatten(1).all(1).any()


def test_training_data_as_samples_are_their_own_neighbours() -> None:
    data = digits()
    train = data.train.tensors[0][5:9]
    assert (sampled.neighbours(train, data, extractor_for(data)) == train).all()


def test_results_are_written_in_three_forms(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(comparison, "measure", made_fails)
    names = ("wgan_gp_digits", "independent_digits")
    found = compare(names, tmp_path)
    assert [r.name for r in found.rows] == ["independent_digits", "wgan_gp_digits"]
    records = json.loads((tmp_path / "results.json").read_text())
    assert [r["model"] for r in records] == ["Independent", "WGANGP"]
    assert all(r.keys() >= REQUIRED for r in records)
    assert records[1]["likelihood"] is None
    table = list(csv.DictReader((tmp_path / "results.csv").read_text().splitlines()))
    assert [line["likelihood_kind"] for line in table] == ["exact", "none"]
    assert float(table[1]["frechet"]) == records[1]["frechet"]
    lines = (tmp_path / "results.md").read_text().splitlines()
    assert "| none | none | 8.10 ± 0.41 |" in lines[3]
    assert lines[0].count("|") == lines[1].count("|") == lines[3].count("|")
    assert len(json.loads((tmp_path / "curves.json").read_text())["wgan_gp_digits"]) == 20
    for name in ("real", *names):
        assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("work", "why"),
    [(made_fails, "RuntimeError: a loss became &lt;NaN&gt;"), (made_is_killed, "signal 9")],
)
def test_one_that_fails_is_named_and_the_others_are_written(
    tmp_path, monkeypatch, work, why
) -> None:
    monkeypatch.setattr(comparison, "measure", work)
    found = compare(TWO, tmp_path)
    assert [failure.name for failure in found.failures] == ["made_digits"]
    assert [record["preset"] for record in _results(tmp_path)] == ["independent_digits"]
    page = (tmp_path / "index.html").read_text()
    assert "made_digits" in page
    assert why in page
    assert "made_digits failed" in (tmp_path / "results.md").read_text()


def test_ctrl_c_writes_what_is_finished(tmp_path, monkeypatch, foreground) -> None:
    monkeypatch.setattr(comparison, "measure", made_never_ends)
    added = comparison.Comparison.add

    def stop_after_one(self, name, result):
        added(self, name, result)
        threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()

    monkeypatch.setattr(comparison.Comparison, "add", stop_after_one)
    with pytest.raises(pf.Interrupted, match="1 of 2 models were finished and are in"):
        compare(TWO, tmp_path)
    assert [record["preset"] for record in _results(tmp_path)] == ["independent_digits"]


def _results(folder) -> list[dict]:
    return json.loads((folder / "results.json").read_text())


def test_each_data_set_has_its_part() -> None:
    found = comparison.data_by_name(("made_digits", "realnvp_moons", "gmm_digits"))
    assert found["made_digits"] is found["gmm_digits"] is not found["realnvp_moons"]


def test_what_cannot_be_compared_is_refused_before_training(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(comparison, "_run", lambda found: pytest.fail("it trained"))
    other = dataclasses.replace(digits(), origin={"seed": 1})
    data_of = comparison.data_of
    monkeypatch.setattr(
        comparison, "data_of", lambda name: other if name == "gmm_digits" else data_of(name)
    )
    with pytest.raises(ValueError, match="gmm_digits learned from other examples of digits"):
        compare(("made_digits", "gmm_digits"), tmp_path)
    with pytest.raises(
        ValueError, match=r"no preset is called 'made_digit'\. The nearest: made_dig"
    ):
        compare(("independent_digits", "made_digit"), tmp_path)
    with pytest.raises(ValueError, match="name some presets"):
        compare((), tmp_path)
    with pytest.raises(pf.CheckpointError, match="there is no checkpoint at"):
        compare(("independent_digits", "nothing.safetensors"), tmp_path)
    assert not list(tmp_path.iterdir())


def test_all_stands_for_the_presets_over_the_same_digits() -> None:
    names = known(["all"])
    assert names[0] == "independent_digits"
    assert "made_digits" in names
    assert "discriminative_digits" not in names
    assert known(["made_digits", "x.safetensors"]) == ["made_digits", "x.safetensors"]
    with pytest.raises(ValueError, match="The nearest: made_digits"):
        known(["made_digts"])


def test_a_checkpoint_is_compared_without_training(tmp_path, baseline, monkeypatch) -> None:
    data = digits()
    model = pf.fit(pf.Independent(data.space), data, pf.Recipe(1, None), tmp_path / "mine")
    path = str(tmp_path / "mine" / "checkpoint.safetensors")
    row = measure.measure(path)
    assert row.record()["likelihood"] == baseline.record()["likelihood"]
    assert row.quality.frechet.value == pytest.approx(baseline.quality.frechet.value)
    assert (row.untrained, row.seed, len(row.history)) == (None, 0, 1)
    monkeypatch.setattr(checkpoint, "digest_of", lambda *given: pytest.fail("it read the weights"))
    assert measure.data_of(path).describe() == data.describe()
    monkeypatch.undo()
    pf.save(model, path)
    with pytest.raises(ValueError, match="was trained on no data: say which data with --data"):
        measure.data_of(path)


def test_numbers_carry_the_digits_that_their_errors_allow() -> None:
    assert tables.number(66.378, 3.46) == "66.4 ± 3.5"
    assert tables.number(2.0, 0.00012) == "2.00000 ± 0.00012"
    assert tables.number(0.123456, 0.0) == "0.123"


def test_walks_exist_where_latents_do() -> None:
    assert walked(pf.Independent(digits().space)) is None


def test_slugs_are_names_of_files() -> None:
    made = row("runs/a b/checkpoint.safetensors", "MADE", "flow", None, quality(1, 1, 1))
    assert made.slug == "runs-a-b-checkpoint"
    assert len({r.slug for r in rows()}) == 8

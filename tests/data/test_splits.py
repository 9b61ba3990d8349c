"""Splits by content: what comes and goes moves nobody else, and checkpoints know their examples."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import pushforward as pf
from pushforward.core import checkpoint
from pushforward.core.dataset import PARTS, Dataset, identity
from pushforward.data import find, folder, tensors
from pushforward.data.fingerprints import Sketch, change, fingerprint
from pushforward.data.names import changed, other_data, recorded, recorded_data
from pushforward.data.splits import Rule, digests, numbered, rows


def where(data: Dataset) -> dict[bytes, str]:
    """In which split every example is; copies are taken for one."""
    return {bytes(x): part for part in PARTS for x in getattr(data, part).tensors[0].numpy()}


def counts(data: Dataset) -> list[int]:
    return [len(getattr(data, part)) for part in PARTS]


def test_what_comes_and_goes_moves_nobody_else() -> None:
    x = torch.randn(1_000, 3, generator=torch.Generator().manual_seed(0))
    whole = where(tensors(x))
    fewer, more = where(tensors(x[20:])), where(tensors(torch.cat([torch.zeros(1, 3), x]).flip(0)))
    assert fewer == {k: whole[k] for k in fewer}
    assert whole == {k: more[k] for k in whole}
    # n u < t n has mean t n and variance t (1 - t) n.
    for share, part in ((0.1, "validation"), (0.1, "test"), (0.8, "train")):
        deviation = (1_000 * share * (1 - share)) ** 0.5
        assert abs(Counter(whole.values())[part] - 1_000 * share) < 4 * deviation
    other = where(tensors(x, seed=1))
    assert sum(other[k] == part for k, part in whole.items() if part == "test") < 50
    # A larger share takes from the others, and gives nothing back.
    larger = where(tensors(x, test=0.3))
    assert all(larger[k] == "test" for k, part in whole.items() if part == "test")


def test_copies_are_spread_as_draws_are() -> None:
    x = torch.arange(4).repeat(1_000)[:, None].float()
    data = tensors(x)
    for part in PARTS:  # all four values in every split, by chance of 1/4 each
        share = torch.bincount(getattr(data, part).tensors[0].long()[:, 0]) / counts_of(data, part)
        assert (share - 0.25).abs().max() < 4 * (0.25 * 0.75 / counts_of(data, part)) ** 0.5
    # One of the copies less is one example less.
    assert sum(np.abs(np.subtract(counts(data), counts(tensors(x[1:]))))) == 1


def counts_of(data: Dataset, part: str) -> int:
    return len(getattr(data, part))


def test_copies_of_an_image_stay_together(tmp_path: Path) -> None:
    fill(tmp_path / "set", 60)
    for file in list((tmp_path / "set").iterdir()):
        (tmp_path / "set" / f"copy of {file.name}").write_bytes(file.read_bytes())
    data = folder(tmp_path / "set", size=8)
    seen = {part: set(map(bytes, getattr(data, part).tensors[0].numpy())) for part in PARTS}
    assert sum(map(len, seen.values())) == 60
    assert sum(counts(data)) == 120


@pytest.mark.parametrize("n", range(3, 16))
def test_few_examples_leave_no_split_empty(n: int) -> None:
    for seed in range(20):
        found = counts(tensors(torch.arange(float(n))[:, None], seed=seed))
        assert sum(found) == n
        assert min(found) > 0
    with pytest.raises(ValueError, match="2 examples, which cannot be split"):
        tensors(torch.zeros(2, 1))


def test_numbered_copies_differ_whatever_their_order() -> None:
    x = np.array([5, 3, 5, 5, 3, 7], np.int64)
    named = numbered(digests(rows(x)))
    assert len({bytes(d) for d in named}) == 6
    again = numbered(digests(rows(x[::-1])))
    assert {bytes(d) for d in named} == {bytes(d) for d in again}
    assert bytes(named[5]) == bytes(digests(rows(x))[5])


def test_rules_of_older_versions_are_kept() -> None:
    x = torch.arange(50.0)[:, None]
    data = tensors(x, rule="shuffled", seed=3)
    order = np.random.RandomState(3).permutation(50)
    together = torch.cat([getattr(data, part).tensors[0] for part in PARTS])[:, 0]
    assert together.tolist() == order.tolist()
    assert counts(data) == [40, 5, 5]
    assert identity(data.describe()) == {
        "name": "tensors",
        "splits": {"train": 40, "validation": 5, "test": 5},
        "source": "the user's own tensors",
        "seed": 3,
        "split": "shuffled by numpy RandomState(seed); 0.1 validates, 0.1 tests",
    }
    with pytest.raises(ValueError, match="rule must be 'content', 'shuffled' or 'order', not 'a'"):
        tensors(x, rule="a")


# ---- fingerprints


def sketch(values: np.ndarray) -> Sketch:
    return Sketch.recorded(json.loads(json.dumps(fingerprint(digests(rows(values))))))


@pytest.mark.parametrize("n", [10, 1_000, 20_000])
def test_what_two_sets_have_in_common(n: int) -> None:
    a, b = np.arange(n), np.arange(n // 4, n + n // 2)
    found = sketch(a).common(sketch(b))
    true = len(set(a) & set(b))
    # A sample of about 2,048 n / 1.25 n of a's examples, each of which is in b or not.
    share = true / n
    error = 0 if n < 2_048 else 4 * n * (share * (1 - share) / (2_048 / 1.25)) ** 0.5
    assert abs(found - true) <= error
    both = sketch(a[: n // 3]).joined(sketch(a[n // 3 :]))
    assert both.n == n
    assert abs(both.common(sketch(a)) - n) == 0


def test_a_change_is_counted() -> None:
    x = torch.randn(1_000, 2, generator=torch.Generator().manual_seed(0))
    before = tensors(x).origin["examples"]
    assert change(before, tensors(x.flip(0)).origin["examples"]) is None
    found = change(before, tensors(torch.cat([x[20:], x.new_zeros(5, 2)])).origin["examples"])
    assert (found.before, found.gone, found.new, found.trained_on) == (1_000, 20, 5, 0)
    assert str(found).startswith("20 of the 1,000 examples that it knows are gone and 5 are new; ")
    other = change(before, tensors(x, seed=1).origin["examples"])
    train, test = where(tensors(x)), where(tensors(x, seed=1))
    leaked = sum(train[k] == "train" for k, part in test.items() if part == "test")
    assert (other.gone, other.new, other.trained_on) == (0, 0, leaked)
    large = torch.randn(20_000, 2, generator=torch.Generator().manual_seed(0))
    found = change(tensors(large).origin["examples"], tensors(large[400:]).origin["examples"])
    assert abs(found.gone - 400) <= 4 * 20_000 * (0.02 * 0.98 / 2_048) ** 0.5
    assert found.trained_on == 0
    assert "about" in str(found)
    with pytest.raises(ValueError, match="no record of examples"):
        change({part: {"smallest": "?", "n": 1} for part in PARTS}, before)


# ---- checkpoints


def fill(top: Path, n: int, start: int = 0) -> Path:
    top.mkdir(parents=True, exist_ok=True)
    for i in range(start, start + n):
        pixels = np.random.RandomState(i).randint(256, size=(8, 8), dtype=np.uint8)
        Image.fromarray(pixels).save(top / f"{i:04}.png")
    return top


def saved(tmp_path: Path, data: Dataset) -> tuple[Path, dict]:
    """A checkpoint, and what it says of its data."""
    path = tmp_path / "ck.safetensors"
    pf.save(pf.Independent(data.space), path, record={"data": data.describe()})
    return path, checkpoint.read(path).record["data"]


def test_images_that_are_gone_are_told(tmp_path: Path) -> None:
    top = fill(tmp_path / "set", 200)
    data = folder(top, size=8, channels=1)
    file = saved(tmp_path, data)
    assert recorded_data(*file).test.tensors[0].equal(data.test.tensors[0])
    for i in range(0, 200, 10):
        (top / f"{i:04}.png").unlink()
    for kept in list(top.iterdir()):
        kept.rename(top / f"new {kept.name}")  # a name is nothing
    with pytest.warns(UserWarning, match=r"20 of the 200 examples .* of which 0 were trained on"):
        now = recorded_data(*file)
    old = where(data)
    assert all(old[k] == part for k, part in where(now).items())
    fill(top, 5, start=500)
    with pytest.warns(UserWarning, match="20 of the 200 .* are gone and 5 are new"):
        recorded_data(*file)
    with pytest.warns(UserWarning, match=r"was trained on \d+ of the \d+ test examples"):
        other_data(*file, f"folder:{top}?size=8&channels=1&seed=1")


def test_a_test_split_that_was_trained_on_is_refused(tmp_path: Path) -> None:
    top = fill(tmp_path / "set", 60)
    data = folder(top, size=8, channels=1)
    file, parts = saved(tmp_path, data), where(data)
    for image in top.iterdir():  # with only such left as were trained on, one of them must test
        if parts[np.asarray(Image.open(image)).tobytes()] != "train":
            image.unlink()
    with pytest.raises(ValueError, match=r"of which 1 were trained on.*the same with --data"):
        recorded_data(*file)


def test_checkpoints_of_older_versions_keep_their_split_and_refuse_change(tmp_path: Path) -> None:
    top = fill(tmp_path / "set", 60)
    old = folder(top, size=8, channels=1, rule="shuffled")
    record = {k: v for k, v in old.describe().items() if k not in ("rule", "examples")}
    record["spec"] = f"folder:{top}?size=8&channels=1"
    file = (tmp_path / "ck.safetensors", record)
    assert recorded_data(*file).test.tensors[0].equal(old.test.tensors[0])
    (top / "0003.png").unlink()
    with pytest.raises(ValueError, match=r"sha256 of names .*split them by place.* any of the 6 "):
        recorded_data(*file)


def test_every_source_of_ones_own_knows_its_examples(tmp_path: Path) -> None:
    (tmp_path / "lines.txt").write_text("\n".join(f"line {i}" for i in range(100)))
    wave = torch.sin(torch.arange(40_000) / 9)
    pf.data.write_wav(tmp_path / "a.wav", wave * torch.linspace(0, 1, 40_000))
    fill(tmp_path / "set", 30)
    for spec in ("text:{}/lines.txt", "wav:{}/a.wav?length=256", "folder:{}/set?size=8"):
        data = find(spec.format(tmp_path))
        assert changed(json.loads(json.dumps(data.describe())), data) is None
        assert recorded(data.describe()).test.tensors[0].equal(data.test.tensors[0])
        again = find(spec.format(tmp_path) + ("&" if "?" in spec else "?") + "seed=5")
        assert changed(data.describe(), again).trained_on > 0
        assert data.origin["rule"] == "content"


def test_pieces_of_a_sound_that_follow_one_another_stay_together(tmp_path: Path) -> None:
    noise = torch.rand(64 * 1_200, generator=torch.Generator().manual_seed(0)) * 2 - 1
    pf.data.write_wav(tmp_path / "b.wav", noise)
    data = pf.data.wav(tmp_path / "b.wav", length=64)
    pieces = pf.data.mu_law(pf.data.read_wav(tmp_path / "b.wav")).view(-1, 64)
    parts = [where(data)[bytes(piece.numpy())] for piece in pieces]
    blocks = [set(parts[i : i + 16]) for i in range(0, 1_200, 16)]
    assert all(len(block) == 1 for block in blocks)
    # Another sound beside it changes nothing of this one.
    pf.data.write_wav(tmp_path / "a.wav", noise.flip(0)[: 64 * 100])
    both = where(pf.data.wav(tmp_path, length=64))
    assert all(both[k] == part for k, part in where(data).items())
    old = pf.data.wav(tmp_path / "b.wav", length=64, rule="order")
    assert old.test.tensors[0].equal(pieces[-120:])
    assert "rule" not in old.origin


def test_a_rule_names_its_order() -> None:
    given = digests(rows(np.arange(200)))
    rule = Rule(seed=4)
    order, lengths = rule.order(given), rule.lengths("numbers", given)
    assert sorted(order) == list(range(200))
    record = rule.record(given[order], lengths)
    assert [record["examples"][part]["n"] for part in PARTS] == list(lengths)
    assert (record["rule"], record["seed"]) == ("content", 4)

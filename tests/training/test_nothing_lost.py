"""What happens beside a training must not cost it: kills, full disks, a second process, NaN."""

from __future__ import annotations

import errno
import json
import math
import os
import subprocess
import sys

import pytest
import torch

import pushforward as pf
from pushforward.core.ownership import Occupied, owned
from pushforward.training import fit as fitting
from pushforward.training import logs
from pushforward.training.fit import CHECKPOINT, LOCK, LOG
from pushforward.training.logs import Log
from pushforward.training.reports import Report, logged
from pushforward.training.soundness import unsound
from toys import Normal, normal_data

RECIPE = pf.Recipe(20, 32, report_every=5, save_every=5, validate_every=0)


def report(step: int, loss: float = 1.0) -> Report:
    return Report(step, 100, "train", loss, {"model/nll": loss}, None, 1.0, 1.0)


def test_half_lines_cost_no_report_but_their_own(tmp_path):
    log = Log(tmp_path / LOG, 0)
    for step in (1, 2, 3):
        log.write(report(step))
    whole = (tmp_path / LOG).read_text()
    for damage in ("{", whole[:50], "[]\n", "null\n", '{"step": 1}\n', "\x00\xff\n", "5\n", "\n"):
        (tmp_path / LOG).write_text(whole + damage)
        with pytest.warns(UserWarning, match=r"1 of 4 lines .* is no report, the first line 4"):
            assert [r.step for r in logged(tmp_path / LOG)] == [1, 2, 3]
        Log(tmp_path / LOG, 3).write(report(4))
        assert [r.step for r in logged(tmp_path / LOG)] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    "change",
    [{"loss": "x"}, {"terms": {}}, {"terms": {"nll": 1.0}}, {"terms": {"m/a": None}}, {"stage": 1},
     {"step": None}, {"validation": {"model/nll": []}}, {"seconds": {}}],
)  # fmt: skip
def test_lines_that_are_no_report_are_left_out(tmp_path, change):
    line = {**json.loads(json.dumps(report(1).__dict__)), **change}
    (tmp_path / LOG).write_text(json.dumps(line) + "\n")
    with pytest.warns(UserWarning, match="no report"):
        assert logged(tmp_path / LOG) == []


def test_what_a_killed_run_logged_beyond_its_checkpoint_goes(tmp_path):
    pf.fit(Normal(2), normal_data(), RECIPE, tmp_path, quiet=True)
    earlier = (tmp_path / CHECKPOINT).read_bytes()
    with open(tmp_path / LOG, "a") as file:
        file.write(json.dumps({**report(25).__dict__}) + '\n{"step": 3')
    assert (tmp_path / CHECKPOINT).read_bytes() == earlier
    pf.fit(Normal(2), normal_data(), RECIPE, tmp_path, quiet=True, resume=True)
    assert [r.step for r in logged(tmp_path / LOG)] == [5, 10, 15, 20]


def test_a_log_that_is_none_is_not_written_to(tmp_path):
    (tmp_path / LOG).write_text("my diary\n")
    with pytest.raises(FileExistsError, match="exists and is no log: choose another folder"):
        pf.fit(Normal(2), normal_data(), RECIPE, tmp_path, quiet=True)
    assert (tmp_path / LOG).read_text() == "my diary\n"


def test_a_full_disk_costs_no_line_of_the_log(tmp_path, monkeypatch):
    log, append = Log(tmp_path / LOG, 0), Log._append
    log.write(report(1))

    def full(self, text):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Log, "_append", full)
    with pytest.warns(UserWarning, match=r"cannot be written \(No space left on device\)"):
        log.write(report(2))
    log.write(report(3))
    assert [r.step for r in logged(tmp_path / LOG)] == [1]
    monkeypatch.setattr(Log, "_append", append)
    log.write(report(4))
    assert [r.step for r in logged(tmp_path / LOG)] == [1, 2, 3, 4]


def test_a_part_of_a_line_is_taken_back(tmp_path, monkeypatch):
    """The system writes what fits, and says only then that there is no more room."""
    resource = pytest.importorskip("resource")
    code = (
        "import resource, signal, warnings; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "warnings.simplefilter('ignore');"
        "from pathlib import Path; from pushforward.training.logs import Log;"
        "from pushforward.training.reports import Report;"
        f"log = Log(Path({str(tmp_path / LOG)!r}), 0);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500));"
        "[log.write(Report(i, 9, 's', 1.0, {'a/b': 1.0}, None, 1.0, 1.0)) for i in range(9)]"
    )
    assert resource is not None
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
    text = (tmp_path / LOG).read_text()
    assert text.endswith("\n")
    found = [r.step for r in logged(tmp_path / LOG)]
    assert 0 < len(found) < 9
    assert found == list(range(len(found)))


@pytest.mark.parametrize("last", [False, True])
def test_a_full_disk_stops_a_training_only_at_its_end(tmp_path, monkeypatch, last):
    real, refused = fitting.Training.save, []

    def full(self, path):
        if (self.step >= 10) if last else (self.step == 10):
            refused.append(self.step)
            raise OSError(f"{path} could not be written: No space left on device")
        return real(self, path)

    monkeypatch.setattr(fitting.Training, "save", full)
    tell = pytest.warns(UserWarning, match=r"No space left on device; training goes on")
    if not last:
        with tell:
            pf.fit(Normal(2), normal_data(), RECIPE, tmp_path, quiet=True)
        assert refused == [10]
        assert [r.step for r in logged(tmp_path / LOG)] == [5, 10, 15, 20]
        return
    with tell, pytest.raises(OSError, match=r"The last good checkpoint is .*; make room, and go"):
        pf.fit(Normal(2), normal_data(), RECIPE, tmp_path, quiet=True)
    assert refused == [10, 15, 20]
    monkeypatch.setattr(fitting.Training, "save", real)
    resumed = pf.fit(Normal(2), normal_data(), RECIPE, tmp_path, quiet=True, resume=True)
    whole = pf.fit(Normal(2), normal_data(), RECIPE, quiet=True)
    assert torch.equal(resumed.mean, whole.mean)


def test_a_folder_has_one_training_at_a_time(tmp_path):
    with owned(tmp_path / LOCK, "the folder"), pytest.raises(Occupied) as refusal:
        pf.fit(Normal(2), normal_data(), RECIPE, tmp_path, quiet=True)
    said = f"the folder {tmp_path} is in use by process {os.getpid()} on "
    assert said in str(refusal.value)
    pf.fit(Normal(2), normal_data(), RECIPE, tmp_path, quiet=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == [CHECKPOINT, LOG]


class Exploding(Normal):
    """Moves, after so many steps, to where nothing is finite; its losses before were."""

    def __init__(self, features: int, steps: int = 12, how: str = "weights"):
        super().__init__(features)
        self.steps, self.how, self.calls = steps, how, 0

    def players(self):
        return (pf.Player("model", self, self.loss, project=self.explode),)

    def explode(self):
        self.calls += 1
        if self.calls >= self.steps:
            value = {"weights": math.nan, "loss": -1e30, "samples": 1e3}[self.how]
            (self.mean if self.how == "weights" else self.log_scale).fill_(value)

    def log_prob(self, x):
        if self.how == "samples":
            return -(self.mean**2).sum() - 0 * x.sum(-1)
        return super().log_prob(x)


@pytest.mark.parametrize("how", ["weights", "loss", "samples"])
@pytest.mark.parametrize("steps", [12, 15, 20])
def test_a_model_that_diverged_replaces_no_good_one(tmp_path, how, steps):
    """Whether the losses have shown it by then, or would only show it in the next step."""
    with pytest.raises(pf.Diverged, match=rf"last good checkpoint is {tmp_path}"):
        pf.fit(Exploding(2, steps, how), normal_data(), RECIPE, tmp_path, quiet=True)
    good = pf.load(tmp_path / CHECKPOINT)
    assert good.sample(100).isfinite().all()
    assert pf.core.checkpoint.read(tmp_path / CHECKPOINT).record["training"]["step"] in (10, 15)
    with pytest.raises(pf.Diverged, match="Nothing was saved"):
        pf.fit(Exploding(2, 3, how), normal_data(), RECIPE, quiet=True)


class Dark(pf.Generative):
    """Draws images by a network that gives NaN: they are black, which is finite."""

    def __init__(self, network: pf.Component):
        super().__init__(pf.Pixels(1, 2, 2))
        self.network = network

    def loss(self, x):
        return {"none": 0 * self.network(x.flatten(1).float()).sum(1)}

    def sample(self, n):
        z = self.progress.new_full((n, 4), math.inf)
        return self.space.from_unit(self.network(z)).view(n, 1, 2, 2)


def test_black_images_of_nan_are_not_good():
    data = pf.data.tensors(torch.zeros(40, 1, 2, 2, dtype=torch.uint8))
    training = pf.Training(Dark(pf.MLP(4, 4, width=4)), data, pf.Recipe(2, 8))
    assert training.model.sample(1).max() == 0
    assert "samples are not finite any more, by what " in str(unsound(training))
    with pytest.raises(pf.Diverged, match=r"by what .* gives"):
        training.check()


def test_a_look_changes_nothing():
    training = pf.Training(Exploding(2, 100), normal_data(), pf.Recipe(4, 32))
    list(training)
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    before = {k: v.clone() for k, v in training.model.state_dict().items()}, training.model.calls
    assert unsound(training) is None
    assert torch.equal(torch.rand(1), expected)
    assert training.model.calls == before[1]
    assert all(torch.equal(v, before[0][k]) for k, v in training.model.state_dict().items())


def test_the_logs_name_is_one():
    assert logs.LOG == LOG == "log.jsonl"

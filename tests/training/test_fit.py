"""The standard loop: going on for longer, keeping the best, clocks, bars and validation."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, replace
from unittest import mock

import pytest
import torch

import pushforward as pf
from pushforward.core.checkpoint import weights
from pushforward.training import bars, loop
from pushforward.training.best import BEST, Best
from pushforward.training.fit import CHECKPOINT, LOG
from pushforward.training.reports import logged
from toys import Normal, normal_data

STEADY = pf.Recipe(12, 32, pf.Adam(1e-2), validate_every=0)


class Slow(Normal):
    """A loss that takes a while."""

    pause = 0.03

    def loss(self, x):
        time.sleep(self.pause)
        return super().loss(x)


def fitted(model, recipe, out=None, **options):
    torch.manual_seed(0)
    return pf.fit(model, options.pop("data", normal_data()), recipe, out, quiet=True, **options)


def test_resume_from_an_empty_folder_is_a_start(tmp_path):
    for folder in (tmp_path / "new", tmp_path):
        pf.fit(Normal(2), normal_data(), STEADY, folder, quiet=True, resume=True)
        assert (folder / CHECKPOINT).exists()
    with pytest.raises(ValueError, match="resume needs the folder"):
        pf.fit(Normal(2), normal_data(), STEADY, resume=True)


def test_more_steps_go_on_as_if_they_had_been_asked_for_at_once(tmp_path):
    longer = replace(STEADY, steps=20)
    fitted(Normal(2), STEADY, tmp_path)
    with pytest.warns(UserWarning, match="was of 12 steps and is now of 20: schedules go by"):
        extended = fitted(Normal(2), longer, tmp_path, resume=True)
    whole = fitted(Normal(2), longer)
    for name, tensor in weights(whole).items():
        assert torch.equal(tensor, weights(extended)[name])
    assert logged(tmp_path / LOG)[-1].step == 20
    with pytest.raises(pf.CheckpointError, match="has made 20 steps, more than 15"):
        fitted(Normal(2), replace(STEADY, steps=15), tmp_path, resume=True)


def test_reports_and_saves_may_be_of_another_rhythm(tmp_path):
    fitted(Normal(2), STEADY, tmp_path)
    other = replace(STEADY, report_every=1, save_every=2, save_minutes=None, validate_every=1)
    fitted(Normal(2), other, tmp_path, resume=True)
    with pytest.raises(pf.CheckpointError, match=r"another recipe: fields\.clip was None"):
        fitted(Normal(2), replace(STEADY, clip=1.0), tmp_path, resume=True)


class TwoStages(Normal):
    def stages(self):
        player = self.players()
        return (pf.Stage("a", player, share=1), pf.Stage("b", player, share=1))


def test_no_more_steps_than_keep_the_stage(tmp_path):
    """Step 12 is the end of stage b of 12, within b of 16, and in stage a of 40."""
    fitted(TwoStages(2), STEADY, tmp_path)
    with pytest.raises(pf.CheckpointError, match="step 12 would not be in stage 2 of 2"):
        fitted(TwoStages(2), replace(STEADY, steps=40), tmp_path, resume=True)
    with pytest.warns(UserWarning, match="schedules go by"):
        fitted(TwoStages(2), replace(STEADY, steps=16), tmp_path, resume=True)


class Rising(Normal):
    """On held-out data it is best in the middle: its mean passes by the data's."""

    def loss(self, x):
        return {"pull": (self.mean - 6).square().sum().expand(len(x)) if self.training else
                -self.log_prob(x)}  # fmt: skip


RISING = pf.Recipe(40, 32, pf.Adam(0.2), validate_every=2, report_every=2)


def test_the_best_model_is_kept(tmp_path):
    history = []
    with pytest.warns(UserWarning, match=r"validation loss was least, .*, at step \d+, and rose"):
        best = fitted(Rising(2), RISING, tmp_path, keep_best=True, history=history)
    least = min(history, key=lambda report: report.validation_loss)
    assert 2 < least.step < 40
    until = replace(RISING, steps=40)
    training = pf.Training(Rising(2), normal_data(), until)
    at = next(training.model.mean.clone() for report in training if report.step == least.step)
    assert torch.equal(best.mean, at)
    assert torch.equal(pf.load(tmp_path / BEST).mean, at)
    assert not torch.equal(pf.load(tmp_path / CHECKPOINT).mean, at)
    with pytest.raises(ValueError, match="keep_best needs a folder"):
        pf.fit(Normal(2), normal_data(), STEADY, keep_best=True)


def test_the_best_is_remembered_over_a_stop(tmp_path):
    with pytest.warns(UserWarning, match="and rose"):
        whole = fitted(Rising(2), RISING, tmp_path / "whole", keep_best=True)
    model, folder = Rising(2), tmp_path / "two"
    training = pf.Training(model, normal_data(), RISING)
    best = loopless(training, folder, 24)
    with pytest.warns(UserWarning, match="and rose"):
        again = fitted(Rising(2), RISING, folder, keep_best=True, resume=True)
    assert best.is_file()
    assert torch.equal(again.mean, whole.mean)


def loopless(training, folder, steps):
    """A run that is killed after `steps`, with the log and files that `fit` would have left."""
    folder.mkdir()
    best = Best(training, folder)
    with open(folder / LOG, "w") as log:
        for report in training:
            log.write(json.dumps(asdict(report)) + "\n")
            best.see(report)
            if report.step == steps:
                training.save(folder / CHECKPOINT)
                return folder / BEST
    raise AssertionError("it ended before")


def test_no_word_where_validation_falls(tmp_path):
    fitted(Normal(2), replace(STEADY, steps=100, validate_every=None), tmp_path)


def test_a_checkpoint_is_due_by_minutes(tmp_path):
    recipe = replace(STEADY, steps=10, report_every=10, save_every=10, save_minutes=0.07 / 60)
    history, times = [], []

    class Saving(pf.Training):
        def save(self, path):
            times.append(self.step)
            return super().save(path)

    with mock.patch("pushforward.training.fit.Training", Saving):
        fitted(Slow(2), recipe, tmp_path, history=history)
    assert times[-1] == 10
    assert len(times) >= 3, "each 0.07 s, of steps of 0.03 s"
    assert [report.step for report in history] == times, "a report is asked for"
    assert torch.equal(pf.load(tmp_path / CHECKPOINT).mean, fitted(Normal(2), STEADY_10).mean)


STEADY_10 = replace(STEADY, steps=10)


def test_seconds_are_those_at_the_report():
    start = time.perf_counter()
    training = pf.Training(Slow(2), normal_data(), replace(STEADY, steps=6, report_every=3))
    for report in training:
        took = time.perf_counter() - start
        assert 0.8 * report.step * Slow.pause < report.seconds <= took
    assert training.seconds >= report.seconds


def test_the_bar_moves_between_reports(monkeypatch):
    seen = []
    look = bars._Shown.look
    monkeypatch.setattr(bars, "OFTEN", 0.0)
    monkeypatch.setattr(bars, "LOSS", 0.0)

    def noted(self, what, done, total):
        look(self, what, done, total)
        task = self.progress.tasks[0]
        seen.append((task.completed, task.fields["now"]))

    monkeypatch.setattr(bars._Shown, "look", noted)
    recipe = replace(STEADY, steps=6, report_every=6)
    pf.fit(Slow(2), normal_data(), recipe)
    steps = [done for done, _ in seen]
    assert steps == [1, 2, 3, 4, 5, 6]
    assert all("loss" in now for _, now in seen)
    assert "steps/s" in seen[-1][1]


def test_progress_is_told_on_stderr(capsys):
    pf.fit(Normal(2), normal_data(), replace(STEADY, validate_every=None))
    said = capsys.readouterr()
    assert said.out == ""
    assert "step 12/12" in said.err


def test_a_bar_counts_an_evaluation(monkeypatch):
    from pushforward.metrics.likelihood import nats

    told = []
    model, data = Normal(2), normal_data()
    nats(model, data.test, size=100, watch=lambda done, total: told.append((done, total)))
    assert told == [(min(n, 512), 512) for n in range(100, 700, 100)]


class Heavy(Normal):
    """Held-out data take longer than training."""

    def log_prob(self, x):
        if not self.training:
            time.sleep(0.02)
        return super().log_prob(x)


def test_validation_never_takes_longer_than_training_without_a_word(monkeypatch):
    monkeypatch.setattr(loop, "CHEAP", 0.05)
    data = normal_data()
    with pytest.warns(UserWarning, match=r"a validation takes \d+ s, .*--validate-every"):
        reports = list(pf.Training(Heavy(2), data, pf.Recipe(20, 16, report_every=1)))
    assert sum(report.validation is not None for report in reports) < 3
    asked = pf.Recipe(2, 16, report_every=1, validate_every=1)
    assert all(r.validation for r in pf.Training(Heavy(2), data, asked)), "it is as asked for"


def test_validation_is_at_the_end_of_schedules():
    seen = []

    class Warming(Normal):
        def loss(self, x):
            seen.append((self.training, self.progress.item()))
            return super().loss(x)

    recipe = pf.Recipe(4, 32, report_every=2, validate_every=2)
    list(pf.Training(Warming(2), normal_data(), recipe))
    assert {progress for training, progress in seen if not training} == {1.0}
    assert [round(p, 3) for training, p in seen if training] == [0.0, 0.333, 0.667, 1.0]

"""Laws of training: who moves, that it helps, and that nothing else changes anything."""

from __future__ import annotations

import json
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..core.checkpoint import load, save, weights
from ..core.contract import Generative
from ..core.dataset import Batch
from ..training.loop import Training
from ..training.mover import Mover
from ..training.recipe import Adam, Recipe
from .subject import BATCH, NotApplicable, Subject, draw_from, log_likelihood, short_recipe


def players_move_their_own(subject: Subject) -> None:
    """Every parameter belongs to a player; a move changes some of his, and nobody else's."""
    model, batch = subject.model(), subject.batch(BATCH)
    owned = [p for s in model.stages() for q in s.players for p in q.module.parameters()]
    orphans = [n for n, p in model.named_parameters() if not any(p is q for q in owned)]
    assert not orphans, f"no player moves {orphans[:5]}"
    for stage in model.stages():
        with torch.no_grad():
            seen = stage.view(*batch)
        for player in stage.players:
            before = {n: t.detach().clone() for n, t in weights(model).items()}
            mover = Mover(player, short_recipe(1))
            mover.move(seen, 1.0)
            changed = {n: t for n, t in weights(model).items() if not torch.equal(t, before[n])}
            mine = {id(t) for t in player.module.state_dict(keep_vars=True).values()}
            learned = dict(model.named_parameters(remove_duplicate=False))
            strange = [n for n, t in changed.items() if n in learned and id(t) not in mine]
            assert not strange, f"player {player.name!r} changed {strange[:5]}"
            moved = [n for n, t in changed.items() if id(t) in mine]
            assert moved, f"a move of player {player.name!r} changed nothing"


def training_helps(subject: Subject) -> None:
    """A short training raises the likelihood of held-out data; without one, samples come nearer."""
    from ..metrics.energy import energy_distance

    before, after = subject.model().eval(), subject.trained()
    torch.manual_seed(2)
    held = subject.told.validation.at(slice(0, 256))
    try:
        worse, better = (log_likelihood(m, held).mean().item() for m in (before, after))
        assert better > worse, f"log-likelihood fell from {worse:.4g} to {better:.4g}"
    except NotApplicable:
        n = len(held[0])
        drawn = [draw_from(m, n, held).double().flatten(1) for m in (before, after)]
        real = held[0].double().flatten(1)
        far, near = (energy_distance(d, real).value for d in drawn)
        assert near < far, f"the energy distance to data rose from {far:.4g} to {near:.4g}"


def checkpoints_are_faithful(subject: Subject) -> None:
    """Save, load: the same samples and likelihoods bit for bit, the same ties, a header of JSON."""
    model, batch = subject.trained(), subject.batch()
    with tempfile.TemporaryDirectory() as folder:
        path = save(model, Path(folder) / "model.safetensors")
        loaded = load(path)
        _check_header(path)
    assert list(weights(loaded)) == list(weights(model)), "ties were lost, or weights"
    assert torch.equal(draw_from(loaded, 5, batch), draw_from(model, 5, batch)), "other samples"
    try:
        same = torch.equal(log_likelihood(loaded, batch), log_likelihood(model, batch))
    except NotApplicable:
        return
    assert same, "other likelihoods"


def _check_header(path: Path) -> None:
    def refuse(constant: str) -> Any:
        raise AssertionError(f"{constant} in the header is not JSON")

    raw = path.read_bytes()
    header = json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")], parse_constant=refuse)
    json.loads(header["__metadata__"]["blueprint"], parse_constant=refuse)


def interruption_changes_nothing(subject: Subject) -> None:
    """Train 20 = train 10, save, load, train 10: bit for bit, average included."""
    recipe = short_recipe(20, ema=0.9)
    whole = Training(subject.model(), subject.data, recipe)
    for _ in whole:
        torch.rand(3)  # the loop's body draws too
    halves = Training(subject.model(), subject.data, recipe)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "half.safetensors"
        next(report for report in halves if report.step == 10)
        halves.save(path)
        again = Training(subject.model(seed=7), subject.data, recipe).resume(path)
        for _ in again:
            pass
    for one, other in ((whole.model, again.model), (whole.result, again.result)):
        theirs = weights(other)
        different = [n for n, t in weights(one).items() if not torch.equal(t, theirs[n])]
        assert not different, f"an interrupted training differs in {different[:5]}"


def looking_changes_nothing(subject: Subject) -> None:
    """Whoever samples, evaluates or changes modes in the loop's body changes nothing of the run."""
    ends = []
    for look in (False, True):
        training = Training(subject.model(), subject.data, short_recipe(10, ema=0.9))
        for _ in training:
            training_now = [n for n, m in training.model.named_modules() if m.training]
            assert not training_now, f"in the loop's body {training_now[:3]} are in training mode"
            if look:
                _look(training.model, subject.batch(8))
                training.model.train()
        ends.append(weights(training.model))
    different = [n for n, t in ends[0].items() if not torch.equal(t, ends[1][n])]
    assert not different, f"looking changed {different[:5]}"


def _look(model: Generative, batch: Batch) -> None:
    draw_from(model, 3, batch)
    with suppress(NotApplicable):
        log_likelihood(model, batch)


def what_nobody_plays_stays(subject: Subject) -> None:
    """Parameters and buffers that belong to no player of a stage do not move in it."""
    model = subject.model()
    stages = {stage.name: stage for stage in model.stages()}
    before: dict[str, Tensor] = {}
    stage = ""
    for report in Training(model, subject.data, _short(len(stages))):
        if report.stage == stage:
            owned = {
                id(t)
                for player in stages[stage].players
                for t in player.module.state_dict(keep_vars=True).values()
            }
            moved = [
                n
                for n, t in weights(model).items()
                if id(t) not in owned and not torch.equal(t, before[n]) and "progress" not in n
            ]
            assert not moved, f"in stage {stage!r} {moved[:5]} moved, which no player owns"
        stage, before = report.stage, {n: t.detach().clone() for n, t in weights(model).items()}


def _short(stages: int) -> Recipe:
    return Recipe(4 * stages, BATCH, Adam(3e-3), clip=10.0, validate_every=0, report_every=1)

"""The laws that every model obeys, as functions: run by the tests over all registered examples,
and by
`pushforward check FILE.py` over yours.

A law takes a `Subject` and raises AssertionError, with what it saw, where it is broken. A law that
does not apply to a model (it has no likelihood, its space is too large to sum over) raises
`NotApplicable`.
"""

from __future__ import annotations

import copy
import itertools
import json
import math
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .core.checkpoint import load, save, weights
from .core.contract import Bounded, Density, Generative, Pushforward, Scored, Terms, Weighted
from .core.dataset import Batch, Dataset
from .core.given import spaces_of
from .core.spaces import Labels, Pixels, Reals, Space, Tokens
from .training.loop import Training
from .training.mover import Mover
from .training.recipe import Adam, Recipe

STEPS, BATCH = 150, 64
SUMMABLE = 2**12


class NotApplicable(Exception):
    """This law says nothing about this model."""


@dataclass(frozen=True)
class Subject:
    """A model on trial: how to build it, and data of its space. It is trained once for all laws."""

    build: Callable[[], Generative]
    data: Dataset
    _kept: dict[str, Generative] = field(default_factory=dict, repr=False, compare=False)

    def model(self, seed: int = 0) -> Generative:
        """A new instance with weights from `seed`."""
        torch.manual_seed(seed)
        return self.build()

    def trained(self) -> Generative:
        """A copy of an instance after a short training.

        A game takes longer than a likelihood: its players first learn from each other.
        """
        if "trained" not in self._kept:
            model = self.model()
            steps = STEPS if isinstance(model, Density | Bounded) else 4 * STEPS
            training = Training(model, self.data, _recipe(steps, ema=0.98))
            for _ in training:
                pass
            self._kept["trained"] = training.result
        return copy.deepcopy(self._kept["trained"])

    def batch(self, n: int = 16) -> Batch:
        """The first `n` training examples, as the model sees them."""
        torch.manual_seed(1)
        return self.told.train.at(slice(0, n))

    @property
    def told(self) -> Dataset:
        """The data as the model sees them."""
        return self.data.told(self.model().given)


def _recipe(steps: int, ema: float | None = None) -> Recipe:
    return Recipe(steps, BATCH, Adam(3e-3), ema=ema, clip=10.0, validate_every=0, report_every=5)


def _drawn(model: Generative, n: int, batch: Batch, seed: int = 0) -> Tensor:
    """Samples under a seed; a conditional model draws for the labels of the batch."""
    torch.manual_seed(seed)
    conditions = [c[torch.arange(n) % len(c)] for c in batch[1:]]
    return model.sample(n, *conditions)


def _likelihood(model: Generative, batch: Batch, seed: int = 0) -> Tensor:
    """Log-likelihood or bound of a batch under a seed, (batch,) in nats."""
    torch.manual_seed(seed)
    with torch.no_grad():
        if isinstance(model, Density):
            return model.log_prob(*batch)
        if isinstance(model, Bounded):
            return model.elbo(*batch)
    raise NotApplicable("it has no likelihood")


def samples_are_data(subject: Subject) -> None:
    """`sample(n)` is of the space, contiguous, repeats under a seed, and carries no gradient."""
    model, batch = subject.model().eval(), subject.batch()
    drawn = _drawn(model, 5, batch)
    model.space.check(drawn, "sample(5)")
    _check_parts(model, batch)
    assert len(drawn) == 5, f"sample(5) gave {len(drawn)} data"
    assert not drawn.requires_grad, "sample(5) carries a gradient"
    assert drawn.is_contiguous(), f"sample(5) is not contiguous: its strides are {drawn.stride()}"
    assert torch.equal(drawn, _drawn(model, 5, batch)), "one seed gave two samples"


def _check_parts(model: Generative, batch: Batch) -> None:
    """Data come in parts, and where only noise is drawn they are the same in any parts."""
    told = [c[torch.arange(7) % len(c)] for c in batch[1:]]
    torch.manual_seed(0)
    parts = list(model.draws(7, *told, size=3))
    assert [len(p) for p in parts] == [3, 3, 1], "draws(7, size=3) must come in parts of 3, 3, 1"
    if type(model).sample is Pushforward.sample:
        apart, whole = torch.cat(parts).double(), _drawn(model, 7, batch).double()
        near = (apart - whole).abs() < 1e-3 * (1 + whole.abs())
        assert near.double().mean() > 0.98, "in parts, other data are drawn"


def terms_are_finite(subject: Subject) -> None:
    """Every term of every player is finite, (batch,) or ()."""
    model, batch = subject.model(), subject.batch()
    for stage in model.stages():
        with torch.no_grad():
            seen = stage.view(*batch)
        for player in stage.players:
            terms: Terms = (player.loss or player.update)(*seen)  # type: ignore[misc]
            assert terms, f"player {player.name!r} has no terms"
            for name, term in terms.items():
                shape = tuple(term.shape)
                assert shape in ((), (len(batch[0]),)), f"{player.name}/{name} has shape {shape}"
                assert term.isfinite().all(), f"{player.name}/{name} is not finite"


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
            mover = Mover(player, _recipe(1))
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
    from .metrics.energy import energy_distance

    before, after = subject.model().eval(), subject.trained()
    torch.manual_seed(2)
    held = subject.told.validation.at(slice(0, 256))
    try:
        worse, better = (_likelihood(m, held).mean().item() for m in (before, after))
        assert better > worse, f"log-likelihood fell from {worse:.4g} to {better:.4g}"
    except NotApplicable:
        n = len(held[0])
        drawn = [_drawn(m, n, held).double().flatten(1) for m in (before, after)]
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
    assert torch.equal(_drawn(loaded, 5, batch), _drawn(model, 5, batch)), "other samples"
    try:
        same = torch.equal(_likelihood(loaded, batch), _likelihood(model, batch))
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
    recipe = _recipe(20, ema=0.9)
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


def density_is_normalised(subject: Subject) -> None:
    """An exact density sums or integrates to 1, and its samples follow it."""
    if not isinstance(subject.model(), Density):
        raise NotApplicable("it is no density")
    points, volume = _all_points(subject.data.space, subject)
    model, told = subject.trained().double(), subject.batch(1)[1:]
    assert isinstance(model, Density)
    with torch.no_grad():
        parts = points.split(4096)
        log_prob = torch.cat([model.log_prob(part, *_each(told, len(part))) for part in parts])
    probability = log_prob.exp() * volume
    total = probability.sum().item()
    tight = 1e-6 if volume == 1 else 0.02
    assert abs(total - 1) < tight, f"the density sums to {total:.6f}"
    _check_samples(model, -(probability * log_prob).sum().item() / total, _each(told, 4000))


def _each(told: Batch, n: int) -> Batch:
    """The conditions of one datum for n data."""
    return tuple((c.double() if c.is_floating_point() else c).expand(n, *c.shape[1:]) for c in told)


def _check_samples(model: Density, entropy: float, told: Batch) -> None:
    """The mean of -log p over samples is the entropy, within five standard errors."""
    torch.manual_seed(3)
    surprise = -model.log_prob(model.sample(4000, *told), *told).detach()
    error = (surprise.std() / math.sqrt(len(surprise))).item()
    gap = abs(surprise.mean().item() - entropy)
    assert gap < 5 * error + 0.02, f"samples have mean -log p {gap:.4f} nats off the entropy"


def _all_points(space: Space, subject: Subject) -> tuple[Tensor, float]:
    """Every datum of a small space, or a grid over a plane, and the volume of a point."""
    match space:
        case Pixels(levels=top) if top**space.dims <= SUMMABLE:
            return _every(top, space.dims, torch.uint8).unflatten(1, space.shape), 1
        case Tokens(vocabulary=top) if top**space.dims <= SUMMABLE:
            return _every(top, space.dims, torch.int64), 1
        case Reals(shape=(2,)):
            data = subject.data.train.tensors[0]
            reach = 3 * float(data.abs().max())
            side = torch.linspace(-reach, reach, 601, dtype=torch.float64)
            return torch.cartesian_prod(side, side), float(side[1] - side[0]) ** 2
    raise NotApplicable("its space is too large to sum over")


def _every(top: int, dims: int, dtype: torch.dtype) -> Tensor:
    return torch.tensor(list(itertools.product(range(top), repeat=dims)), dtype=dtype)


def bounds_are_bounds(subject: Subject) -> None:
    """A lower bound stays below what densities can be, and k importance samples tighten it."""
    if not isinstance(subject.model(), Bounded):
        raise NotApplicable("it declares no bound")
    model: Any = subject.trained()
    if not isinstance(model, Weighted):
        return _check_below(model, subject)
    with suppress(NotApplicable):
        points, volume = _all_points(model.space, subject)
        _check_sum(model, points, volume, subject.batch(1)[1:])
    _check_tightens(model, subject.batch(64))


def _check_sum(model: Weighted, points: Tensor, volume: float, told: Batch) -> None:
    """Weights are unbiased and sum to 1; exp(elbo), with a KL in closed form, would not."""
    torch.manual_seed(5)
    with torch.no_grad():
        parts = [
            model.log_weights(p, *_each(told, len(p)), samples=2).double().exp()
            for p in points.split(4096)
        ]
    pairs = torch.cat(parts, 1) * volume
    total, error = pairs.mean(0).sum().item(), (pairs[0] - pairs[1]).norm().item() / 2
    assert total < 1.02 + 4 * error, f"weights sum to {total:.4f} +- {error:.4f}"


def _check_below(model: Bounded, subject: Subject) -> None:
    """E_r[elbo - log r] <= 0 for any density r, which here is the smoothed data.

    Sums of exp(elbo) would not do: an elbo is estimated, and the mean of exp(estimate) is more.
    """
    x, *conditions = subject.batch(1000)
    if conditions:
        raise NotApplicable("it is conditional")
    x, log_r = _smoothed(x) if isinstance(model.space, Reals) else (x, _log_frequency(x))
    gap = _likelihood(model, (x,)).double() - log_r
    error = (gap.std() / math.sqrt(len(gap))).item()
    assert gap.mean() < 5 * error + 0.02, f"the bound is {gap.mean():.4g} nats above a density"


def _smoothed(x: Tensor) -> tuple[Tensor, Tensor]:
    """Draws from a kernel density of `x`, and its logarithm there."""
    normal = torch.distributions.Normal(0.0, 0.1 * float(x.std()))
    drawn = x + normal.sample(x.shape).to(x)
    apart = (drawn[:, None] - x).flatten(2).double()
    return drawn, normal.log_prob(apart).sum(-1).logsumexp(1) - math.log(len(x))


def _log_frequency(x: Tensor) -> Tensor:
    """The log of how often each datum occurs among the data."""
    _, place, times = x.flatten(1).unique(dim=0, return_inverse=True, return_counts=True)
    return (times[place].double() / len(x)).log()


def _check_tightens(model: Weighted, batch: Batch) -> None:
    torch.manual_seed(4)
    with torch.no_grad():
        one, many = (model.importance_weighted(*batch, k=k) for k in (1, 32))
    gain, error = (many - one).mean().item(), (many - one).std().item() / math.sqrt(len(one))
    assert gain > -3 * error, f"the bound with 32 samples is {-gain:.4g} nats looser than with 1"


def bounds_are_not_called_log_prob(subject: Subject) -> None:
    """What is not a `Density` has no `log_prob`."""
    model = subject.model()
    if isinstance(model, Density):
        raise NotApplicable("it is a density")
    assert not hasattr(model, "log_prob"), f"{type(model).__name__} is no Density, but has log_prob"


def bad_input_is_refused(subject: Subject) -> None:
    """A wrong shape, type or value is named, with what was expected, before torch sees it."""
    model = subject.model()
    batch = subject.batch(4)
    x, *conditions = batch
    wrong = {"shape": x[:, None], "type": x.to(torch.complex64)}
    top = getattr(model.space, "levels", getattr(model.space, "vocabulary", 0))
    if 0 < top < 256:
        wrong["value"] = torch.full_like(x, top)
    for what, bad in wrong.items():
        for name in ("log_prob", "elbo"):
            if hasattr(model, name):
                _refuses(getattr(model, name), (bad, *conditions), f"{name} of a wrong {what}")
    for n in (0, -1):
        _refuses(model.sample, (n, *conditions), f"sample({n})")


def _refuses(call: Callable, arguments: tuple, what: str) -> None:
    message = ""
    try:
        call(*arguments)
    except ValueError as error:
        message = str(error)
    assert message, f"{what} was accepted"
    assert "expected" in message or "must be" in message, f"{what}: unclear message: {message}"


CHECKED = ("log_prob", "elbo", "log_weights", "loss")


def conditions_are_checked(subject: Subject) -> None:
    """What a model is told is what it declares: no more, no less, nothing out of range."""
    model, (x, *told) = subject.model(), subject.batch(4)
    wrong: dict[str, list[Tensor]] = {"one condition too many": [*told, torch.zeros(len(x))]}
    for i, space in enumerate(spaces_of(model.given)):
        others = (told[:i], told[i + 1 :])
        for what, bad in _wrong(space, told[i]).items():
            wrong[f"{what} for {space}"] = [*others[0], bad, *others[1]]
        if not isinstance(space, Labels) or not space.unknown:
            wrong[f"no {space}"] = [*others[0], *others[1]]
    for what, conditions in wrong.items():
        for name in CHECKED:
            if getattr(type(model), name, Generative.loss) is not Generative.loss:
                _refuses(getattr(model, name), (x, *conditions), f"{name} of {what}")
        _refuses(model.sample, (len(x), *conditions), f"sample of {what}")
        if isinstance(model, Scored) and isinstance(model.space, Reals):
            _refuses(model.score, (x, x.new_ones(len(x)), *conditions), f"score of {what}")


def _wrong(space: Any, c: Tensor) -> dict[str, Tensor]:
    """Conditions that are not of a space."""
    wrong = {"fewer rows": c[:-1], "another shape": c[:, None], "another type": c.to(torch.bool)}
    top = {Labels: "classes", Tokens: "vocabulary"}.get(type(space))
    if top is not None:
        for value in (-1, getattr(space, top) + 1, 99):
            wrong[f"the value {value}"] = torch.full_like(c, value)
    return wrong


def conditions_are_heard(subject: Subject) -> None:
    """A trained model that is told something else gives other data or likelihoods."""
    model = subject.trained()
    x, *told = subject.batch()
    if not told:
        raise NotApplicable("it is told nothing")
    other = [c.roll(1, 0) for c in told]
    if not any(bool((a != b).any()) for a, b in zip(told, other)):
        raise NotApplicable("all of its data are told the same")
    drawn = [_drawn(model, len(x), (x, *c)) for c in (told, other)]
    if torch.equal(*drawn):
        log_p = [_likelihood(model, (x, *c)) for c in (told, other)]
        assert not torch.equal(*log_p), "what it is told changes nothing"


def looking_changes_nothing(subject: Subject) -> None:
    """Whoever samples, evaluates or changes modes in the loop's body changes nothing of the run."""
    ends = []
    for look in (False, True):
        training = Training(subject.model(), subject.data, _recipe(10, ema=0.9))
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
    _drawn(model, 3, batch)
    with suppress(NotApplicable):
        _likelihood(model, batch)


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


def doubles(subject: Subject) -> None:
    """`model.double()` trains and samples in float64."""
    model = subject.model().double()
    batch = subject.batch()
    x = batch[0].double() if batch[0].is_floating_point() else batch[0]
    for stage in model.stages()[:1]:
        for player in stage.players:
            terms = (player.loss or player.update)(*stage.view(x, *batch[1:]))  # type: ignore[misc]
            types = {name: str(t.dtype) for name, t in terms.items() if t.dtype != torch.float64}
            assert not types, f"terms of player {player.name!r} are not float64: {types}"
    model.eval().space.check(_drawn(model, 3, batch), "sample(3) in float64")


LAWS: dict[str, Callable[[Subject], None]] = {
    law.__name__: law
    for law in (
        samples_are_data,
        terms_are_finite,
        players_move_their_own,
        training_helps,
        checkpoints_are_faithful,
        interruption_changes_nothing,
        density_is_normalised,
        bounds_are_bounds,
        bounds_are_not_called_log_prob,
        bad_input_is_refused,
        conditions_are_checked,
        conditions_are_heard,
        looking_changes_nothing,
        what_nobody_plays_stays,
        doubles,
    )
}

"""Laws of what models say and are told: data of their space, finite terms, words for bad input."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ..core.contract import Completing, Density, Generative, Pushforward, Scored, Terms
from ..core.dataset import Batch
from ..core.given import spaces_of
from ..core.spaces import Labels, Reals, Tokens
from .subject import NotApplicable, Subject, draw_from, log_likelihood


def samples_are_data(subject: Subject) -> None:
    """`sample(n)` is of the space, contiguous, repeats under a seed, and carries no gradient."""
    model, batch = subject.model().eval(), subject.batch()
    drawn = draw_from(model, 5, batch)
    model.space.check(drawn, "sample(5)")
    _check_parts(model, batch)
    assert len(drawn) == 5, f"sample(5) gave {len(drawn)} data"
    assert not drawn.requires_grad, "sample(5) carries a gradient"
    assert drawn.is_contiguous(), f"sample(5) is not contiguous: its strides are {drawn.stride()}"
    assert torch.equal(drawn, draw_from(model, 5, batch)), "one seed gave two samples"


def _check_parts(model: Generative, batch: Batch) -> None:
    """Data come in parts, and where only noise is drawn they are the same in any parts."""
    told = [c[torch.arange(7) % len(c)] for c in batch[1:]]
    torch.manual_seed(0)
    parts = list(model.draws(7, *told, size=3))
    assert [len(p) for p in parts] == [3, 3, 1], "draws(7, size=3) must come in parts of 3, 3, 1"
    if type(model).sample is Pushforward.sample:
        apart, whole = torch.cat(parts).double(), draw_from(model, 7, batch).double()
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


def bounds_are_not_called_log_prob(subject: Subject) -> None:
    """What is not a `Density` has no `log_prob`."""
    model = subject.model()
    if isinstance(model, Density):
        raise NotApplicable("it is a density")
    assert not hasattr(model, "log_prob"), f"{type(model).__name__} is no Density, but has log_prob"


def completions_agree(subject: Subject) -> None:
    """`complete` leaves what is known as it is, gives data, and refuses a mask of another shape."""
    model, (x, *told) = subject.model().eval(), subject.batch(4)
    if not isinstance(model, Completing):
        raise NotApplicable("it completes nothing")
    dims = x[0].numel()
    first = torch.arange(dims, device=x.device).view(x.shape[1:]) < (dims + 1) // 2
    for known in (torch.ones_like(first), first.expand_as(x)):
        drawn = model.complete(x, known, *told)
        model.space.check(drawn, "complete(x, known)")
        assert torch.equal(drawn[known.expand_as(x)], x[known.expand_as(x)]), "known values moved"
    _refuses(model.complete, (x, torch.ones(*x.shape, 2).bool(), *told), "a mask of two")


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
        for value in (-1, getattr(space, top) + 1, getattr(space, top) + 99):
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
    drawn = [draw_from(model, len(x), (x, *c)) for c in (told, other)]
    if torch.equal(*drawn):
        log_p = [log_likelihood(model, (x, *c)) for c in (told, other)]
        assert not torch.equal(*log_p), "what it is told changes nothing"


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
    model.eval().space.check(draw_from(model, 3, batch), "sample(3) in float64")

"""Laws of any number and type: none and one are numbers of data, float64 is a type of floats."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from ..core.contract import Density, Generative, Scored
from ..core.dataset import Batch
from .subject import Subject, draw_from

ASKED = ("log_prob", "elbo", "log_weights", "estimated_log_prob", "loss", "encode", "noise")


def none_and_one_are_numbers(subject: Subject) -> None:
    """No data, and one datum alone, give answers of their number; one the same as among others."""
    model, batch = subject.model().eval(), subject.batch(4)
    for n in (0, 1):
        some = tuple(t[:n] for t in batch)
        for name, found in _answers(model, some):
            for answer in found:
                _check(answer, n, f"{name} of {n} data")
    if isinstance(model, Density):
        alone, together = model.log_prob(*(t[:1] for t in batch)), model.log_prob(*batch)[:1]
        near = torch.allclose(alone, together, rtol=1e-3, atol=1e-3)
        assert near, f"log_prob of one datum is {alone.item()}, among others {together.item()}"


def types_agree(subject: Subject) -> None:
    """A model in float64 takes data in float32, and one in float32 takes data in float64."""
    batch = subject.batch(4)
    for kind, model in (
        (torch.float32, subject.model().double().eval()),
        (torch.float64, subject.model().eval()),
    ):
        given = tuple(t.to(kind) if t.is_floating_point() else t for t in batch)
        for name, found in _answers(model, given):
            for answer in found:
                _check(answer, len(batch[0]), f"{name} of {kind} by a model in {model.dtype}")
        if isinstance(model, Density):
            own = tuple(t.to(model.dtype) if t.is_floating_point() else t for t in given)
            assert torch.equal(model.log_prob(*given), model.log_prob(*own)), "types differ"


def half_is_drawn_or_refused(subject: Subject) -> None:
    """A model in bfloat16 gives data of its space, or says in words that it cannot."""
    model, batch = subject.model().bfloat16().eval(), subject.batch(4)
    refused = ""
    try:
        model.space.check(draw_from(model, 2, batch), "sample(2) in bfloat16")
    except ValueError as error:
        refused = str(error)
    assert "model.float()" in refused or not refused, f"unclear message: {refused}"


def _answers(model: Generative, batch: Batch) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """What every method says of a batch."""
    x, *told = batch
    for name in ASKED:
        method = getattr(type(model), name, None)
        if callable(method) and method is not Generative.loss:
            found = getattr(model, name)(*batch)
            yield name, tuple(found.values()) if isinstance(found, dict) else (found,)
    if isinstance(model, Scored) and x.is_floating_point():
        yield "score", (model.score(x, x.new_ones(len(x)), *told),)
    made: Any = model
    if hasattr(model, "push") and hasattr(model, "latents") and not _prior_is_told(model):
        kind = x.dtype if x.is_floating_point() else torch.float32
        yield "push", (made.push(made.latents(4)[: len(x)].to(kind), *told),)


def _prior_is_told(model: Any) -> bool:
    """Whether noise alone cannot be drawn, because the prior is told something."""
    return getattr(getattr(model, "prior", None), "given", None) is not None


def _check(answer: Any, n: int, what: str) -> None:
    if not isinstance(answer, Tensor) or not answer.dim():
        return  # a distribution, or a term that is one number
    shape = tuple(answer.shape)
    assert n in shape[:2], f"{what} is of shape {shape}"
    assert torch.isfinite(answer.double()).all(), f"{what} is not finite"

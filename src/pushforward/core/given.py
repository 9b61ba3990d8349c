"""What a model is told beside its data: nothing, a condition of some space, or several in order.

    p(x | y),    y of `given`: Labels(10), Reals((width,)), Tokens(length, vocabulary), a tuple

A model declares what it is told as it declares its space, and so does a data set. The contract
checks conditions where it checks x, and the trainer compares the two before the first step.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from .spaces import Condition, Labels, Pixels, Reals, Tokens, count

Given = Condition | tuple[Condition, ...] | None
"""None is told nothing; a tuple is told several conditions, in its order."""


def spaces_of(given: Given) -> tuple[Condition, ...]:
    """The conditions' spaces, in order; () for a model that is told nothing.

    Raises ValueError for what is no space.

    >>> spaces_of(Labels(10))
    (Labels(classes=10, unknown=False),)
    """
    parts = () if given is None else given if isinstance(given, tuple) else (given,)
    for part in parts:
        if not isinstance(part, Condition):
            raise ValueError(
                f"given must be None, a space such as Labels(10), or a tuple of them, not {part!r}"
            )
    return parts


def given_of(*spaces: Condition | None) -> Given:
    """The shortest way to say that these are told, those that are None left out.

    >>> given_of(Labels(3), None)
    Labels(classes=3, unknown=False)
    """
    parts = tuple(space for space in spaces if space is not None)
    return parts if len(parts) > 1 else parts[0] if parts else None


def told(classes: int = 0, context: int | tuple[int, ...] = 0) -> Given:
    """What a model is told that was built with `classes` (0: none) and a `context` (0 or (): none).

    The context is the length of a vector, or the shape of a map. Raises ValueError for what is no
    number of at least 0.

    >>> told(context=16)
    Reals(shape=(16,))
    """
    labels = Labels(classes) if count("classes", classes, 0) else None
    if not isinstance(context, tuple):
        context = (context,) if count("context", context, 0) else ()
    return given_of(labels, Reals(context) if context else None)


def check_given(
    given: Given,
    conditions: tuple[Tensor | None, ...],
    n: int,
    who: str,
    device: torch.device | str = "cpu",
) -> tuple[Tensor, ...]:
    """The conditions of `n` data, where they are what `given` says; labels left out are unknown.

    Raises ValueError with what was expected and what was given.
    """
    wanted = spaces_of(given)
    passed = tuple(c for c in conditions if c is not None)
    if len(passed) == len(wanted) - 1:
        passed = _completed(wanted, passed, n, device)
    if len(passed) != len(wanted):
        raise ValueError(_miscounted(wanted, len(passed), who))
    for space, condition in zip(wanted, passed):
        space.check(condition, "the condition")
        if len(condition) != n:
            raise ValueError(
                f"the conditions must be as many as the data: expected {n} of {space}, "
                f"was given {len(condition)}"
            )
    return passed


def _completed(
    wanted: tuple[Condition, ...], passed: tuple[Tensor, ...], n: int, device: torch.device | str
) -> tuple[Tensor, ...]:
    """With "unknown" in the place of a label that was left out, where that is a value."""
    first = wanted[0]
    if not isinstance(first, Labels) or not first.unknown:
        return passed
    return (torch.full((n,), first.classes, device=device), *passed)


def _miscounted(wanted: tuple[Condition, ...], passed: int, who: str) -> str:
    if not wanted:
        return (
            f"{who} is told nothing (given=None: built with classes=0, context=0): expected data "
            f"alone, was given {passed} condition{'s' if passed > 1 else ''} with them"
        )
    names = " and ".join(map(str, wanted))
    said = f"was given {passed}" if passed else "and got none"
    return (
        f"{who} is told {names} with each datum: expected {len(wanted)} "
        f"condition{'s' if len(wanted) > 1 else ''} after x, or after n in sample(n, ...), "
        f"{said}"
    )


def known(given: Given) -> Given:
    """The same without "unknown" as a value: what data hold, not what may be asked of a model."""
    parts = (replace(s, unknown=False) if isinstance(s, Labels) else s for s in spaces_of(given))
    return given_of(*parts)


def inferred(conditions: tuple[Tensor, ...], classes: int = 0) -> Given:
    """What tensors beside x are: whole numbers (n,) are labels, (n, ...) tokens, floats reals.

    `classes` is how many the labels name; where it is 0, they end at the largest.
    """
    return given_of(*(_inferred(c, classes) for c in conditions))


def _inferred(condition: Tensor, classes: int) -> Condition | None:
    if condition.is_floating_point():
        return Reals(tuple(condition.shape[1:]))
    if condition.dtype == torch.uint8 and condition.dim() == 4:
        return Pixels(*condition.shape[1:])
    if condition.dtype != torch.int64 or not condition.numel():
        return None
    if condition.dim() == 1:
        return Labels(classes or max(0, int(condition.max())) + 1)
    shape = tuple(condition.shape[1:])
    return Tokens(shape, int(condition.max()) + 1)


def agreed(**parts: Any) -> Given:
    """What a model of these parts is told: what all of them say that are told something.

    A part says it by its `given`; one without is told nothing. Raises ValueError for two that are
    told different things.
    """
    told = {name: part.given for name, part in parts.items() if told_something(part)}
    for name, given in told.items():
        first, expected = next(iter(told.items()))
        if given != expected:
            raise ValueError(
                f"the parts of a model must be told the same, or nothing: the {first} is told "
                f"{expected}, the {name} {given}"
            )
    return next(iter(told.values()), None)


def told_alike(given: Given, **parts: Any) -> None:
    """Raises ValueError where a part of a model that is told `given` is told another thing."""
    for name, part in parts.items():
        if told_something(part) and part.given != given:
            raise ValueError(f"the model is told {given}, but its {name} {part.given}: tell both")


def told_something(part: Any) -> bool:
    """Whether a part is told anything."""
    return getattr(part, "given", None) is not None


def heard(part: Any, conditions: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """What a part of a model hears of its conditions: all of them, or nothing."""
    return conditions if told_something(part) else ()


def repeated(conditions: tuple[Tensor, ...], times: int) -> tuple[Tensor, ...]:
    """Conditions (batch, ...) for `times` draws of each datum, (times * batch, ...)."""
    return tuple(c.repeat(times, *[1] * (c.dim() - 1)) for c in conditions)

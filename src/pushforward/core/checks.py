"""What the contract checks of the methods that models write, once for all of them.

A model writes `log_prob(self, x, y)` and may rely on x being of its space and y being what it is
told; `sample(self, n, y)`, and may rely on n, and on being asked for no more than fit at a time.
"""

from __future__ import annotations

import functools
import inspect
import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from .misfits import in_words
from .spaces import count


def _named(method: Callable) -> tuple[str, ...]:
    """The parameters of a method, after self, that may be passed by position."""
    places = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = list(inspect.signature(method).parameters.values())[1:]
    return tuple(p.name for p in parameters if p.kind in places)


def _checked(many: int, check: Callable) -> Callable[[Callable], Callable]:
    """A decorator of methods: `check(model, *first)` returns the first `many` arguments, and how
    many data there are. What else may be
    passed by position, but numbers, are conditions.
    """

    def decorate(method: Callable) -> Callable:
        names = _named(method)

        @functools.wraps(method)
        def checked(self: Any, *passed: Any, **options: Any) -> Any:
            named = (k for k in names[len(passed) :] if isinstance(options.get(k), Tensor))
            passed += tuple(options.pop(k) for k in tuple(named))
            if len(passed) < many:
                return method(self, *passed, **options)  # where Python says what is missing
            first, n = check(self, *passed[:many])
            counts = [c for c in passed[many:] if isinstance(c, int | float)]
            beside = (c for c in passed[many:] if not isinstance(c, int | float))
            return method(self, *first, *self.told(n, *beside), *counts, **options)

        return checked

    return decorate


def _as_model(self: Any, x: Tensor) -> Tensor:
    """Floats of the type that the model computes in, whichever they were given in."""
    floats = isinstance(x, Tensor) and x.is_floating_point()
    return x.to(self.dtype) if floats and x.dtype != self.dtype else x


def _data(self: Any, x: Tensor) -> tuple[tuple, int]:
    return (_as_model(self, self.space.check(x)),), len(x)


def _noise(self: Any, z: Tensor) -> tuple[tuple, int]:
    return (_as_model(self, z),), len(z)


def _noisy(self: Any, x: Tensor, t: Tensor) -> tuple[tuple, int]:
    return (_as_model(self, x), _as_model(self, t)), len(x)


def _number(self: Any, n: int) -> tuple[tuple, int]:
    return (count("n", n),), n


def _partial(self: Any, x: Tensor, known: Tensor) -> tuple[tuple, int]:
    x = self.space.check(x)
    try:
        return (x, known.to(x.device).bool().expand_as(x)), len(x)
    except (AttributeError, RuntimeError) as error:
        shape = tuple(getattr(known, "shape", ())) or type(known).__name__
        raise ValueError(
            f"known must be bool and broadcast to x's shape {tuple(x.shape)}, not {shape}"
        ) from error


def _drawing(method: Callable) -> Callable:
    """Without gradients, in parts where there are many data, and contiguous."""

    @functools.wraps(method)
    def drawn(self: Any, first: Any, *rest: Any, **options: Any) -> Any:
        with torch.no_grad():
            if isinstance(first, int) and first > self.at_once:
                return torch.cat(list(self.draws(first, *rest, **options)))
            found = _in_its_type(method, self, first, *rest, **options)
        # Whichever dimension a model has last in memory, its data can be viewed in another shape.
        return found.contiguous() if isinstance(found, Tensor) else found

    return drawn


def _in_its_type(method: Callable, self: Any, *given: Any, **options: Any) -> Any:
    """What a method gives; ValueError where torch cannot compute it in half the usual digits, and
    where a part is given what it cannot take.
    """
    try:
        return method(self, *given, **options)
    except (NotImplementedError, RuntimeError) as error:
        if self.dtype not in (torch.bfloat16, torch.float16):
            if (told := in_words(self, error)) is not error:
                raise told from error
            raise
        kind = str(self.dtype).removeprefix("torch.")
        reason = str(error).splitlines()[0]
        raise ValueError(
            f"this {type(self).__name__} cannot be sampled in {kind}, but must be turned to more "
            f"digits first, by model.float() ({reason})"
        ) from error


def _decoding(method: Callable) -> Callable:
    """Latents of the type that the model computes in."""

    @functools.wraps(method)
    def decoded(self: Any, z: Any, *rest: Any, **options: Any) -> Any:
        return method(self, _as_model(self, z), *rest, **options)

    return decoded


def warmed(z: Tensor, temperature: float) -> Tensor:
    """Noise times a temperature. Raises ValueError unless that is finite and at least 0."""
    if not isinstance(temperature, int | float) or not 0 <= temperature < math.inf:
        raise ValueError(
            f"temperature must be a number of at least 0, 1 being as learned, not {temperature!r}"
        )
    return z if temperature == 1 else z * temperature


def cut(told: tuple[Tensor, ...], size: int) -> Iterator[tuple[Tensor, ...]]:
    """Conditions in parts of `size`; without any, () for ever."""
    return zip(*(c.split(size) for c in told)) if told else itertools.repeat(())


CHECKS: dict[str, Callable[[Callable], Callable]] = {
    **dict.fromkeys(
        ("log_prob", "elbo", "log_weights", "estimated_log_prob", "loss", "encode", "noise"),
        _checked(1, _data),
    ),
    "score": _checked(2, _noisy),
    "push": _checked(1, _noise),
    "decode": _decoding,
    "sample": lambda method: _checked(1, _number)(_drawing(method)),
    "complete": lambda method: _checked(2, _partial)(_drawing(method)),
}
"""What is checked of the methods that models write, once for all of them."""

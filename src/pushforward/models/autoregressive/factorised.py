"""What autoregressive models share: the chain rule, in one order of drawing.

    log p(x | y) = sum_i log p(x_i | x_<i, y)

A model computes the parameters of all conditionals at once, from the data; its likelihood follows.
To sample, it says how it *runs*: one number at a time, keeping whatever can be kept. The textbook's
way to run, one whole pass per number, is here too: `sample_naively` is what the models' own cached
samplers are measured and tested against.
"""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor

from ...core.contract import Completing, Density
from ...core.spaces import Pixels, Space, Tokens, count
from ...probability.heads import Head, likeliest

Choice = Callable[[Head, Tensor], Tensor]
Given = tuple[Tensor, Tensor]  # values (n, length), and which of them are known


class Run(ABC):
    """Sampling under way: for i = 0, 1, ...: ask `parameters(i)`, draw, and tell `know(i, ...)`."""

    @abstractmethod
    def parameters(self, i: int) -> Tensor:
        """The parameters (n, outputs) of the i-th conditional, once all before it are known."""

    @abstractmethod
    def know(self, i: int, values: Tensor) -> None:
        """Takes the values (n,) of the i-th number."""


class Factorised(Density, Completing):
    """A density that is a product of conditionals, described by one head.

    Numbers are drawn in raster order, at each pixel its channels in turn (red, green, blue).

    Args:
        space: Pixels or Tokens.
        head: of the conditionals.
        classes: number of labels y that the density is conditioned on; 0 is none.
        context: shape of the floats that it is conditioned on instead; () is none.
    """

    def __init__(self, space: Space, head: Head, classes: int = 0, context: tuple[int, ...] = ()):
        super().__init__(space)
        self.head, self.classes = head.check(space), count("classes", classes, 0)
        self.context = check_shape(context, classes)

    @abstractmethod
    def conditionals(self, x: Tensor, *conditions: Tensor | None) -> Tensor:
        """Parameters (batch, dims, outputs) in the order of drawing: row i sees only x before i."""

    @abstractmethod
    def run(self, n: int, *conditions: Tensor | None) -> Run:
        """The quick way to sample: nothing is computed twice. To be used under `torch.no_grad`."""

    def log_prob(self, x: Tensor, *conditions: Tensor) -> Tensor:
        """log p(x) in nats, (batch,); with classes, log p(x | y) of the labels y (batch,) given.

        Raises ValueError where a condition is missing, superfluous or out of range.
        """
        given = self.conditions(len(x), *conditions)
        return self.head.log_prob(self.conditionals(x, *given), self.flatten(x)).sum(1)

    def sample(self, n: int, *conditions: Tensor) -> Tensor:
        """`n` new data; with classes, of the labels y (n,) given."""
        run = self.run(n, *self.conditions(n, *conditions))
        return self._drawn(run)

    @torch.no_grad()
    def likeliest(self, n: int, *conditions: Tensor) -> Tensor:
        """`n` data whose every number is the likeliest one after those before it."""
        run = self.run(n, *self.conditions(n, *conditions))
        return self._drawn(run, choose=greedy)

    @torch.no_grad()
    def sample_naively(self, n: int, *conditions: Tensor) -> Tensor:
        """The textbook's sampler: the same draws as `sample`, with a whole pass per number."""
        run = _Naive(self, count("n", n), self.conditions(n, *conditions))
        return self._drawn(run)

    def complete(self, x: Tensor, known: Tensor, *conditions: Tensor) -> Tensor:
        """Data that agree with `x` where `known` (bool, broadcast to x's shape) is true.

        Every known value is kept. A value that is drawn is conditioned on all values *before* it in
        raster order, known or drawn, and on none after it: a known value after an unknown one is
        kept, but those before it do not foresee it (a warning then counts such values).

        Raises ValueError where every known value comes after every unknown one, so that nothing
        drawn would depend on what is known: this order cannot do that.
        """
        kept = check_known(self.flatten(known))
        run = self.run(len(x), *self.conditions(len(x), *conditions))
        return self._drawn(run, (self.flatten(x), kept))

    def conditions(self, n: int, *given: Tensor) -> tuple[Tensor | None, ...]:
        """What the network is conditioned on, for `n` data; raises ValueError where it is wrong."""
        if len(given) > 1:
            raise ValueError(f"at most one condition can be given, not {len(given)}")
        if self.context:
            return (check_context(given[0] if given else None, self.context, n),)
        return (check_labels(given[0] if given else None, self.classes, n),)

    def flatten(self, x: Tensor) -> Tensor:
        """Data as sequences (batch, dims) in the order of drawing."""
        return x.permute(0, 2, 3, 1).flatten(1) if isinstance(self.space, Pixels) else x

    def unflatten(self, s: Tensor) -> Tensor:
        """Sequences (batch, dims) in the order of drawing as data."""
        if not isinstance(self.space, Pixels):
            return s
        channels, height, width = self.space.shape
        return s.view(-1, height, width, channels).permute(0, 3, 1, 2).contiguous()

    def _drawn(self, run: Run, given: Given | None = None, choose: Choice | None = None) -> Tensor:
        s = chain(self.head, run, self.space.dims, given, choose or draw)
        return self.unflatten(s.to(number_type(self.space, self.dtype)))


class _Naive(Run):
    """A whole pass for every number."""

    def __init__(self, model: Factorised, n: int, conditions: tuple[Tensor | None, ...]):
        self.model, self.conditions = model, conditions
        self.s = blank(model.space, n, model.device, model.dtype).flatten(1)

    def parameters(self, i: int) -> Tensor:
        x = self.model.unflatten(self.s)
        return self.model.conditionals(x, *self.conditions)[:, i]

    def know(self, i: int, values: Tensor) -> None:
        self.s[:, i] = values


def check_labels(y: Tensor | None, classes: int, n: int) -> Tensor | None:
    """Returns `y`; raises ValueError where it is not `n` labels in 0 .. classes - 1."""
    if not classes:
        if y is not None:
            raise ValueError("this model was built without classes: labels y must be left out")
        return None
    wanted = f"labels y must be int64 of shape ({n},) in 0 .. {classes - 1}"
    if not isinstance(y, Tensor) or y.dtype != torch.int64 or y.shape != (n,):
        given = f"{tuple(y.shape)} of {y.dtype}" if isinstance(y, Tensor) else repr(y)
        raise ValueError(f"{wanted}, not {given}")
    if not torch.compiler.is_compiling() and y.device.type == "cpu":
        low, high = (int(v) for v in torch.aminmax(y))
        if low < 0 or high >= classes:
            raise ValueError(f"{wanted}, not {low} .. {high}")
    return y


def check_shape(context: tuple[int, ...], classes: int) -> tuple[int, ...]:
    """Returns the shape of a context; raises ValueError where there are classes besides."""
    if context and classes:
        raise ValueError("a model is conditioned on classes or on a context, not on both")
    return tuple(count("each size of the context", size) for size in context)


def check_context(given: Tensor | None, shape: tuple[int, ...], n: int) -> Tensor:
    """Returns the context `given`; raises ValueError where it is not floats (n, *shape)."""
    if given is None or not given.is_floating_point() or given.shape != (n, *shape):
        said = "nothing" if given is None else f"{tuple(given.shape)} of {given.dtype}"
        raise ValueError(f"the context must be floats of shape {(n, *shape)}, not {said}")
    return given


def unforeseen(given: Tensor) -> Tensor:
    """Which known values (batch, dims, in the order of drawing) come after an unknown one."""
    return given & (given.cumsum(1) < torch.arange(1, given.shape[1] + 1, device=given.device))


def check_known(given: Tensor, order: str = "raster order") -> Tensor:
    """Returns `given` (batch, dims, in the order of drawing), which says what is known.

    What the order cannot do is refused, what it does only in part is counted in a warning.
    """
    late = unforeseen(given)
    useful = given & (given.flip(1).cumprod(1).flip(1) == 0)  # something unknown comes after it
    if given.any() and not useful.any() and not given.all():
        raise ValueError(
            f"every known value comes after every unknown one in {order}, so that nothing "
            "drawn would depend on it: known values must come before some unknown one"
        )
    if late.any():
        warnings.warn(
            f"{int(late.sum())} of {int(given.sum())} known values come after unknown ones in "
            f"{order}: they are kept, but what is drawn before them does not depend on them",
            stacklevel=4,
        )
    return given


def number_type(space: Space, dtype: torch.dtype) -> torch.dtype:
    """How the numbers of `space` are stored; those of Reals are of `dtype`."""
    return {Pixels: torch.uint8, Tokens: torch.int64}.get(type(space), dtype)


def blank(space: Space, n: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    """`n` data of zeros."""
    return torch.zeros(n, *space.shape, device=device, dtype=number_type(space, dtype))


def draw(head: Head, parameters: Tensor) -> Tensor:
    """One draw (n,) from every conditional (n, outputs)."""
    return head.draw(parameters)


def greedy(head: Head, parameters: Tensor) -> Tensor:
    """The likeliest value (n,) of every conditional (n, outputs)."""
    return likeliest(head(parameters))


def chain(
    head: Head, run: Run, length: int, given: Given | None = None, choose: Choice = draw
) -> Tensor:
    """Numbers (n, length) one after the other; those that are `given` are kept."""
    drawn = []
    with torch.inference_mode():  # for thousands of small steps quicker than no_grad
        for i in range(length):
            value = choose(head, run.parameters(i))
            if given is not None:
                values, known = given
                value = torch.where(known[:, i], values[:, i].to(value.dtype), value)
            run.know(i, value)
            drawn.append(value)
    return torch.stack(drawn, 1)


def probability(name: str, value: float) -> float:
    """Returns `value`; raises ValueError where it is not in [0, 1]."""
    if not 0 <= value <= 1:
        raise ValueError(f"{name} must be a probability, not {value!r}")
    return value

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
from ...core.given import Given as Told
from ...core.spaces import Pixels, Space, Tokens, count
from ...nn.conditions import as_vector
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
        given: what the density is conditioned on, in the order of its conditions.
    """

    def __init__(self, space: Space, head: Head, given: Told = None):
        super().__init__(space, given)
        self.head = head.check(space)

    @abstractmethod
    def conditionals(self, x: Tensor, *conditions: Tensor) -> Tensor:
        """Parameters (batch, dims, outputs) in the order of drawing: row i sees only x before i."""

    @abstractmethod
    def run(self, n: int, *conditions: Tensor) -> Run:
        """The quick way to sample: nothing is computed twice. To be used under `torch.no_grad`."""

    def log_prob(self, x: Tensor, *conditions: Tensor) -> Tensor:
        """log p(x | conditions) in nats, (batch,)."""
        return self.head.log_prob(self.conditionals(x, *conditions), self.flatten(x)).sum(1)

    def sample(self, n: int, *conditions: Tensor) -> Tensor:
        """`n` new data, given their conditions."""
        return self._drawn(self.run(n, *conditions))

    @torch.no_grad()
    def likeliest(self, n: int, *conditions: Tensor) -> Tensor:
        """`n` data whose every number is the likeliest one after those before it."""
        run = self.run(n, *self.told(count("n", n), *conditions))
        return self._drawn(run, choose=greedy)

    @torch.no_grad()
    def sample_naively(self, n: int, *conditions: Tensor) -> Tensor:
        """The textbook's sampler: the same draws as `sample`, with a whole pass per number."""
        run = Naive(self, count("n", n), self.told(n, *conditions))
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
        run = self.run(len(x), *conditions)
        return self._drawn(run, (self.flatten(x), kept))

    def vector(self, *conditions: Tensor) -> Tensor | None:
        """The conditions side by side, as networks take them (`nn.conditions.as_vector`)."""
        return as_vector(self.given, conditions, self.dtype)

    def flatten(self, x: Tensor) -> Tensor:
        """Data as sequences (batch, dims) in the order of drawing."""
        return x.permute(0, 2, 3, 1).flatten(1) if isinstance(self.space, Pixels) else x.flatten(1)

    def unflatten(self, s: Tensor) -> Tensor:
        """Sequences (batch, dims) in the order of drawing as data."""
        if not isinstance(self.space, Pixels):
            return s.view(-1, *self.space.shape)
        channels, height, width = self.space.shape
        return s.view(-1, height, width, channels).permute(0, 3, 1, 2).contiguous()

    def _drawn(self, run: Run, given: Given | None = None, choose: Choice | None = None) -> Tensor:
        s = chain(self.head, run, self.space.dims, given, choose or draw)
        return self.unflatten(s.to(number_type(self.space, self.dtype)))


class Naive(Run):
    """A whole pass for every number."""

    def __init__(self, model: Factorised, n: int, conditions: tuple[Tensor, ...]):
        self.model, self.conditions = model, conditions
        self.s = blank(model.space, n, model.device, model.dtype).flatten(1)

    def parameters(self, i: int) -> Tensor:
        """What the head makes the i-th conditional of."""
        x = self.model.unflatten(self.s)
        return self.model.conditionals(x, *self.conditions)[:, i]

    def know(self, i: int, values: Tensor) -> None:
        """The i-th number of every datum."""
        self.s[:, i] = values


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

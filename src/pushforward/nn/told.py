"""How networks that are told something take it: a vector c (batch, context) of floats.

Perceptrons join it to their input; convolutions add a linear map of it to the features after every
layer. `nn.conditions.as_vector` makes the vector of labels, contexts and tokens. With context=0 a
network is told nothing, and is the same network as without the argument, draw for draw.
"""

from __future__ import annotations

import inspect

import torch
from torch import Tensor, nn

from .spectral import SpectrallyNormalised


def check_told(name: str, net: nn.Module, context: int) -> None:
    """Raises ValueError where a network cannot be told a vector of length `context` (0: nothing).

    Networks with a number `context` say what they are told; of others the signature must allow a
    second argument.
    """
    inner = net.net if isinstance(net, SpectrallyNormalised) else net
    own = getattr(inner, "context", None)
    if own == context or (not isinstance(own, int) and (not context or _takes_two(inner))):
        return
    wants = f"told a vector c of length {context}" if context else "told nothing"
    said = isinstance(own, int)
    can = f"built with context={own}" if said else "with a forward(x) of x alone"
    mend = f"build it with context={context}" if said else "give it a forward(x, c)"
    raise ValueError(f"{name} must be {wants}, but is a {type(inner).__name__} {can}: {mend}")


def _takes_two(net: nn.Module) -> bool:
    try:
        inspect.signature(net.forward).bind(None, None)
    except TypeError:
        return False
    return True


def check_context(c: Tensor | None, context: int, who: str) -> Tensor | None:
    """Returns `c`, None where nothing is told; raises ValueError where `who` is told another."""
    width = 0 if c is None else c.shape[-1]
    if width == context:
        return c
    said = f"a vector of length {width}" if width else "nothing"
    raise ValueError(
        f"{who} was built with context={context}: expected "
        + (f"c of shape (batch, {context})" if context else "x alone")
        + f", and was told {said}"
    )


def joined(x: Tensor, c: Tensor | None) -> Tensor:
    """`x` (batch, ..., inputs) and `c` (batch, context) side by side, at every place between."""
    if c is None:
        return x
    between = [1] * (x.dim() - c.dim())
    c = c.reshape(*c.shape[:-1], *between, c.shape[-1])
    return torch.cat([x, c.expand(*x.shape[:-1], -1)], -1)


class Shifts(nn.ModuleList):
    """A linear map of c for every layer of `widths` channels, added to its features.

    Without a context there are no maps, no parameters, and nothing is added.
    """

    def __init__(self, context: int, widths: list[int]):
        super().__init__(nn.Linear(context, w, bias=False) for w in widths if context)

    def add(self, layer: int, h: Tensor, c: Tensor | None) -> Tensor:
        """`h` (batch, channels, height, width) with the map of `c` of that layer added to it."""
        return h if c is None else h + self[layer](c)[:, :, None, None]

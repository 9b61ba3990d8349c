"""How a value is chosen from a conditional: temperature, the k likeliest, and guidance.

    p_T(v) ~ p(v)^(1 / T), among the k likeliest v
    log p_w(v) = log p(v | nothing) + w (log p(v | told) - log p(v | nothing)) + constant

At T = 1, with all values and w = 1, these are the model's own draws.

Classifier-Free Diffusion Guidance (Ho and Salimans, 2022), arXiv:2207.12598, eq. 6; the k
likeliest: Hierarchical Neural Story Generation (Fan et al., 2018), arXiv:1805.04833, section 5.1.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ...core.spaces import count
from ...probability.heads import CategoricalHead, Head
from .factorised import Choice, Run, draw


def chooser(temperature: float = 1.0, top_k: int | None = None) -> Choice:
    """Draws from logits (n, values) at a temperature, among the `top_k` likeliest (None: all).

    Raises ValueError for a temperature that is not positive, or no k; drawing, for a head that has
    no logits.
    """
    if not (temperature > 0 and math.isfinite(temperature)):
        raise ValueError(f"temperature must be a positive number, not {temperature!r}")
    if top_k is not None:
        count("top_k", top_k)
    if temperature == 1 and top_k is None:
        return draw

    def choose(head: Head, logits: Tensor) -> Tensor:
        if not isinstance(head, CategoricalHead):
            raise ValueError(f"a {type(head).__name__} has no logits to choose among")
        return head.draw(likeliest_of(logits / temperature, top_k))

    return choose


def likeliest_of(logits: Tensor, k: int | None) -> Tensor:
    """Logits (n, values), -infinity where a value is not among the k likeliest of its row.

    >>> likeliest_of(torch.tensor([[1.0, 3.0, 2.0]]), 2).tolist()
    [[-inf, 3.0, 2.0]]
    """
    if k is None or k >= logits.shape[-1]:
        return logits
    kept = logits.topk(k, -1)
    return torch.full_like(logits, -math.inf).scatter(-1, kept.indices, kept.values)


class Guided(Run):
    """A run of twice as many rows, the later half told nothing, as one of guided rows.

    Raises ValueError for a weight that is not a number of at least 0: 1 is the model as it is, 0 is
    told nothing.
    """

    def __init__(self, both: Run, weight: float):
        self.both, self.weight = both, weight_of(weight)

    def parameters(self, i: int) -> Tensor:
        """Logits (n, values) of the guided conditional, up to a constant of the row."""
        told, nothing = self.both.parameters(i).chunk(2)
        return nothing + self.weight * (told - nothing)

    def know(self, i: int, values: Tensor) -> None:
        """Both halves know the same."""
        self.both.know(i, values.repeat(2))


def weight_of(guidance: float) -> float:
    """Returns a weight of guidance; raises ValueError where it is no number of at least 0."""
    if not (guidance >= 0 and math.isfinite(guidance)):
        raise ValueError(f"guidance must be a number of at least 0, not {guidance!r}")
    return guidance

"""Codes and the factors behind them: what all scores of disentanglement look at.

    codes (n, latent), floats: posterior means        factors (n, factors), integers

A factor that takes one value only is left out. Information is that of the joint histogram,

    I(z_j; v_k) = sum_{b, v} p(b, v) log p(b, v) / (p(b) p(v)),

where b is one of `bins` bins of equal width between the least and the largest z_j. Independent
columns have I of about (bins - 1)(values - 1) / 2n nats rather than 0.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ...core.spaces import count
from ..measurement import Measurement

BINS = 20  # as in Challenging Common Assumptions (Locatello et al., 2019), arXiv:1811.12359


def checked(codes: Tensor, factors: Tensor) -> tuple[Tensor, Tensor]:
    """Codes as float64 and factors as int64, both on the CPU.

    Raises ValueError where they are not (n, latent) and (n, factors) of one n >= 2, codes hold NaN,
    factors are not integers, or none of them varies.
    """
    if codes.dim() != 2 or factors.dim() != 2 or len(codes) != len(factors) or len(codes) < 2:
        raise ValueError(
            "codes must be (n, latent) and factors (n, factors) of one n of at least 2, not "
            f"{tuple(codes.shape)} and {tuple(factors.shape)}"
        )
    if factors.is_floating_point():
        raise ValueError(f"factors must be integers, not {factors.dtype}: number their values")
    if not torch.isfinite(codes).all():
        raise ValueError("codes hold numbers that are not finite: look for NaN in the model")
    if not varying(factors).any():
        raise ValueError("no factor varies: measure on data with at least two values of one")
    return codes.detach().double().cpu(), factors.long().cpu()


def varying(factors: Tensor) -> Tensor:
    """Which factors take more than one value, (factors,)."""
    return (factors != factors[:1]).any(0)


def ranks(column: Tensor) -> tuple[Tensor, int]:
    """A column's values renumbered 0 .. k - 1 in their order, (n,), and k."""
    values, index = column.unique(return_inverse=True)
    return index, len(values)


def bins_for(factors: Tensor, bins: int | None) -> int:
    """`bins`, or for None as many as the longest factor has values, at least BINS.

    With fewer a perfect code could not tell all values.
    """
    if bins is not None:
        return count("bins", bins, 2)
    return max(BINS, *(ranks(column)[1] for column in factors.T))


def binned(code: Tensor, bins: int) -> Tensor:
    """The bin of each number of one latent (n,); a constant falls into the first."""
    low, high = code.min(), code.max()
    if low == high:
        return torch.zeros_like(code, dtype=torch.int64)
    return ((code - low) / (high - low) * bins).long().clamp(max=bins - 1)


def joint(code: Tensor, factor: Tensor, bins: int) -> Tensor:
    """The share of examples in each bin of a latent with each value, (bins, values)."""
    index, values = ranks(factor)
    counts = torch.bincount(binned(code, bins) * values + index, minlength=bins * values)
    return counts.view(bins, values).double() / len(code)


def mutual_information(p: Tensor) -> Tensor:
    """I in nats of a joint distribution (bins, values)."""
    return entropy(p.sum(0)) + entropy(p.sum(1)) - entropy(p.flatten())


def entropy(p: Tensor) -> Tensor:
    """H in nats of a distribution; over the last dimension."""
    return torch.special.entr(p).sum(-1)


def information(codes: Tensor, factors: Tensor, bins: int) -> Tensor:
    """I(z_j; v_k) in nats, (latent, factors)."""
    rows = [[mutual_information(joint(z, v, bins)) for v in factors.T] for z in codes.T]
    return torch.tensor(rows, dtype=torch.float64)


def gap(table: Tensor) -> Tensor:
    """For each column of (latent, factors), the largest number less the next, (factors,)."""
    padded = torch.cat([table, torch.zeros_like(table[:1])])
    first, second = padded.topk(2, 0).values
    return first - second


def partners(column: Tensor, index: Tensor, generator: torch.Generator) -> Tensor:
    """For each example of `index`, one drawn from those with the same value in `column`."""
    value, values = ranks(column)
    order, sizes = value.argsort(), torch.bincount(value, minlength=values)
    start = sizes.cumsum(0) - sizes
    share = torch.rand(index.shape, generator=generator, dtype=torch.float64)
    mine = value[index]
    return order[start[mine] + (share * sizes[mine]).long()]


def accuracy(name: str, right: Tensor, codes: Tensor, settings: str) -> Measurement:
    """The share of `right` answers (votes,), with its standard error."""
    value = right.double().mean().item()
    stderr = (value * (1 - value) / len(right)) ** 0.5
    return score(name, value, codes, settings, stderr)


def score(
    name: str, value: float, codes: Tensor, settings: str, stderr: float | None = None
) -> Measurement:
    """A score of `codes`, of which 1 is the best."""
    return Measurement(
        name, value, stderr, len(codes), extractor="code", settings=settings, higher_is_better=True
    )

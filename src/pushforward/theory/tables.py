"""How many numbers a distribution of discrete data needs, and how many data its cells do.

    full table     prod_d K_d - 1
    factorised     sum_d (K_d - 1)
    window of m    sum_d (K_d - 1) prod_{e = d-m}^{d-1} K_e        Markov of order m

The chain rule alone saves nothing: with a window as long as the data the third is the first. What n
draws show of M equally likely cells is 1 - (1 - 1/M)^n of them, under n / M: a table in many
dimensions stays empty.

Bishop (2006), "Pattern Recognition and Machine Learning", sections 1.4 and 8.1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..core.spaces import count


def full_table(values: Sequence[int]) -> int:
    """Free parameters of any distribution of variables with so many values each."""
    return math.prod(_counts(values)) - 1


def factorised_table(values: Sequence[int]) -> int:
    """Free parameters where all variables are independent."""
    return sum(k - 1 for k in _counts(values))


def window_table(values: Sequence[int], window: int) -> int:
    """Free parameters where each variable depends on the `window` before it, by a full table."""
    known, window = _counts(values), count("window", window, least=0)
    return sum((k - 1) * math.prod(known[max(0, d - window) : d]) for d, k in enumerate(known))


def seen_share(cells: int, n: int) -> float:
    """The expected share of `cells` equally likely ones that hold at least one of `n` draws."""
    cells, n = count("cells", cells), count("n", n, least=0)
    if cells == 1:
        return float(n > 0)
    return -math.expm1(n * math.log1p(-1 / cells))


def _counts(values: Sequence[int]) -> list[int]:
    return [count("values", k) for k in values]

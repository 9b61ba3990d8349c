"""How far a model fitted to a known target is from it, by its own draws.

    KL(q || p) = E_q[log q(x) - log p(x)], in nats

The mean over draws of q has the standard error that its terms show, whatever the dimension. Modes
of p that q never visits, of weight w in all, cost no more than -log(1 - w) if the rest is right.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from ..core.contract import Generative
from ..core.spaces import count
from .bootstrap import normal_interval
from .measurement import Measurement

DRAWS = 50_000


@runtime_checkable
class Targeted(Protocol):
    """A model with a target whose density is known."""

    def log_ratios(self, n: int) -> Tensor:
        """log q(x) - log p(x) in nats at `n` draws x of the model, (n,)."""


def reverse_kl(model: Targeted, draws: int = DRAWS, seed: int = 0) -> Measurement:
    """KL(model || target) in nats; of an unnormalised target it is smaller by log Z.

    Raises ValueError for fewer than two draws.
    """
    with torch.no_grad(), torch.random.fork_rng():
        torch.manual_seed(seed)
        ratios = model.log_ratios(count("draws", draws, 2)).double()
    value, stderr = ratios.mean().item(), (ratios.std() / draws**0.5).item()
    return Measurement(
        "reverse KL",
        value,
        stderr,
        draws,
        extractor="none",
        settings="nats, by the model's own draws",
        interval=normal_interval(value, stderr, "normal"),
    )


def reverse_kl_if_known(model: Generative) -> Iterable[Measurement]:
    """The reverse KL of a model with a target; nothing of any other."""
    return (reverse_kl(model),) if isinstance(model, Targeted) else ()

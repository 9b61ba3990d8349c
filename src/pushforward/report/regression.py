"""Whether a checkpoint still gives, example by example, the numbers that it gave when packed.

One mean can stay while examples move; what each example costs, or what each sample looks like,
cannot. Chance is drawn under a seed, so that bounds and samples agree up to rounding.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..core.contract import Bounded, Density, Generative
from ..core.dataset import Dataset, Split
from ..metrics.samples import drawn

EXAMPLES, SAMPLES = 500, 16
RELATIVE, ABSOLUTE = 1e-3, 1e-2  # what a value may move by for another processor's rounding
SHARE = 0.1  # of the values that may move more: a pixel that is drawn otherwise by rounding


def values(model: Generative, data: Dataset, examples: int = EXAMPLES) -> Tensor:
    """(n,) numbers in float32: nats of the first test examples where the model has a likelihood or
    a bound, else the mean of each of 16 samples.
    """
    split = data.test.first(examples).told(model.given)
    generator = torch.random.get_rng_state()
    torch.manual_seed(0)
    try:
        with torch.no_grad():
            return _values(model, split).float().cpu()
    finally:
        torch.random.set_rng_state(generator)


def _values(model: Generative, split: Split) -> Tensor:
    batches = split.batches(250)
    if isinstance(model, Density):
        return torch.cat([-model.log_prob(*batch) for batch in batches])
    if isinstance(model, Bounded):
        return torch.cat([-model.elbo(*batch) for batch in batches])
    return drawn(model, SAMPLES, split).flatten(1).double().mean(1)


def moved(now: Tensor, before: Tensor) -> str | None:
    """In words, how far values are from those recorded, and which the most; None where they agree.

    Fewer values than were recorded are other data: that is said. More are not looked at.

    >>> moved(torch.zeros(20), torch.zeros(20)), moved(torch.ones(20), torch.zeros(20))
    (None, '20 of 20 values moved, by 1 in the mean, most example 0: 1 where 0 was recorded')
    """
    if len(now) < len(before):
        return f"{len(now)} values where {len(before)} were recorded: these are other data"
    now = now[: len(before)]
    gap = (now - before).abs()
    bad = int((~(gap <= RELATIVE * before.abs() + ABSOLUTE)).sum())  # what is not finite, too
    if bad <= SHARE * len(gap) and bool(torch.isfinite(now).all()):
        return None
    worst = int(torch.where(torch.isfinite(gap), gap, torch.inf).argmax())
    return (
        f"{bad} of {len(gap)} values moved, by {float(gap.mean()):.3g} in the mean, most example "
        f"{worst}: {float(now[worst]):.4g} where {float(before[worst]):.4g} was recorded"
    )

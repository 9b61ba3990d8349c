"""MLE and MAP: two points that a posterior may be reduced to, and how they meet.

    MLE = argmax_theta log p(X | theta)
    MAP = argmax_theta log p(X | theta) + log p(theta)

The likelihood is a sum of n terms, the prior stays one: their gap falls as 1 / n, and at any n as
the prior flattens. Neither knows how sure it is, and MAP is not even one thing: it moves when theta
is written in other coordinates, which no probability of an event does.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from pushforward.core.catalogue import system

from .conjugate import Conjugate, narrowing

system(
    "mle-map",
    lecture=3,
    kind="theory",
    title="Maximum likelihood and maximum a posteriori",
    paper="Bishop (2006), Pattern Recognition and Machine Learning, section 1.2",
)


def mle_map_gaps(prior: Conjugate, x: Tensor, counts: Sequence[int]) -> Tensor:
    """The largest |MAP - MLE| over the parameters after n observations, for each n: (counts,).

    Raises ValueError where one of the two does not exist (no observations, no mode).
    """
    posteriors = narrowing(prior, x, counts)
    pairs = [(after.mode(), after.mle(x[:n])) for after, n in zip(posteriors, counts)]
    return torch.stack([(at_mode - at_mle).abs().max() for at_mode, at_mle in pairs])

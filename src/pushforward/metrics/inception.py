"""Inception Score: are samples classified with confidence, and into many classes?

    IS = exp( mean_x KL( p(y|x) || p(y) ) ),    p(y) = mean_x p(y|x)

Salimans et al. (2016), arXiv:1606.03498, section 4; from 1 to the number of classes. It never looks
at real data: one image per class scores the highest (Barratt and Sharma, 2018, arXiv:1801.01973).

    log IS = mean_x sum_y p(y|x) log p(y|x) - sum_y p(y) log p(y)

needs only two sums, so it streams. As in the paper it is the mean over splits; example i falls into
split i mod splits, which no batch size changes (the paper cuts in order). The standard error is
the deviation over the splits / sqrt(splits); what papers print as +- is the deviation itself.

The interval is a Poisson bootstrap's: every sample counts k ~ Poisson(1) times in each of many
scores, which streams (Hanley and MacGibbon, 2006). Drawn again, samples show fewer classes, and the
score is biased by that; so the spread of log IS is taken, and not its place.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..core.catalogue import system
from ..core.spaces import count
from .bootstrap import percentiles
from .features import Batches, Features, extract, features_as_given, label
from .measurement import Measurement

system(
    "inception-score",
    lecture=10,
    kind="metric",
    title="Inception Score",
    paper="https://arxiv.org/abs/1606.03498",
)
DRAWS = 400  # of the bootstrap


def split_scores(total: Tensor, confidence: Tensor, counts: Tensor) -> Tensor:
    """IS of every split from sums of p(y|x) (splits, classes) and of sum_y p log p (splits,)."""
    marginal = total / counts.unsqueeze(1)
    entropy = -torch.special.xlogy(marginal, marginal).sum(1)
    return (confidence / counts + entropy).exp()


@torch.no_grad()
def inception_score(
    samples: Batches, logits: Features = features_as_given, splits: int = 10
) -> Measurement:
    """The Inception Score of samples under a classifier: `logits` is an extractor's, `net.logits`.

    Raises ValueError for NaN, for a single class, and for fewer samples than splits.
    """
    sums: list[Tensor] = []
    again: list[Tensor] = []
    generator = torch.Generator().manual_seed(0)
    seen = 0
    for z in extract(samples, logits):
        log_p = z.double().log_softmax(1)
        p = log_p.exp()
        if not sums:
            sums = [p.new_zeros(count("splits", splits), n) for n in (p.shape[1], 1, 1)]
            again = [p.new_zeros(DRAWS, n) for n in (p.shape[1], 1, 1)]
        which = torch.arange(seen, seen + len(p), device=p.device) % splits
        confidence = (p * log_p.clamp(min=-1e30)).sum(1, keepdim=True)
        times = torch.poisson(torch.ones(len(p), DRAWS).double(), generator).to(p.device).T
        for kept, drawn, new in zip(sums, again, (p, confidence, torch.ones_like(confidence))):
            kept.index_add_(0, which, new)
            drawn += times @ new
        seen += len(p)
    if seen < max(splits, 2) or sums[0].shape[1] < 2:
        raise ValueError(f"{seen} samples are too few for {splits} splits of 2 classes or more")
    scores = split_scores(sums[0], sums[1][:, 0], sums[2][:, 0])
    return measured(scores, split_scores(again[0], again[1][:, 0], again[2][:, 0]), seen, logits)


def measured(scores: Tensor, drawn: Tensor, samples: int, logits: Features) -> Measurement:
    """The mean over splits with its standard error; the deviation is a note."""
    splits, about = len(scores), label(logits)
    deviation = scores.std().item() if splits > 1 else None
    notes = () if deviation is None else (f"deviation over splits {deviation:.4g}",)
    stderr = None if deviation is None else deviation / splits**0.5
    value = scores.mean().item()
    spread = drawn[drawn.isfinite()].log()
    interval = percentiles(value * (spread - spread.mean()).exp())
    settings = f"{splits} split{'s' if splits > 1 else ''}"
    return Measurement(
        "Inception Score",
        value,
        stderr,
        samples,
        settings=settings,
        notes=notes,
        higher_is_better=True,
        interval=interval._replace(method="Poisson bootstrap"),
        **about,
    )

"""The cards of the comparison page: what real data look like, and what each model draws."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

import torch
from torch import Tensor

from ..core.dataset import Dataset
from ..core.spaces import Pixels
from ..media import medium_of
from ..metrics.references import looked_at
from ..pictures.learning_curves import learning
from .charts import curves
from .measure import PAIRS
from .row import Row
from .sampled import GRID
from .tables import measured, number

LEGEND = '<span class="key"></span> training <span class="key held"></span> held-out'


def real(data: Dataset, noun: str) -> str:
    """The card of real data, to compare the others with."""
    said = f"{GRID} held-out {noun}, in the order of the data set"
    picture = _picture(looked_at(data.test.first(GRID)), data, f"Real data: {said}", said)
    return f'<article class="card"><h3>Real data</h3><p class="soft">What all of them try to draw.'\
           f"</p>{picture}</article>"  # fmt: skip


def card(row: Row, data: Dataset, noun: str) -> str:
    """The card of one model: samples, their nearest training data, walks, learning curves."""
    samples = f"{len(row.samples)} samples, none picked out"
    parts = [
        f'<h3 id="{row.slug}">{escape(row.model)}</h3>',
        f'<p class="soft">{_kind(row)} · <code>{escape(row.name)}</code></p>',
        f"<p>{escape(row.about)}</p>" if row.about else "",
        f"<p>{_numbers(row)}</p>",
        _picture(row.samples, data, f"{row.model}: {samples}", samples),
        _neighbours(row, data, noun),
        _walk(row, data),
        *_charts(row),
    ]
    return f'<article class="card">{"".join(parts)}</article>'


def _kind(row: Row) -> str:
    title = f"{row.title}, " if row.title not in ("", row.model) else ""
    return escape(title + row.family)


def _numbers(row: Row) -> str:
    """The row's main numbers, so that a card can be read without the table."""
    known = row.likelihood
    told = f"{number(known.value, known.stderr)} {known.unit}, {known.kind}" if known else ""
    return f"{escape(told) or 'no likelihood'} · Fréchet distance {measured(row.quality.frechet)}"


def _picture(x: Tensor, data: Dataset, alt: str, caption: str) -> str:
    shown = medium_of(data.space, data.describe()).html(x, alt)
    return f"<figure>{shown}<figcaption>{caption}</figcaption></figure>"


def _neighbours(row: Row, data: Dataset, noun: str) -> str:
    if not isinstance(data.space, Pixels):
        return ""
    pairs = torch.cat([row.samples[:PAIRS], row.neighbours])
    said = (
        f"above: samples; below each: the most similar of the training {noun}. Twins mean copying"
    )
    return _picture(pairs, data, f"{row.model}, {said}", said)


def _walk(row: Row, data: Dataset) -> str:
    if row.walk is None or not isinstance(data.space, Pixels):
        return ""
    said = "each row: a walk from one point of the latent space to another"
    return _picture(row.walk, data, f"{row.model}, {said}", said)


def _charts(row: Row) -> Iterator[str]:
    """A chart per stage and player that learns by steps: training beside held-out loss."""
    found = list(learning(row.history))
    for one in found:
        who = one.title(found)
        chart = curves(one.train, one.held, f"{row.model} {who}")
        said = (LEGEND if len(one.held) > 1 else '<span class="key"></span> training') + " loss"
        of = f" of {escape(who)}" if who else ""
        if chart:
            yield f"<figure>{chart}<figcaption>{said}{of}</figcaption></figure>"

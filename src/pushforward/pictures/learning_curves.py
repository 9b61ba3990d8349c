"""Learning curves: the loss of every player in every stage, in training and on held-out data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..training.reports import Report, logged
from .shown import blank

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .notebook import Sheet

Curve = list[tuple[float, float]]


class Learning(NamedTuple):
    """What a player lost in a stage: curves of (step, value), in sum and by term."""

    stage: str
    player: str
    train: Curve
    held: Curve
    terms: dict[str, Curve]

    def title(self, others: Sequence[Learning]) -> str:
        """The stage and the player, where there are others of either."""
        stages, players = ({getattr(o, name) for o in others} for name in ("stage", "player"))
        return " ".join([self.stage] * (len(stages) > 1) + [self.player] * (len(players) > 1))


def curves(reports: Iterable[Report] | str | Path) -> Sheet:
    """The loss by step of every player, and of each of its terms, with what is held out dashed.

    Args:
        reports: what a training yielded or `fit` appended to its `history`; or the log.jsonl that
            `fit` wrote.

    Raises:
        ValueError: where there are no reports, or none of a loss.
    """
    told = logged(reports) if isinstance(reports, str | Path) else list(reports)
    found = [one for one in learning(told) if one.train]
    if not found:
        raise ValueError(
            f"{len(told)} reports hold no loss: `fit(..., history=reports)` fills them"
        )
    figure = blank(4.6 * len(found), 3.2)
    for axis, one in zip(figure.subplots(1, len(found), squeeze=False)[0], found):
        _draw(axis, one)
        axis.set(title=one.title(found), xlabel="step", ylabel="loss")
    return figure


def learning(reports: Sequence[Report]) -> Iterator[Learning]:
    """What each player lost in each stage, in the order in which they were named."""
    for stage in dict.fromkeys(report.stage for report in reports):
        mine = [report for report in reports if report.stage == stage]
        for player in dict.fromkeys(name.split("/")[0] for r in mine for name in r.terms):
            train = [(float(r.step), r.terms) for r in mine]
            held = [(float(r.step), r.validation or {}) for r in mine]
            names = dict.fromkeys(name for _, terms in train for name in _of(player, terms))
            terms = {name.split("/", 1)[1]: _term(name, train) for name in names}
            yield Learning(stage, player, _total(player, train), _total(player, held), terms)


def _of(player: str, terms: dict[str, float]) -> dict[str, float]:
    return {name: value for name, value in terms.items() if name.split("/")[0] == player}


def _total(player: str, steps: list[tuple[float, dict[str, float]]]) -> Curve:
    return [(step, sum(mine.values())) for step, terms in steps if (mine := _of(player, terms))]


def _term(name: str, steps: list[tuple[float, dict[str, float]]]) -> Curve:
    return [(step, terms[name]) for step, terms in steps if name in terms]


def _draw(axis: Axes, one: Learning) -> None:
    axis.plot(*zip(*one.train), label="training", color="black")
    if one.held:
        axis.plot(*zip(*one.held), label="held out", color="black", linestyle="--")
    if len(one.terms) > 1:
        for name, curve in one.terms.items():
            axis.plot(*zip(*curve), label=name, linewidth=0.9)
    axis.set_ylim(*span([value for line in axis.lines for value in np.ravel(line.get_ydata())]))
    axis.legend(fontsize=8)


def span(values: Sequence[float]) -> tuple[float, float]:
    """From low to high, but for the wildest values: a bad start does not flatten the rest."""
    finite = np.asarray(values, float)[np.isfinite(values)]
    low, high = np.quantile(finite, 0.01), np.quantile(finite, 0.97)
    room = 0.06 * (high - low) or 0.5
    return float(low - room), float(high + room)

"""One table of all games: the share of the modes that each covers, by mixture."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.catalogue import Usage
from .gallery import picture
from .shown import blank

if TYPE_CHECKING:
    from .notebook import Sheet

MIXTURES = {"ring": "ring of 8", "grid": "grid of 25", "stacked": "stacked MNIST, 1,000"}
Rows = dict[str, dict[str, Any]]


@picture
def draw(results: str = "results/modes.json") -> Sheet:
    """Modes that all games cover on the ring, the grid and stacked MNIST, remedies included.

    Args:
        results: what `python bench/modes.py ring grid stacked` wrote.
    """
    return mode_table(played(Path(results)))


def played(file: Path) -> dict[str, Rows]:
    """The rows of a results file by mixture and game. Raises Usage where there are none."""
    if not file.is_file():
        raise Usage(f"there is no {file}: python bench/modes.py ring grid stacked writes it")
    try:
        told = json.loads(file.read_text())
        found = {name: told[name] for name in MIXTURES if told.get(name)}
        complete = all(
            {"covered", "of", "good"} <= set(row) for r in found.values() for row in r.values()
        )
    except (ValueError, AttributeError, TypeError) as error:
        raise Usage(f"{file} holds no results of bench/modes.py: {error}") from error
    if not found or not complete:
        raise Usage(f"{file} holds no results of bench/modes.py")
    return found


def mode_table(rows: dict[str, Rows]) -> Sheet:
    """A column for each mixture, a bar for each game: the share of modes; beside it the counts."""
    games = list(dict.fromkeys(game for some in rows.values() for game in some))
    figure = blank(3.4 * len(rows) + 1.2, 0.3 * len(games) + 1.0)
    axes = figure.subplots(1, len(rows), sharey=True, squeeze=False)[0]
    for axis, (name, some) in zip(axes, rows.items()):
        for place, game in enumerate(games):
            if game not in some:
                continue
            row = some[game]
            axis.barh(place, row["covered"] / row["of"], height=0.7, color="0.75")
            said = f"{row['covered']:,} of {row['of']:,}, {row['good']:.0%} good"
            axis.text(0.02, place, said, va="center", fontsize=8)
        axis.set(title=MIXTURES[name], xlim=(0, 1), xlabel="share of modes covered")
    axes[0].set_yticks(range(len(games)), games, fontsize=8)
    axes[0].invert_yaxis()
    return figure

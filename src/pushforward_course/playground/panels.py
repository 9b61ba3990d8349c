"""Panels: figures of one size, side by side on a desk and one under the other on a phone."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

from pushforward.media.medium import embedded
from pushforward.pictures.shown import blank

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from pushforward.pictures.notebook import Sheet

DATA, MODEL, OTHER = "tab:blue", "firebrick", "tab:green"


def panel(title: str, width: float = 4.2, height: float = 3.9) -> tuple[Sheet, Axes]:
    """An empty figure with a title, and its axes."""
    figure = blank(width, height)
    axis = figure.subplots()
    axis.set_title(title, fontsize=11)
    axis.spines[["top", "right"]].set_visible(False)
    return figure, axis


def square(title: str, reach: float) -> tuple[Sheet, Axes]:
    """The same for the plane, from -reach to reach in both coordinates."""
    figure, axis = panel(title)
    axis.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal", xticks=[], yticks=[])
    axis.spines[["top", "right"]].set_visible(True)
    return figure, axis


def dots(axis: Axes, points: Any, colour: str, name: str = "", size: float = 5.0) -> None:
    """Points (n, 2) of one colour."""
    at = points.detach().cpu().numpy()
    label = name or None
    axis.scatter(at[:, 0], at[:, 1], s=size, color=colour, linewidths=0, alpha=0.7, label=label)


def named(axis: Axes, **options: Any) -> None:
    """A small legend."""
    axis.legend(fontsize=9, framealpha=0.85, **options)


def framed(figure: Sheet, style: str = "") -> str:
    """A panel as HTML: an image that says its title to those who do not see it."""
    said = html.escape(figure.axes[0].get_title(), quote=True)
    return f'<img src="{embedded(figure.png(), "image/png")}" alt="{said}" style="{style}">'

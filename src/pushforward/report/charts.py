"""Charts as inline SVG in the page's own colours: one number against another, and curves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from .axes import Axis, around, short

WIDTH, HEIGHT, LEFT, RIGHT, BOTTOM, LETTER = 360, 270, 46, 18, 228, 7.4
CROWD = 12  # more models than this cannot all be named on a chart
Curve = Sequence[tuple[float, float]]
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Point:
    """A model on a chart; `x` is None where it has no such number."""

    name: str
    x: float | None
    y: float
    kind: str = ""


def _tag(name: str, text: str = "", **attributes: object) -> str:
    said = "".join(f' {k.rstrip("_").replace("_", "-")}="{v}"' for k, v in attributes.items())
    return f"<{name}{said}>{text}</{name}>"


def _text(x: float, y: float, said: str, anchor: str = "middle", **attributes: object) -> str:
    where = {"x": f"{x:.1f}", "y": f"{y:.1f}", "text_anchor": anchor}
    return _tag("text", escape(said), **where, **attributes)


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    ends = {"x1": x1, "y1": y1, "x2": x2, "y2": y2}
    return _tag("line", **{k: f"{v:.1f}" for k, v in ends.items()}, class_=kind)


def _svg(width: float, height: float, said: str, parts: Sequence[str]) -> str:
    box = f"0 0 {width:g} {height:g}"
    return _tag("svg", "".join(parts), viewBox=box, role="img", aria_label=escape(said, quote=True))


def _frame(x: Axis, y: Axis, x_said: str, y_said: str, ticks: tuple[int, int] = (6, 6)) -> str:
    parts = []
    for value in x.ticks(ticks[0]):
        parts.append(_line(x.at(value), y.start, x.at(value), y.end, "grid"))
        parts.append(_text(x.at(value), y.start + 14, short(value)))
    for value in y.ticks(ticks[1]):
        parts.append(_line(x.start, y.at(value), x.end, y.at(value), "grid"))
        parts.append(_text(x.start - 5, y.at(value) + 4, short(value), "end"))
    middle = (y.start + y.end) / 2
    parts.append(_text((x.start + x.end) / 2, y.start + 30, x_said))
    parts.append(_text(11, middle, y_said, transform=f"rotate(-90 11 {middle:.1f})"))
    return "".join(parts)


def scatter(
    points: Sequence[Point],
    x_said: str,
    y_said: str,
    *,
    x_log: bool = False,
    y_log: bool = False,
    shares: bool = False,
    level: float | None = None,
) -> str:
    """Models by two numbers, each with its name; those without x stand apart at the right.

    `level` is the y of real data, a dashed line. A point of kind "real" is a star. Both numbers
    of `shares` end at 1.
    """
    has_x = [p for p in points if p.x is not None]
    apart = len(has_x) < len(points)
    right = WIDTH - (70 if apart else RIGHT)
    xs = [p.x for p in has_x if p.x is not None] or [0.0]
    ys = [p.y for p in points] + ([] if level is None else [level])
    if shares:
        x, y = Axis(_below(xs), 1, LEFT, right), Axis(_below(ys), 1, BOTTOM, 10)
    else:
        x, y = around(xs, LEFT, right, x_log), around(ys, BOTTOM, 10, y_log)
    parts = [_frame(x, y, x_said, y_said)]
    if level is not None:
        parts.append(_line(LEFT, y.at(level), WIDTH - RIGHT, y.at(level), "real"))
        parts.append(_text(LEFT + 3, y.at(level) - 4, "real data", "start"))
    if apart:
        parts.append(_line(right + 6, BOTTOM, right + 6, 10, "frame"))
        parts.append(_text(right + 32, BOTTOM + 14, "none"))
    at = [(right + 24 if p.x is None else x.at(p.x), y.at(p.y)) for p in points]
    parts += [_mark(p, *where) for p, where in zip(points, at)]
    parts += _names([p.name for p in points], at)
    told = "; ".join(_told(p) for p in points)
    return _svg(WIDTH, HEIGHT, f"{y_said} against {x_said}: {told}", parts)


def _below(shares: Sequence[float]) -> float:
    """The tenth below all of them with some room, so that points are not crowded."""
    return max(0.0, math.floor(10 * min(shares) - 0.5) / 10)


def _told(point: Point) -> str:
    return f"{point.name} {'none' if point.x is None else f'{point.x:.3g}'}, {point.y:.3g}"


def _mark(point: Point, x: float, y: float) -> str:
    title = _tag("title", escape(_told(point)))
    if point.kind == "real":
        corners = [(5 if i % 2 == 0 else 2, math.pi * (i / 5 - 0.5)) for i in range(10)]
        path = " ".join(f"{x + r * math.cos(a):.1f},{y + r * math.sin(a):.1f}" for r, a in corners)
        return _tag("path", title, d=f"M {path} Z", class_="star")
    return _tag("circle", title, cx=f"{x:.1f}", cy=f"{y:.1f}", r=4.5, class_=point.kind)


def _names(names: Sequence[str], at: Sequence[tuple[float, float]]) -> list[str]:
    """Each name beside its point, where it covers no other name and no point if there is room.

    In a CROWD names without room are left to the points' titles.
    """
    taken: list[Box] = [(x - 5, y - 5, x + 5, y + 5) for x, y in at]
    drawn = []
    for name, (x, y) in zip(names, at):
        places = [(x + 8, y + 4 + dy, "start") for dy in (0, -9, 9)] + [(x - 8, y + 4, "end")]
        places += [(x, y + dy, "middle") for dy in (-9, 17, -20, 28)]
        place = min(places, key=lambda place: _cover(_box(name, *place), taken))
        if len(names) > CROWD and _cover(_box(name, *place), taken) > 0:
            continue
        taken.append(_box(name, *place))
        drawn.append(_text(*place[:2], name, place[2], class_="name"))
    return drawn


def _box(name: str, x: float, y: float, anchor: str) -> Box:
    """What a name covers, with a cautious guess of its letters' width."""
    width = len(name) * LETTER
    left = x - width * {"start": 0.0, "middle": 0.5, "end": 1.0}[anchor]
    return left, y - 10, left + width, y + 2


def _cover(box: Box, taken: Sequence[Box]) -> float:
    """The area of other things that a box covers; what leaves the chart weighs most."""
    area = 0.0
    for other in taken:
        width = min(box[2], other[2]) - max(box[0], other[0])
        height = min(box[3], other[3]) - max(box[1], other[1])
        area += max(0.0, width) * max(0.0, height)
    outside = max(0.0, LEFT - box[0]) + max(0.0, box[2] - WIDTH + 2) + max(0.0, -box[1])
    return area + 100 * outside + 100 * max(0.0, box[3] - BOTTOM)


def curves(train: Curve, held: Curve, said: str) -> str:
    """The loss by step, in training and on held-out data; empty where there is no curve."""
    train, held = ([(s, v) for s, v in c if math.isfinite(v)] for c in (train, held))
    if len(train) < 2:
        return ""
    low, high = _span([v for _, v in train], [v for _, v in held])
    x = Axis(0, max(step for step, _ in train), LEFT, WIDTH - RIGHT)
    y = Axis(low, high, 112, 8)
    parts = [_frame(x, y, "step", "loss", (5, 4)), _path(train, x, y, "train")]
    if len(held) > 1:
        parts.append(_path(held, x, y, "held"))
    ends = f"from {train[0][1]:.4g} to {train[-1][1]:.4g}"
    ends += f"; held out {held[-1][1]:.4g}" if held else ""
    return _svg(WIDTH, 150, f"{said}: loss by step, {ends}", parts)


def _path(points: Curve, x: Axis, y: Axis, kind: str) -> str:
    path = " ".join(f"{x.at(step):.1f},{y.at(loss):.1f}" for step, loss in points)
    return _tag("polyline", points=path, class_=kind)


def _span(train: Sequence[float], held: Sequence[float]) -> tuple[float, float]:
    """All but the wildest values: a bad start does not flatten the rest."""
    high = float(np.quantile([*train, *held], 0.95))
    low = float(np.quantile([*train, *held], 0.01))
    return (low, high) if high > low else (low - 0.5, low + 0.5)

"""Statistics of a class as a picture: final grades, and what each item brought."""

from __future__ import annotations

from pathlib import Path

from .grades import Item, Row, final


def drawn(rows: list[Row], items: dict[str, Item], out: Path) -> Path:
    """Writes the picture (.png, .svg or .pdf)."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
    grades = [float(final(row.total)) for row in rows]
    left.hist(grades, bins=[n / 1 for n in range(13)], color="#3b6ea5", edgecolor="white")
    left.set(xlabel="final grade", ylabel="students", title=f"{len(rows)} students")
    shares = {name: _shares(rows, name, item) for name, item in items.items()}
    shares = {name: values for name, values in shares.items() if values}
    if shares:
        right.boxplot(list(shares.values()), tick_labels=list(shares), widths=0.6)
    right.set(ylabel="share of the points", ylim=(-0.05, 1.05), title="of those who handed in")
    figure.savefig(out, dpi=150)
    pyplot.close(figure)
    return out


def _shares(rows: list[Row], name: str, item: Item) -> list[float]:
    return [float(row.points[name]) / float(item.most) for row in rows if name in row.points]

"""The comparison page: one file of HTML that needs nothing from outside."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import NamedTuple

from ..core.dataset import Dataset
from ..core.spaces import Pixels
from ..metrics.samples import SampleQuality
from . import cards, details, scores
from .charts import CROWD, Point, scatter
from .places import MARK
from .row import Row
from .workers import Failure

KINDS = """<b>Exact</b>: the model's own likelihood. <b>Lower bound</b>: only a bound on the
likelihood can be computed, so the model may be better than its number. <b>Importance-weighted bound
(k)</b>: a bound that k weighted samples make tighter. <b>Estimate (n probes)</b>: right on average,
up to the error of a numerical solver. <b>None</b>: a GAN never says how probable an image is; it
can be judged only by what it draws."""


class Section(NamedTuple):
    """One data set, the rows of its models (baselines first), and what training data reach when
    they are measured as if they were samples.
    """

    data: Dataset
    rows: Sequence[Row]
    real: SampleQuality

    @property
    def noun(self) -> str:
        """What its data are called."""
        return "images" if isinstance(self.data.space, Pixels) else "examples"


def html(sections: Sequence[Section], failures: Sequence[Failure]) -> str:
    """The page: a section for each data set, and below all that was measured.

    `failures` are the models without a row.
    """
    title = f"Generative models compared on {' and '.join(s.data.name for s in sections)}"
    rows = [row for section in sections for row in section.rows]
    style = Path(__file__).with_name("page.css").read_text(encoding="utf-8")
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>
{MARK}<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,"><style>
{style}</style></head>
<body><main><h1>{escape(title)}</h1>
{_failures(failures)}{"".join(_section(s, len(sections) > 1, i) for i, s in enumerate(sections))}
{details.bounds(rows)}
{details.every(rows)}
</main></body></html>
"""


def _section(section: Section, several: bool, place: int) -> str:
    """A data set: what was asked, the table, how to read it (once), charts, and what is drawn."""
    data, rows, real = section
    noun = section.noun
    drawn = "".join(cards.card(row, data, noun) for row in rows)
    named = f"<h2>{escape(data.name)}: {_size(data)}</h2>" if several else ""
    said = f"<h2>How to read the numbers</h2><dl>{_glossary(rows, noun)}</dl>"
    return f"""{named}{_lead(rows, data, noun)}
{scores.table(rows, real, noun)}
{said if not place else ""}
<h2>One number against another</h2><div class="plots">{_plots(rows, real)}</div>
<h2>What they draw</h2><div class="cards">{cards.real(data, noun)}{drawn}</div>
"""


def _lead(rows: Sequence[Row], data: Dataset, noun: str) -> str:
    models = [row for row in rows if row.family != "baseline"]
    families = len({row.family for row in models})
    others = len(rows) - len(models)
    what = _counted(len(models), "generative model") + f" of {_counted(families, 'family')}"
    what += f" and {_counted(others, 'baseline')}" if others else ""
    here = all(row.measured_here for row in rows)
    by = (
        "Every number was measured by the run that wrote this page"
        if here
        else "Where a card does not say when its model was measured, the run that wrote this page "
        "measured it. Every number"
    )
    return f"""<p>{what} learned from the same {len(data.train):,} {noun} ({_size(data)}). Then each
was asked two questions about {len(data.test):,} {noun} that none of them had seen. <b>How probable
are these?</b> The likelihood says how well a model predicts them. <b>Draw some like them!</b> The
Fréchet distance, precision and recall say how well its samples match them. A model can be good at
one and bad at the other.</p>
<p class="soft">{by}{", and" if here else ""} also stands in
<code>results.json</code>, <code>.csv</code> and <code>.md</code> beside it.</p>
"""


def _counted(n: int, noun: str) -> str:
    """A number with its noun.

    >>> _counted(1, "family"), _counted(7, "generative model")
    ('1 family', '7 generative models')
    """
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{n} {noun if n == 1 else plural}"


def _size(data: Dataset) -> str:
    space = data.space
    if isinstance(space, Pixels):
        colour = "grey" if space.channels == 1 else "brightness"
        return f"{space.height}×{space.width} pixels of {space.levels} {colour} levels"
    return str(space)


def _failures(failures: Sequence[Failure]) -> str:
    if not failures:
        return ""
    told = "".join(f"<li><b>{escape(f.name)}</b>: {escape(f.error)}</li>" for f in failures)
    return (
        '<section class="failed" role="alert"><p>Not on this page, because they failed:</p>'
        f"<ul>{told}</ul></section>"
    )


def _glossary(rows: Sequence[Row], noun: str) -> str:
    unit = next((row.likelihood.unit for row in rows if row.likelihood), "likelihood")
    what = "one pixel" if unit == "bits/dim" else "one example"
    said = {
        unit: f"""What it costs the model to write down {what} of the held-out {noun}, in
            {unit.split("/")[0]}: lower is better.""",
        "Kinds of likelihood": KINDS,
        "Fréchet distance": f"""How far the samples are from held-out {noun}, both taken as a cloud
            of features with a mean and a covariance: lower is better. It is not 0 for real {noun},
            because there are few of them. It compares only with distances of the same features
            and the same number of samples.""",
        "Precision and recall": f"""Precision is the share of samples that lie among the real
            {noun}: does it look right? Recall is the share of real {noun} that lie among the
            samples: is everything covered? (3 nearest neighbours.) Samples that are strewn widely,
            many of them bad, can earn more recall than real {noun} do.""",
        "The baseline": """Draws every pixel on its own, as often bright or dark as it is in the
            training data. A model that does not beat it has learned nothing about shapes.""",
        f"Real {noun}": f"""The last row scores {noun} of the training split as if a model had
            drawn them: what a perfect model would reach, not a model to beat.""",
    }
    if all(row.family != "baseline" for row in rows):
        del said["The baseline"]
    return "".join(f"<div><dt>{word}</dt><dd>{text}</dd></div>" for word, text in said.items())


def _plots(rows: Sequence[Row], real: SampleQuality) -> str:
    unit = next((row.likelihood.unit for row in rows if row.likelihood), None)
    names = _names(rows)
    kinds = ["baseline" if row.family == "baseline" else "" for row in rows]
    distance = [row.quality.frechet.value for row in rows]
    floor = real.frechet.value
    log = min([*distance, floor]) > 0

    def points(xs: Sequence[float | None], ys: Sequence[float]) -> list[Point]:
        return [Point(*point) for point in zip(names, xs, ys, kinds)]

    shares = points(
        [row.quality.precision.value for row in rows], [row.quality.recall.value for row in rows]
    )
    star = Point("real", real.precision.value, real.recall.value, "real")
    plots = [
        (
            scatter([*shares, star], "precision", "recall", shares=True),
            "<b>Looks right, covers all.</b> Best is the top right corner, where real data stand.",
        )
    ]
    if unit:
        values = [row.likelihood.value if row.likelihood else None for row in rows]
        chart = scatter(points(values, distance), unit, "Fréchet distance", y_log=log, level=floor)
        said = (
            "<b>Likelihood against samples.</b> Best is the bottom left; neither implies the other."
        )
        plots.append((chart, said))
    speed = [row.samples_per_second for row in rows]
    chart = scatter(
        points(speed, distance), "samples per second", "Fréchet distance",
        x_log=True, y_log=log, level=floor,
    )  # fmt: skip
    plots.append((chart, "<b>Quality against speed.</b> Best is the bottom right."))
    crowd = " Point at a mark for its name." if len(rows) > CROWD else ""
    return "".join(
        f"<figure>{c}<figcaption>{said}{crowd}</figcaption></figure>" for c, said in plots
    )


def _names(rows: Sequence[Row]) -> list[str]:
    """Short names for charts: the class, or what was asked for where two are of one class."""
    classes = [row.model for row in rows]
    return [row.model if classes.count(row.model) == 1 else row.slug for row in rows]

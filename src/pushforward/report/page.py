"""The comparison page: one file of HTML that needs nothing from outside."""

from __future__ import annotations

from html import escape

from ..core.dataset import Dataset
from ..core.likelihood import Likelihood
from ..core.spaces import Pixels
from ..metrics.samples import SampleQuality
from . import pictures
from .row import PAIRS, Row

STYLE = """
:root { color-scheme: light dark; --ink: #1b1b1f; --paper: #fdfcfa; --soft: #6b6b76;
  --line: #d9d7d0; --mark: #2456a6; --bar: #cfdcf2; --best: #e8f2e4; }
@media (prefers-color-scheme: dark) { :root { --ink: #e9e7e2; --paper: #17181c; --soft: #a3a3ad;
  --line: #3a3b42; --mark: #8fb4f5; --bar: #2b3d5e; --best: #24382a; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.2rem; max-width: 66rem; background: var(--paper);
  color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; line-height: 1.2; } h2 { margin-top: 2.4rem; font-size: 1.25rem; }
h3 { margin: 0; font-size: 1.05rem; } p { max-width: 46rem; } small, .soft { color: var(--soft); }
.scroll { overflow-x: auto; } table { border-collapse: collapse; font-variant-numeric: tabular-nums;
  width: 100%; font-size: 0.92rem; }
th, td { padding: 0.4rem 0.6rem; text-align: right; border-bottom: 1px solid var(--line);
  white-space: nowrap; } th:first-child, td:first-child { text-align: left; position: sticky;
  left: 0; background: var(--paper); } th { vertical-align: bottom; font-weight: 600; }
td .kind, td .family { display: block; color: var(--soft); font-size: 0.8rem; }
td.best { background: var(--best); font-weight: 600; }
.meter { display: block; height: 4px; border-radius: 2px; background: var(--bar); margin-top: 3px; }
.meter i { display: block; height: 4px; border-radius: 2px; background: var(--mark); }
.cards { display: grid; gap: 1.2rem; grid-template-columns: repeat(auto-fill, minmax(17rem, 1fr)); }
.card { border: 1px solid var(--line); border-radius: 8px; padding: 0.9rem; }
.card p { margin: 0.3rem 0; font-size: 0.9rem; } img { width: 100%; height: auto; display: block;
  image-rendering: pixelated; border-radius: 4px; margin: 0.4rem 0; }
figure { margin: 0.6rem 0 0; } figcaption { color: var(--soft); font-size: 0.82rem; }
svg polyline { fill: none; stroke: var(--mark); stroke-width: 1; vector-effect: non-scaling-stroke;
} svg { width: 100%; height: auto; border-bottom: 1px solid var(--line); } details { margin: 0.4rem
0; } dt { font-weight: 600; margin-top: 0.6rem; } dd { margin: 0 0 0.2rem; max-width: 46rem; }
"""

GLOSSARY = {
    "Bits/dim": """How many bits the model needs to write down one pixel of a held-out image: lower
    is better. An <b>exact</b> number is the model's likelihood. From a <b>lower bound</b> on the
    likelihood comes an upper bound here: the model may be better than it says; importance weights
    tighten it. A GAN has <b>none</b>: it can only be judged by its samples.""",
    "Fréchet distance": """How far the samples are from held-out images, as two Gaussians of
    features of the named classifier: lower is better. The row of real images shows what remains
    where nothing is wrong but the small number of images. Values from another extractor or number
    of samples cannot be compared with these.""",
    "Precision, recall": """The share of samples that lie among the real images, and of the real
images that lie among the samples (3 nearest neighbours): what looks right, and what is covered.""",
    "±": """One standard error over the held-out images. The small grey numbers are those of the
same model before training.""",
}


def html(rows: list[Row], data: Dataset, real: SampleQuality) -> str:
    """The page for `rows`, the baseline first, all measured on `data.test`.

    `real` is what training images reach when they are measured as if they were samples.
    """
    quality = rows[0].quality.frechet
    title = f"Generative models compared on {data.name}"
    cards = "".join(_card(row, data) for row in rows)
    glossary = "".join(f"<dt>{word}</dt><dd>{said}</dd>" for word, said in GLOSSARY.items())
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}</style></head>
<body><h1>{escape(title)}</h1>
<p>{_models(rows)} trained on the same {len(data.train):,} images of {_size(data)}, and measured
on the {len(data.test)} that none of them saw. Every number here was measured by the run that wrote
this page; the same numbers are in <code>results.json</code>.</p>
{_table(rows, real)}
<p><small>{quality.samples} samples against {quality.references} held-out images; features of
<code>{escape(quality.extractor)}</code>. Training with one thread for each model.</small></p>
<h2>How to read it</h2><dl>{glossary}</dl>
<h2>What they draw</h2><div class="cards">{_real(data)}{cards}</div></body></html>
"""


def _models(rows: list[Row]) -> str:
    families = {row.family for row in rows} - {"baseline"}
    return f"{len(rows) - 1} models of {len(families)} families and one baseline"


def _size(data: Dataset) -> str:
    space = data.space
    if isinstance(space, Pixels):
        return f"{space.height}×{space.width} pixels with {space.levels} levels"
    return str(space)


def _table(rows: list[Row], real: SampleQuality) -> str:
    heads = (
        "model", "bits/dim", "Fréchet distance", "precision", "recall", "parameters",
        "training, s", "samples / s",
    )  # fmt: skip
    head = "".join(f"<th>{name}</th>" for name in heads)
    body = "".join(_line(row, rows) for row in rows) + _line_of_real(real)
    return f'<div class="scroll"><table><tr>{head}</tr>{body}</table></div>'


def _line(row: Row, rows: list[Row]) -> str:
    most = max(r.quality.frechet.value for r in rows)
    quality = row.quality
    best = quality.frechet.value == min(r.quality.frechet.value for r in rows)
    share = 100 * quality.frechet.value / most
    meter = f'<span class="meter"><i style="width:{share:.0f}%"></i></span>'
    before = f'<span class="kind">untrained {row.untrained_quality.frechet.value:.3g}</span>'
    return (
        f'<tr><td><a href="#{row.preset}">{escape(row.model)}</a>'
        f'<span class="family">{escape(row.family)}</span></td>'
        f"{_likelihood(row, rows)}"
        f'<td class="{"best" if best else ""}">{quality.frechet.value:.3g}{before}{meter}</td>'
        f"<td>{quality.precision.value:.2f}</td><td>{quality.recall.value:.2f}</td>"
        f"<td>{row.parameters:,}</td><td>{row.train_seconds:.1f}</td>"
        f"<td>{row.samples_per_second:,.0f}</td></tr>"
    )


def _line_of_real(real: SampleQuality) -> str:
    return (
        '<tr class="soft"><td>real images<span class="family">of the training split</span></td>'
        f"<td></td><td>{real.frechet.value:.3g}</td><td>{real.precision.value:.2f}</td>"
        f"<td>{real.recall.value:.2f}</td><td></td><td></td><td></td></tr>"
    )


def _likelihood(row: Row, rows: list[Row]) -> str:
    if row.likelihood is None:
        return '<td>none<span class="kind">only samples</span></td>'
    values = [r.likelihood.value for r in rows if r.likelihood]
    best = "best" if row.likelihood.value == min(values) else ""
    return (
        f'<td class="{best}">{_number(row.likelihood)}'
        f'<span class="kind">{escape(str(row.likelihood.kind))}</span>{_before(row)}</td>'
    )


def _number(likelihood: Likelihood) -> str:
    return f"{likelihood.value:.3f} ± {likelihood.stderr:.3f}"


def _before(row: Row) -> str:
    if row.untrained is None:
        return ""
    return f'<span class="kind">untrained {row.untrained.value:.2f}</span>'


def _real(data: Dataset) -> str:
    picture = pictures.drawn(data.test.first(64).at(slice(None))[0], data.space)
    drawn = pictures.inline(picture, "real data") if picture else ""
    return f'<div class="card"><h3>Real data</h3><p class="soft">held out</p>{drawn}</div>'


def _card(row: Row, data: Dataset) -> str:
    space = data.space
    parts = [f'<h3 id="{row.preset}">{escape(row.model)}</h3>']
    parts.append(f'<p class="soft">{escape(row.family)} · <code>{escape(row.preset)}</code></p>')
    if picture := pictures.drawn(row.samples, space):
        parts.append(pictures.inline(picture, f"samples of {row.preset}"))
    pairs = pictures.interleaved(row.samples[:PAIRS], row.neighbours)
    if picture := pictures.drawn(pairs, space, PAIRS):
        said = "samples, and below each its nearest training image"
        parts.append(f"<figure>{pictures.inline(picture, said)}<figcaption>{said}</figcaption>"
                     "</figure>")  # fmt: skip
    if row.walk is not None and (picture := pictures.drawn(row.walk, space)):
        said = "walks between pairs of latent points"
        parts.append(f"<figure>{pictures.inline(picture, said)}<figcaption>{said}</figcaption>"
                     "</figure>")  # fmt: skip
    parts.extend(_curves(row))
    return f'<div class="card">{"".join(parts)}</div>'


def _curves(row: Row) -> list[str]:
    """The training loss of each player in each stage, and the first's on held-out data."""
    drawn = []
    for stage in dict.fromkeys(report.stage for report in row.history):
        reports = [report for report in row.history if report.stage == stage]
        for player in dict.fromkeys(name.split("/")[0] for name in reports[0].terms):
            points = [(float(r.step), _total(r.terms, player)) for r in reports]
            drawn.append(pictures.curve(points, f"{stage}: loss of {player}"))
        held = [(float(r.step), r.validation_loss) for r in reports if r.validation is not None]
        points = [(step, loss) for step, loss in held if loss is not None]
        drawn.append(pictures.curve(points, f"{stage}: held-out loss"))
    return drawn


def _total(terms: dict[str, float], player: str) -> float:
    return sum(value for name, value in terms.items() if name.split("/")[0] == player)

"""The comparison: several models on one split, on one page, in JSON, Markdown, CSV and pictures."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from ..core.catalogue import preset_called, presets
from ..core.dataset import Dataset, identity
from ..core.ownership import scratch
from ..data.cache import cache_folder
from ..media import medium_of
from ..metrics.looking import extractor_for
from ..metrics.references import looked_at, reference_features
from ..metrics.samples import SampleQuality, sample_quality
from ..training.fit import Interrupted
from . import details, page, tables
from .measure import data_of, is_checkpoint, measure
from .places import slug_of
from .row import Row
from .sampled import GRID
from .workers import Failure, in_processes

BASELINE = "independent_digits"
FAMILIES = (
    BASELINE,
    "gmm_digits",
    "made_digits",
    "realnvp_digits",
    "vamp_digits",
    "wgan_gp_digits",
    "vq_vae_digits",
    "ddpm_digits",
)


@dataclass
class Comparison:
    """What a comparison found: rows in the order of `names`, and why others are missing.

    `data` is what each learned from, one object for one data set; `features` what samples were seen
    through, as `extractor_for` takes it.
    """

    names: tuple[str, ...]
    data: dict[str, Dataset]
    rows: list[Row] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    features: str | None = None

    def add(self, name: str, result: Row | Failure) -> None:
        """Files one result; baselines come first, whatever was named first."""
        if isinstance(result, Failure):
            self.failures.append(result)
            return
        self.rows.append(result)
        place = {name: i for i, name in enumerate(self.names)}
        self.rows.sort(key=lambda row: (row.family != "baseline", place[row.name]))

    def parts(self) -> list[tuple[Dataset, list[Row]]]:
        """Each data set with the rows of its models; numbers compare within one of these alone."""
        found: dict[int, tuple[Dataset, list[Row]]] = {}
        for row in self.rows:
            data = self.data[row.name]
            found.setdefault(id(data), (data, []))[1].append(row)
        return list(found.values())


def compare(
    names: Sequence[str] = FAMILIES,
    out: str | Path = "runs/compare",
    features: str | None = None,
) -> Comparison:
    """Trains and measures the models, as many at a time as there are cores, and writes the page.

    What is finished is written even where a model fails or Ctrl-C is pressed.

    Args:
        names: presets, or checkpoints (FILE.safetensors or zoo:NAME); those over the same data
            stand in one part of the page.
        out: the folder for `index.html`, `results.json`, `.md`, `.csv`, `curves.json` and PNGs.
        features: what samples are seen through, as `extractor_for` takes it.

    Raises:
        ValueError: before any training, for an unknown name, for data sets of one name that differ,
            or for features that are not for these data.
        Interrupted: after Ctrl-C, when the workers are ended and finished rows are written.
    """
    found = Comparison(tuple(dict.fromkeys(names)), data_by_name(names), features=features)
    for data in found.data.values():
        extractor_for(data, features)
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        _run(found)
    except KeyboardInterrupt:
        write(found, folder)
        done = f"{len(found.rows)} of {len(found.names)} models were finished"
        kept = f" and are in {folder}/index.html" if found.rows else ": nothing was written"
        raise Interrupted(f"stopped: {done}{kept}") from None
    write(found, folder)
    return found


def data_by_name(names: Sequence[str]) -> dict[str, Dataset]:
    """What each of these models learns from, one object for one data set.

    Raises ValueError where there are no names, or two data sets are called alike and differ.
    """
    if not names:
        raise ValueError("nothing to compare: name some presets")
    found: dict[str, Dataset] = {}
    for name in names:
        data = data_of(name)
        alike = (d for d in found.values() if (d.name, d.space) == (data.name, data.space))
        earlier = next(alike, None)
        if earlier is not None and examples_of(earlier) != examples_of(data):
            raise ValueError(
                f"{name} learned from other examples of {data.name} than those before it: numbers "
                "of both stand on no page. Compare those of one split"
            )
        found[name] = earlier or data
    return found


def examples_of(data: Dataset) -> dict[str, Any]:
    """What must agree for two models to be compared on their data."""
    return identity(data.describe()) | {"space": data.space}


def _run(found: Comparison) -> None:
    """Files the rows as they are finished, and tells each on stderr.

    The last named, which take longest, start first.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    at_once = min(len(found.names), os.cpu_count() or 1)
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(f"measuring {len(found.names)} models", total=len(found.names))
        work = partial(measure, features=found.features) if found.features else measure
        for name, result in in_processes(work, found.names[::-1], at_once):
            found.add(name, result)
            progress.console.print(said(result), highlight=False, soft_wrap=True, markup=False)
            progress.advance(task)


def said(result: Row | Failure) -> str:
    """A row, or why there is none, in one line for the terminal."""
    if isinstance(result, Failure):
        return f"{result.name} FAILED: {result.error}"
    likelihood: object = result.likelihood or "no likelihood"
    if result.likelihood and (ends := result.likelihood.interval):
        likelihood = f"{likelihood}, 95% interval {ends[0]:.5g} to {ends[1]:.5g} by bootstrap"
    parts = (
        f"{n.name} {n.figure()}{f', {n.interval}' if n.interval else ''}" for n in result.quality
    )
    distance = "; ".join(parts)
    time = "" if result.train_seconds is None else f"; trained in {result.train_seconds:.1f} s"
    return f"{result.name}: {likelihood}; {distance}{time}"


def write(found: Comparison, folder: Path) -> None:
    """Writes the page, the tables and the PNGs of what was found; nothing where no row is.

    They come into their places when all of them are whole.
    """
    if not found.rows:
        return
    with scratch(folder) as beside:
        fresh = beside / "page"
        fresh.mkdir()
        _write(found, fresh)
        for path in sorted(fresh.iterdir()):
            os.replace(path, folder / path.name)


def _write(found: Comparison, folder: Path) -> None:
    rows, parts = found.rows, found.parts()
    for data, some in parts:
        medium = medium_of(data.space, data.describe())
        real = looked_at(data.test.first(GRID))
        slug = "real" if len(parts) == 1 else f"real-{slug_of(data.name)}"
        for stem, x in {slug: real, **{row.slug: row.samples for row in some}}.items():
            medium.write([x], folder / f"{stem}{medium.suffix}")
    curves = {row.name: [asdict(report) for report in row.history] for row in rows}
    tables_of = "\n".join(tables.markdown(some) for _, some in parts)
    sections = [page.Section(data, some, _real(data, some, found.features)) for data, some in parts]
    text = {
        "results.json": json.dumps([row.record() for row in rows], indent=1) + "\n",
        "results.csv": tables.csv(rows),
        "results.md": tables_of + tables.failed(found.failures) + details.markdown(rows),
        "curves.json": json.dumps(curves) + "\n",
        "index.html": page.html(sections, found.failures),
    }
    for name, content in text.items():
        (folder / name).write_text(content, encoding="utf-8")


def _real(data: Dataset, rows: Sequence[Row], features: str | None) -> SampleQuality:
    """What training images reach when they are measured as if they were samples."""
    number = rows[0].quality.frechet
    look = extractor_for(data, features)
    references = reference_features(data, "test", look, number.references, cache_folder())
    train = looked_at(data.train.first(number.samples))
    return sample_quality(train, references, look)


def known(names: Sequence[str]) -> list[str]:
    """The names, if all are presets or files; "all" is every preset over the baseline's data.

    Raises ValueError naming the nearest presets.
    """
    if list(names) == ["all"]:
        digits = [name for name in presets() if name.endswith("_digits") and name != BASELINE]
        wanted = examples_of(data_of(BASELINE))
        return [BASELINE, *(name for name in digits if examples_of(data_of(name)) == wanted)]
    return [name if is_checkpoint(name) else preset_called(name).name for name in names]

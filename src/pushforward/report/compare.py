"""The comparison: several presets on one split, on one page, in JSON and as pictures."""

from __future__ import annotations

import json
import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict
from pathlib import Path

from ..core.catalogue import preset_called, presets
from ..data import find
from ..metrics.samples import sample_quality
from . import page, pictures
from .row import GRID, Row, measure

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


def compare(names: Sequence[str] = FAMILIES, out: str | Path = "runs/compare") -> list[Row]:
    """Trains and measures the presets, two at a time, and writes page, pictures and results.

    Args:
        names: presets, all over the same data; the baseline comes first.
        out: the folder for `index.html`, `results.json`, `curves.json` and PNGs.

    Raises:
        ValueError: for presets whose data differ.
    """
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    rows = {row.preset: row for row in _measured(list(names))}
    ordered = [rows[name] for name in names]
    if len({row.data for row in ordered}) > 1:
        told = ", ".join(f"{row.preset}: {row.data}" for row in ordered)
        raise ValueError(f"a comparison needs one data set, these presets differ: {told}")
    write(ordered, folder)
    return ordered


def _measured(names: list[str]) -> Iterator[Row]:
    """The rows as they are finished, longest presets first; one process with one thread each."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    workers = min(len(names), os.cpu_count() or 1)
    context = multiprocessing.get_context("spawn")
    with Progress(*columns) as progress, ProcessPoolExecutor(workers, context) as pool:
        task = progress.add_task(f"training {len(names)} models", total=len(names))
        tasks = [pool.submit(measure, name) for name in reversed(names)]
        for done in as_completed(tasks):
            row = done.result()
            told = row.likelihood or "no likelihood"
            progress.console.print(
                f"{row.preset}: {told}; Frechet distance {row.quality.frechet.value:.3g}; "
                f"{row.train_seconds:.1f} s"
            )
            progress.advance(task)
            yield row


def write(rows: list[Row], folder: Path) -> None:
    """Writes `index.html`, `results.json`, `curves.json` and the PNGs of finished rows."""
    data = find(rows[0].data)
    real = data.test.first(GRID).at(slice(None))[0]
    pictures.write(folder / "real.png", pictures.drawn(real, data.space))
    for row in rows:
        space = data.space
        pictures.write(folder / f"{row.preset}.png", pictures.drawn(row.samples, space))
    records = [row.record() for row in rows]
    (folder / "results.json").write_text(json.dumps(records, indent=1) + "\n")
    curves = {row.preset: [asdict(report) for report in row.history] for row in rows}
    (folder / "curves.json").write_text(json.dumps(curves) + "\n")
    references = data.test.at(slice(None))[0]
    floor = data.train.first(len(references)).at(slice(None))[0]
    real_quality = sample_quality(floor, references, data.space)
    (folder / "index.html").write_text(page.html(rows, data, real_quality), encoding="utf-8")


def known(names: Sequence[str]) -> list[str]:
    """The names, if all are presets; "all" stands for every preset that ends in _digits.

    Raises ValueError naming the nearest presets.
    """
    if list(names) == ["all"]:
        rest = [name for name in presets() if name.endswith("_digits") and name != BASELINE]
        return [BASELINE, *rest]
    return [preset_called(name).name for name in names]

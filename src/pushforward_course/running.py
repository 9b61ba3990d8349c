"""The cells of the lectures, run before Sphinx asks for them: several lectures at once, each timed.

Sphinx runs one page after the other and keeps no time but a page's. Here every lecture has a kernel
of its own, in a process of its own, as many at a time as there are cores; what they show goes into
the cache in which Sphinx then finds it.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import datetime
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from .failures import CourseError, told
from .settings import number

MOST = 4  # kernels at once, of about a gigabyte each
TIMEOUT = 600  # seconds of one cell
LONG = 60.0  # seconds after which a reader has gone away


@dataclass(frozen=True)
class Timed:
    """How long a cell of a lecture took, in seconds; cells count from 1."""

    lecture: int
    cell: int
    seconds: float
    code: str


def run(
    pages: Iterable[Path], cache: Path, extensions: list[str], quiet: bool = False
) -> list[Timed]:
    """Runs the cells of the lectures that the cache does not hold; every lecture's times.

    Args:
        pages: Markdown files.
        cache: the folder in which Sphinx looks for them.
        extensions: of MyST, since a page is read as Sphinx reads it.
        quiet: shows no bar.

    Raises CourseError where a cell fails, naming lecture, cell and what to run.
    """
    from jupyter_cache import get_cache

    store = get_cache(str(cache))
    notebooks = {page: _read(page, extensions) for page in pages}
    missing = {page: nb for page, nb in notebooks.items() if not _known(store, nb)}
    for page, notebook, seconds in _executed(missing, quiet):
        _kept(store, page, notebook, seconds)
    return [each for page, nb in notebooks.items() for each in _times(store, page, nb)]


def _read(page: Path, extensions: list[str]) -> Any:
    """The notebook that MyST-NB reads from a page."""
    from myst_nb.core.read import read_myst_markdown_notebook
    from myst_parser.config.main import MdParserConfig

    config = MdParserConfig(enable_extensions=set(extensions))
    return read_myst_markdown_notebook(
        page.read_text("utf-8"), config, add_source_map=True, path=str(page)
    )


def _known(store: Any, notebook: Any) -> Any:
    try:
        return store.match_cache_notebook(notebook)
    except KeyError:
        return None


def _executed(notebooks: dict[Path, Any], quiet: bool) -> Iterator[tuple[Path, Any, float]]:
    """Pages with their notebooks as they end, and the seconds that all cells of one took."""
    from rich.progress import track

    if not notebooks:
        return
    cores = os.cpu_count() or 1
    kernels = min(cores, MOST, len(notebooks))
    spawn = get_context("spawn")  # a fork would take over threads of torch
    with ProcessPoolExecutor(kernels, spawn, _alone, (cores // kernels,)) as pool:
        running = {pool.submit(_cells_of, nb): page for page, nb in notebooks.items()}
        try:
            ended, total = as_completed(running), len(running)
            for done in track(ended, "lectures", total, disable=quiet):
                yield (running[done], *_shown(running[done], done))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _alone(threads: int) -> None:
    """Kernels that run beside each other share the cores."""
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(name, str(threads))


def _cells_of(notebook: Any) -> tuple[Any, float, str | None]:
    """The executed notebook, its seconds, and the report of a failure."""
    from jupyter_cache.executors.utils import single_nb_execution

    with TemporaryDirectory() as folder:
        done = single_nb_execution(notebook, folder, TIMEOUT, False, record_timing=True)
    return done.nb, done.time, done.exc_string


def _shown(page: Path, done: Future) -> tuple[Any, float]:
    notebook, seconds, report = done.result()
    if report is not None:
        raise CourseError(told(page, report))
    return notebook, seconds


def _kept(store: Any, page: Path, notebook: Any, seconds: float) -> None:
    """Into the cache, where the times of cells stand beside them: they are no part of a page."""
    from jupyter_cache.base import CacheBundleIn

    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    times = [_seconds(cell.metadata.pop("execution", {})) for cell in code]
    data = {"execution_seconds": seconds, "cells": times}
    bundle = CacheBundleIn(notebook, str(page), data=data)
    store.cache_notebook_bundle(bundle, check_validity=False, overwrite=True)


def _seconds(moments: dict[str, str]) -> float:
    """Between a cell's first message and its reply."""
    first, last = moments.get("iopub.status.busy"), moments.get("shell.execute_reply")
    if first is None or last is None:  # an empty cell
        return 0.0
    begun, ended = (datetime.fromisoformat(when.replace("Z", "+00:00")) for when in (first, last))
    return round((ended - begun).total_seconds(), 3)


def _times(store: Any, page: Path, notebook: Any) -> Iterator[Timed]:
    times = _known(store, notebook).data.get("cells", [])
    code = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    for n, (seconds, source) in enumerate(zip(times, code), 1):
        yield Timed(number(page), n, seconds, source)


def report(times: list[Timed], out: Path) -> str:
    """Writes cells.csv below `out`, a row a cell; says the whole, the slowest, and what is long."""
    table = io.StringIO()
    rows = csv.writer(table)
    rows.writerow(["lecture", "cell", "seconds", "first line"])
    for one in times:
        first = one.code.lstrip().partition("\n")[0]
        rows.writerow([one.lecture, one.cell, one.seconds, first])
    out.mkdir(parents=True, exist_ok=True)
    (out / "cells.csv").write_text(table.getvalue(), "utf-8")
    slowest = max(times, key=lambda one: one.seconds)
    long = [f"{t.lecture}.{t.cell}" for t in times if t.seconds > LONG]
    over = f"; over {LONG:.0f} s: {', '.join(long)}" if long else ""
    return (
        f"{len(times)} cells took {sum(t.seconds for t in times):.0f} s one after the other, the "
        f"slowest (lecture {slowest.lecture}, cell {slowest.cell}) {slowest.seconds:.0f} s{over}"
    )

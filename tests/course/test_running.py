"""Cells run beside each other before Sphinx asks: kept, timed, and named where they fail."""

import csv

import pytest

from pushforward_course import running, settings
from pushforward_course.failures import CourseError

pytest.importorskip("jupyter_cache")
pytest.importorskip("myst_nb")
pytest.importorskip("ipykernel")

EXTENSIONS = settings.settings(None, None, None)["myst_enable_extensions"]
HEAD = "---\nfile_format: mystnb\nkernelspec:\n  name: python3\n---\n\n# A page\n\n"
SLOW = "import time\ntime.sleep(0.5)\nprint(6 * 7)"


def page(folder, name, *codes):
    cells = "\n\n".join(f"```{{code-cell}} ipython3\n{code}\n```" for code in codes)
    (folder / name).write_text(HEAD + cells + "\n")
    return folder / name


@pytest.mark.slow
def test_what_ran_is_kept_and_timed_and_what_fails_is_named(tmp_path):
    from jupyter_cache import get_cache

    good = page(tmp_path, "03-good.md", SLOW, "7 + 1")
    bad = page(tmp_path, "04-bad.md", "1", "1 / 0")
    cache = tmp_path / "cache"
    times = running.run([good], cache, EXTENSIONS, quiet=True)
    assert [(t.lecture, t.cell, t.code) for t in times] == [(3, 1, SLOW), (3, 2, "7 + 1")]
    assert times[0].seconds >= 0.5 > times[1].seconds
    with pytest.raises(CourseError, match=r"lecture 04-bad, cell 2 failed:\n.*division by zero"):
        running.run([good, bad], cache, EXTENSIONS, quiet=True)
    bad.unlink()
    assert running.run([good], cache, EXTENSIONS, quiet=True) == times  # of the cache
    _, found = get_cache(str(cache)).merge_match_into_notebook(running._read(good, EXTENSIONS))
    shown = [cell.outputs for cell in found.cells if cell.cell_type == "code"]
    assert shown[0][0]["text"] == "42\n"
    assert shown[1][0]["data"]["text/plain"] == "8"


def test_times_are_a_table_and_what_is_long_is_said(tmp_path):
    times = [running.Timed(1, 1, 2.0, "a\nb"), running.Timed(9, 4, 61.5, "c, d")]
    said = running.report(times, tmp_path)
    assert said == (
        "2 cells took 64 s one after the other, the slowest (lecture 9, cell 4) 62 s; "
        "over 60 s: 9.4"
    )
    with (tmp_path / "cells.csv").open() as file:
        table = list(csv.reader(file))
    assert table[1:] == [["1", "1", "2.0", "a"], ["9", "4", "61.5", "c, d"]]

"""How long a sandbox takes to start, and a class of a hundred to be graded in what does not train.

python bench/grading.py [SUBMISSIONS]
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import harness

from pushforward_course.practice import batch, sandbox
from pushforward_course.practice.masters import master
from pushforward_course.practice.percent import Cell, to_percent


def start(command: list[str]) -> float:
    """Milliseconds until a command has ended."""
    before = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, stdin=subprocess.DEVNULL)
    return 1e3 * (time.perf_counter() - before)


def starts(repeats: int = 30) -> dict:
    """The walls alone (round `true`), and with the worker's Python in them."""
    whole = sandbox.command(0, sandbox.Limits())
    walls = [*whole[: whole.index(sys.executable)], "/usr/bin/true"]
    found = {"walls": walls, "worker": whole}
    return {name: median(start(command) for _ in range(repeats)) for name, command in found.items()}


def a_class(count: int) -> float:
    """Seconds for `count` submissions of homework 1's unit tasks, two at once."""
    cells = [Cell(c.text, c.markdown) for c in master("hw1").cells if "hidden" not in c.tags]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "in"
        folder.mkdir()
        for number in range(count):
            (folder / f"s{number:03}.py").write_text(f"{to_percent(cells)}\n# {number}\n")
        before = time.perf_counter()
        reports, _ = batch.graded(
            batch.Settings("hw1", ("unit",)), folder, Path(name) / "o" / "g.csv"
        )
        assert {report.total for report in reports} == {5}
        return time.perf_counter() - before


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    found = {"start, ms": starts(), "submissions": count, "seconds": a_class(count)}
    print(found)
    harness.write("grading", found)

"""What was recorded can be had again: commands name files that are there."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
RESULTS = sorted((ROOT / "results").glob("*.json"))


@pytest.mark.parametrize("file", RESULTS, ids=lambda file: file.stem)
def test_a_benchmark_names_the_script_that_made_it(file: Path) -> None:
    python, script, *parts = shlex.split(json.loads(file.read_text())["command"])
    assert python == "python"
    assert (ROOT / script).is_file(), f"{file.name} says {script}, which is not there"
    known = (ROOT / script).read_text()
    for part in parts:
        if part.startswith("-") or part.isdigit() or (ROOT / part).exists():
            continue
        assert part in known, f"{script} knows no {part}"


def test_pages_name_scripts_that_are_there() -> None:
    for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")):
        for script in re.findall(r"\bbench/\w+\.py\b", page.read_text()):
            assert (ROOT / script).is_file(), f"{page.name} names {script}"

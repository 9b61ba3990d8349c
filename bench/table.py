"""Writes docs/benchmarks.md: every ratio under results/, as it was measured.

python bench/table.py
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HEAD = """# Benchmarks

Every ratio that `bench/` measured, read from `results/*.json` by `python bench/table.py`. A ratio
says how many times less time ours took than the other side, which took turns with it in one run:
the median, and the least and most in brackets. Below 1 ours was slower.
"""


def ratios(found: dict, path: tuple[str, ...] = ()) -> Iterator[tuple[str, dict]]:
    """Every ratio in a record, with the names that lead to it."""
    for name, value in found.items():
        if name == "processor" or not isinstance(value, dict):
            continue
        if "times_faster" in value:
            yield ", ".join((*path, name)), value
        else:
            yield from ratios(value, (*path, name))


def section(file: Path) -> str:
    """A heading, where it was measured, and a table."""
    record = json.loads(file.read_text())
    about, versions = record["hardware"], record["versions"]
    packages = ", ".join(f"{k} {v}" for k, v in versions.items() if k != "python")
    where = about["gpu"] or f"{about['cpu']}, {about['torch_threads']} threads"
    lines = [f"## `{record['command']}`", "", f"{where}; {packages}; {record['when'][:10]}.", ""]
    lines += ["| what | ratio | ours, s | theirs, s |", "| --- | --- | --- | --- |"]
    for name, r in ratios(record):
        low, high = r["spread"]
        ratio = f"{r['times_faster']:.3g} ({low:.3g} to {high:.3g})"
        lines.append(f"| {name} | {ratio} | {r['our_seconds']} | {r['their_seconds']} |")
    return "\n".join(lines)


def main() -> None:
    files = sorted((ROOT / "results").glob("*.json"))
    measured = [file for file in files if any(ratios(json.loads(file.read_text())))]
    text = "\n\n".join([HEAD.strip(), *(section(file) for file in measured)]) + "\n"
    (ROOT / "docs" / "benchmarks.md").write_text(text)


if __name__ == "__main__":
    main()

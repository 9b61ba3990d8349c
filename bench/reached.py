"""Writes down what presets reached, from the results of a comparison that was run.

    pushforward compare all --out runs/all
    python bench/reached.py runs/all/results.json "2 CPU cores, one thread a model"

Every number comes from the file; src/pushforward/presets/reached.json is what presets tell of it,
in their docstrings and in `pushforward list`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

REACHED = Path(__file__).resolve().parent.parent / "src/pushforward/presets/reached.json"


def numbers(row: dict[str, Any], hardware: str) -> list[dict[str, Any]]:
    """The likelihood and the Frechet distance of a row of results.json."""
    common = {
        "minutes": round(row["train_seconds"] / 60, 2),
        "hardware": hardware,
        "seed": row["seed"],
    }
    found = []
    if row["likelihood"]:
        told = row["likelihood"]
        found.append(
            {
                "data": f"{row['data']} (test)",
                "metric": "nll",
                "value": round(told["value"], 4),
                "unit": told["unit"],
                "likelihood": told["kind"],
                **common,
            }
        )
    found.append(
        {
            "data": f"{row['data']} (test, {row['samples']} samples, {row['extractor']})",
            "metric": "Frechet distance",
            "value": round(row["frechet"], 2),
            "unit": "",
            "likelihood": "",
            **common,
        }
    )
    return found


def main(results: str, hardware: str) -> None:
    """Merges the rows of a results file into reached.json."""
    known = json.loads(REACHED.read_text()) if REACHED.exists() else {}
    for row in json.loads(Path(results).read_text()):
        known[row["preset"]] = numbers(row, hardware)
    REACHED.write_text(json.dumps(dict(sorted(known.items())), indent=1) + "\n")
    print(f"{REACHED.name}: {len(known)} presets")


if __name__ == "__main__":
    main(*sys.argv[1:3])

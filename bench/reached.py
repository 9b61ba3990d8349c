"""Writes down what presets reached, from the results of a comparison that was run.

    pushforward compare all --out runs/all
    python bench/reached.py runs/all/results.json "2 CPU cores, one thread a model"

or from those of checkpoints, which say what preset they are of:

    pushforward train vae_mnist
    pushforward evaluate runs/vae_mnist/checkpoint.safetensors --k 500 --out runs/vae_mnist/page
    python bench/reached.py runs/vae_mnist/page/results.json "2 CPU cores"

From then on `pushforward evaluate` of that preset takes 500 weights unasked. Every number comes
from the file; src/pushforward/presets/reached.json is what presets tell of it, in their docstrings
and in `pushforward list`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from pushforward.core.checkpoint import record_of
from pushforward.metrics.retrieval import SEEN as RETRIEVED

REACHED = Path(__file__).resolve().parent.parent / "src/pushforward/presets/reached.json"


def numbers(row: dict[str, Any], hardware: str) -> list[dict[str, Any]]:
    """Of a row of results.json: likelihood, Frechet distance, scores of codes and of retrieval."""
    common = {
        "minutes": round(row["train_seconds"] / 60, 2),
        "hardware": hardware,
        "seed": row["seed"],
    }
    found = []
    told = row["likelihood"] or row.get("ais")  # annealing, where only a critic tells a rate
    if told:
        some = "" if row["likelihood"] else f", {told['examples']} examples"
        found.append(
            {
                "data": f"{row['data']} (test{some})",
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
    return found + [own(score, row, common) for score in row["numbers"].values()
                    if score["extractor"] in ("code", RETRIEVED)]  # fmt: skip


def own(score: dict[str, Any], row: dict[str, Any], common: dict[str, Any]) -> dict[str, Any]:
    """A score of disentanglement or of retrieval, with what it was averaged over."""
    data = f"{row['data']} ({score['samples']} examples, {score['settings']})"
    value = round(score["value"], 3)
    return {"data": data, "metric": score["name"], "value": value, "unit": "", "likelihood": ""} | (
        common
    )


def preset_of(name: str) -> str:
    """The preset of a row: its name, or what the record of a checkpoint says."""
    if not name.endswith(".safetensors"):
        return name
    preset = record_of(name).get("preset")
    if preset is None:
        raise SystemExit(f"{name} does not say of which preset it is: train it by its name")
    return preset


def main(results: str, hardware: str) -> None:
    """Merges the rows of a results file into reached.json."""
    known = json.loads(REACHED.read_text()) if REACHED.exists() else {}
    for row in json.loads(Path(results).read_text()):
        name = preset_of(row["preset"])
        kept = [number for number in known.get(name, ()) if number["metric"] == "accuracy"]
        known[name] = kept + numbers(row, hardware)  # accuracies are of bench/classifiers.py
    REACHED.write_text(json.dumps(dict(sorted(known.items())), indent=1) + "\n")
    print(f"{REACHED.name}: {len(known)} presets")


if __name__ == "__main__":
    main(*sys.argv[1:3])

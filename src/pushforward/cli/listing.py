"""`pushforward list` and `pushforward show`: what there is."""

from __future__ import annotations

import inspect
import itertools
import json

from ..core.catalogue import preset_called, rows


def list_(as_json: bool = False) -> None:
    """Every system that is built, with its presets and the numbers that they reached.

    Args:
        as_json: as a JSON array (also --json).
    """
    catalogue = rows()
    if as_json:
        print(json.dumps(catalogue, indent=1))
        return
    for lecture, group in itertools.groupby(catalogue, key=lambda row: row["lecture"]):
        print(f"lecture {lecture}")
        for row in group:
            print(f"  {row['id']:26} {row['title']}")
            for name in row["presets"]:
                print(f"    {reached(name, row['reached'][name])}")


def reached(name: str, numbers: list[dict]) -> str:
    """A preset with its numbers, the kind beside each that is a likelihood."""
    said = []
    for r in numbers:
        kind = f" ({r['likelihood']})" if r["unit"].startswith(("nats", "bits")) else ""
        took = f"{60 * r['minutes']:.2g} s" if r["minutes"] < 1 else f"{r['minutes']:.2g} min"
        value = f"{r['value']:g} {r['unit']}".strip()
        said.append(f"{r['metric']} {value}{kind} on {r['data']} in {took}")
    return f"{name}: {'; '.join(said)}" if said else name


def show(preset: str) -> None:
    """A preset's docstring, its model and how many parameters it has.

    Args:
        preset: its name.
    """
    found = preset_called(preset)
    experiment = found.build()
    model = experiment.model
    print(f"{preset}{inspect.signature(found.build)}\n\n{inspect.getdoc(found.build)}\n")
    print(f"{model}\n")
    for name, child in model.named_children():
        print(f"{name:>20} {sum(p.numel() for p in child.parameters()):>12,}")
    print(f"{'parameters':>20} {sum(p.numel() for p in model.parameters()):>12,}")
    print(f"likelihood: {model.likelihood}; data: {experiment.data.name} {model.space}")
    print(f"{experiment.recipe}")

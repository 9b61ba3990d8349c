"""`pushforward list` and `pushforward show`: what there is."""

from __future__ import annotations

import dataclasses
import inspect
import itertools
import json
from collections.abc import Callable
from typing import Annotated, Any

from ..core import sources
from ..core.catalogue import System, Usage, nearest
from .flags import JSON, parse


def list_(lecture: int | None = None, family: str | None = None, as_json: JSON = False) -> None:
    """Every system that is built, with its presets and the numbers that they reached.

    Args:
        lecture: of the course, 1 to 13 (default: all).
        family: autoregressive, flow, latent, adversarial, score, ... (default: all).
    """
    catalogue = sources.rows(lecture, family)
    if as_json:
        print(json.dumps(catalogue, indent=1))
        return
    for number, group in itertools.groupby(catalogue, key=lambda row: row["lecture"]):
        print(f"lecture {number}")
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


@dataclasses.dataclass(frozen=True)
class Shown:
    """How a preset is shown."""

    as_json: Annotated[bool, "print JSON"] = False


def show(arguments: list[str]) -> None:
    """A preset with its model and parameters, or a system: pushforward show NAME [--knob value]."""
    told = "show what? pushforward show NAME: a preset, or a system of `pushforward list`"
    if not arguments or arguments[0].startswith("-"):
        if arguments and arguments[0] in ("-h", "--help"):
            print(told)
            return
        raise Usage(told)
    name, *flags = arguments
    system = sources.system_called(name)
    if name in sources.presets():
        _show_preset(name, *parse(name, sources.presets()[name].build, flags, Shown, "show"))
    elif system is not None:
        _show_system(system, parse(name, _nothing, flags, Shown, "show")[1])
    else:
        known = [*sources.presets(), *(system.id for system in sources.systems())]
        raise nearest(name, known, "preset or system")


def _nothing() -> None:
    """A system of the list."""


def _show_system(system: System, how: Shown) -> None:
    row = next(row for row in sources.rows() if row["id"] == system.id)
    if how.as_json:
        print(json.dumps(row, indent=1))
        return
    print(f"{system.title}\n{system.paper}\n")
    print(f"lecture {system.lecture}, {system.family}, {system.kind}: {system.file}")
    for name in row["presets"]:
        print(f"  {reached(name, row['reached'][name])}")
    if not row["presets"]:
        print("  no preset trains it alone: see its file")


def _show_preset(name: str, knobs: dict[str, Any], how: Shown) -> None:
    build = sources.presets()[name].build
    about = {"preset": name, "about": inspect.getdoc(build), "knobs": knobs}
    try:
        told = _built(name, knobs)
    except FileNotFoundError as error:
        told = {"without its data": str(error)}
    if how.as_json:
        print(json.dumps(about | {k: v for k, v in told.items() if k != "model"}, indent=1))
        return
    print(f"{name}{inspect.signature(build)}\n\n{about['about']}\n")
    print(f"{told.pop('model', '')}\n")
    for part, count in told.pop("parts", {}).items():
        print(f"{part:>20} {count:>12,}")
    for what, value in told.items():
        print(f"{what:>20} {value:>12,}" if what == "parameters" else f"{what}: {value}")


def _built(name: str, knobs: dict[str, Any]) -> dict[str, Any]:
    """What is known of a preset when it is built; large data sets are not loaded for it."""
    from ..core.catalogue import preset_called
    from ..data.specs import instead
    from ..data.standard import unloaded

    build: Callable[..., Any] = preset_called(name).build
    with instead(unloaded):
        experiment = build(**knobs)
    model = experiment.model
    return {
        "model": str(model),
        "parts": {k: _size(child) for k, child in model.named_children()},
        "parameters": _size(model),
        "likelihood": f"{model.likelihood}; data: {experiment.data.name} {model.space}",
        "recipe": str(experiment.recipe),
    }


def _size(module: Any) -> int:
    return sum(p.numel() for p in module.parameters())

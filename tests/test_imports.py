"""Who may import whom: an arrow against the order of docs/design.md fails."""

import ast
from pathlib import Path

import pytest

import pushforward

ROOT = Path(pushforward.__file__).parent
ALLOWED = {
    "core": set(),
    "nn": {"core"},
    "probability": {"core", "nn"},
    "objectives": {"core", "probability", "nn"},
    "solvers": {"core", "probability", "nn"},
    "models": {"core", "nn", "probability", "objectives", "solvers"},
    "training": {"core"},
    "data": {"core"},
    "metrics": {"core", "objectives"},
    "theory": {"core", "probability", "objectives"},
    "presets": {
        *("core", "nn", "probability", "objectives", "solvers", "models"),
        *("training", "data", "theory", "metrics"),
    },
    "laws": {"core", "training", "metrics"},
    "media": {"core", "data"},
    "pictures": {
        *("core", "nn", "models", "presets", "training", "metrics", "data", "theory", "media"),
    },
    "report": {"core", "models", "training", "metrics", "data", "media", "pictures"},
}


def imported(file: Path) -> set[str]:
    """The rooms that a file imports, absolutely or relatively."""
    here = ("pushforward", *file.relative_to(ROOT).parts)
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom):
            base = here[: -node.level] if node.level else ()
            names = [".".join([*base, *((node.module or "").split("."))]).strip(".")]
            if names == ["pushforward"]:
                names = [f"pushforward.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        found |= {n.split(".")[1] for n in names if n.startswith("pushforward.")}
    return found


def rooms():
    for file in sorted(ROOT.rglob("*.py")):
        room = file.relative_to(ROOT).parts[0].removesuffix(".py")
        if room in ALLOWED:
            yield pytest.param(file, room, id=str(file.relative_to(ROOT)))


@pytest.mark.parametrize(("file", "room"), list(rooms()))
def test_no_arrow_against_the_order(file, room):
    strange = imported(file) - ALLOWED[room] - {room}
    assert not strange, f"{room} must not import {sorted(strange)}"


def test_models_stay_in_their_family():
    """A model file imports another's only to extend or compose the paper that it extends."""
    composes = {(family, "autoregressive") for family in ("discrete", "flow", "latent")}
    composes.add(("latent", "flow"))
    for file in (ROOT / "models").rglob("*.py"):
        family = file.relative_to(ROOT / "models").parts[0]
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and node.level == 2 and node.module:
                other = node.module.split(".")[0]
                assert (family, other) in composes or other == family, f"{file}: {node.module}"

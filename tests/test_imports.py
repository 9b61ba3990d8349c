"""Who may import whom: an arrow against the order of docs/design.md fails."""

import ast
from collections.abc import Iterator
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
        *("core", "nn", "solvers", "models", "presets", "training", "metrics", "data"),
        *("theory", "media", "probability", "objectives"),
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
    for file in (ROOT / "models").glob("*/*.py"):
        family = file.relative_to(ROOT / "models").parts[0]
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and node.level == 2 and node.module:
                other = node.module.split(".")[0]
                assert (family, other) in composes or other == family, f"{file}: {node.module}"


def test_no_circles():
    """No module imports itself through others as it is loaded, nor for types alone.

    What a function imports when it is called is left out.
    """
    modules = {_name(file): file for file in ROOT.rglob("*.py")}
    later = {name: _needed(name, file, modules) for name, file in modules.items()}
    while free := [name for name, needed in later.items() if not needed & later.keys()]:
        for name in free:
            del later[name]
    assert not later, f"these need each other, or what does: {sorted(later)}"


def _name(file: Path) -> str:
    return ".".join(("pushforward", *file.relative_to(ROOT).with_suffix("").parts)).removesuffix(
        ".__init__"
    )


def _needed(name: str, file: Path, modules: dict[str, Path]) -> set[str]:
    """The modules of the library that are imported outside of functions."""
    package = name if file.name == "__init__.py" else name.rpartition(".")[0]
    found: set[str] = set()
    for node in _outside(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1]
            base = ".".join([*above, *([node.module] if node.module else [])])
            base = base if node.level else str(node.module)
            parts = {f"{base}.{alias.name}" for alias in node.names}
            found |= {part if part in modules else base for part in parts}
    return (found & modules.keys()) - {name}


def _outside(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes that are in no function."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield child
            yield from _outside(child)


def test_a_circle_would_be_found(tmp_path):
    """The walk itself, on a circle of two: one imports the other for types alone."""
    (tmp_path / "a.py").write_text("from .b import f\n")
    (tmp_path / "b.py").write_text(
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .a import g\n"
        "def f():\n    from . import c\n"
    )
    (tmp_path / "c.py").write_text("from . import a\n")
    modules = {f"p.{name}": tmp_path / f"{name}.py" for name in "abc"}
    needed = {name: _needed(name, file, modules) for name, file in modules.items()}
    assert needed == {"p.a": {"p.b"}, "p.b": {"p.a"}, "p.c": {"p.a"}}

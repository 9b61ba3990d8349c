"""Writes the stubs that tell editors and type checkers what is found when it is asked for.

    python tools/stubs.py

`pushforward/__init__.pyi` names every model, network, distribution and function of `pf.NAME`; the
stubs of `models` and `presets` name their functions. `tests/test_names.py` fails where they differ
from what this would write.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path

import pushforward
from pushforward.core.blueprint import registered, registered_names
from pushforward.core.catalogue import discover
from pushforward.core.names import FUNCTIONS, ROOMS, held_out

ROOT = Path(pushforward.__file__).parent
HEAD = "# Written by tools/stubs.py: run it again rather than change this.\n\n"


def stubs() -> dict[Path, str]:
    """The content of every stub."""
    discover()
    found = {ROOT / "__init__.pyi": HEAD + "".join(f"{line}\n" for line in _top())}
    for room in ("models", "presets"):
        lines = sorted(_imported(f"pushforward.{room}", name) for name in held_out(room))
        found[ROOT / room / "__init__.pyi"] = HEAD + "".join(f"{line}\n" for line in lines)
    return found


def _top() -> Iterator[str]:
    yield from (f"from . import {room} as {room}" for room in sorted(ROOMS))
    lines, taken = [], set(ROOMS)
    for module, name in (*_own(), *_classes(), *_functions()):
        if name not in taken:
            taken.add(name)
            lines.append(f"from .{module} import {name} as {name}")
    yield from sorted(lines)
    yield ""
    yield "__version__: str"


def _own() -> Iterator[tuple[str, str]]:
    """What the package itself holds out, beside what its rooms do."""
    for module, names in pushforward._OWN.items():
        yield from ((module, name) for name in names)


def _classes() -> Iterator[tuple[str, str]]:
    for name in (n for n in registered_names() if not n.startswith("_")):
        cls = registered(name)
        assert cls is not None
        yield cls.__module__.removeprefix("pushforward."), name


def _functions() -> Iterator[tuple[str, str]]:
    for room in FUNCTIONS:
        yield from ((room, name) for name in held_out(room))


def _imported(package: str, name: str) -> str:
    home = getattr(importlib.import_module(package), name).__module__
    return f"from {home.removeprefix(package)} import {name} as {name}"


if __name__ == "__main__":
    for path, content in stubs().items():
        path.write_text(content, encoding="utf-8")
        print(f"wrote {path.relative_to(ROOT.parent)}")

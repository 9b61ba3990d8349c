"""Source of a named object, found without running it, so that pages never hold pasted code."""

from __future__ import annotations

import ast
import importlib.util
import textwrap
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Source:
    """Lines of a file that define an object."""

    file: Path
    first: int
    text: str


def source_of(name: str, docstring: bool = False) -> Source:
    """The source of a dotted name, such as `pushforward.objectives.alpha._conjugate`.

    Raises LookupError where there is no such module or no such name in it.
    """
    file, rest = _module(name)
    return source_in(file, rest, docstring)


def source_in(file: Path, path: list[str], docstring: bool = False) -> Source:
    """The source of the object at `path` (class, then method) in a file."""
    text = file.read_text("utf-8")
    node: ast.AST = ast.parse(text)
    for part in path:
        node = _named(node, part, file)
    return _cut(file, text.splitlines(), node, docstring)


def _module(name: str) -> tuple[Path, list[str]]:
    parts = name.split(".")
    for cut in range(len(parts) - 1, 0, -1):
        try:
            spec = importlib.util.find_spec(".".join(parts[:cut]))
        except ModuleNotFoundError:
            continue
        if spec and spec.origin:
            return Path(spec.origin), parts[cut:]
    raise LookupError(f"{name}: no module of that name")


def _named(node: ast.AST, name: str, file: Path) -> ast.AST:
    for child in getattr(node, "body", []):
        if getattr(child, "name", None) == name or name in _targets(child):
            return child
    raise LookupError(f"{file.name} defines no {name}")


def _targets(node: ast.AST) -> list[str]:
    found = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    return [target.id for target in found if isinstance(target, ast.Name)]


def _cut(file: Path, lines: list[str], node: ast.AST, docstring: bool) -> Source:
    decorators = getattr(node, "decorator_list", [])
    first = min([getattr(node, "lineno", 1), *(d.lineno for d in decorators)])
    last = getattr(node, "end_lineno", len(lines))
    gone = set() if docstring else _docstring(node)
    kept = [line for n, line in enumerate(lines[first - 1 : last], first) if n not in gone]
    return Source(file, first, textwrap.dedent("\n".join(kept)))


def _docstring(node: ast.AST) -> set[int]:
    body = getattr(node, "body", None)
    if not isinstance(node, ast.FunctionDef | ast.ClassDef) or not body or len(body) < 2:
        return set()
    start = body[0]
    if not (isinstance(start, ast.Expr) and isinstance(start.value, ast.Constant)):
        return set()
    return set(range(start.lineno, (start.end_lineno or start.lineno) + 1))

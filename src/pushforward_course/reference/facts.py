"""What each system has, seen on its smallest example: nothing here is typed by hand."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from pushforward.core.catalogue import Example

from .pages import kept

WORDS = "of its smallest example, untrained"


@dataclass(frozen=True)
class Facts:
    """Kind of likelihood, whether x can be encoded, and what one sample costs."""

    likelihood: str
    latent: str
    operations: int

    def __str__(self) -> str:
        cost = f"{self.operations} operations of torch to draw one datum"
        return f"likelihood: {self.likelihood}; latent: {self.latent}; {cost}"


def facts(cache: Path) -> dict[str, Facts]:
    """The facts of every system that has an example, kept in a file until the library changes."""
    if not cache.exists():
        kept(cache, json.dumps({name: asdict(found) for name, found in _all().items()}))
    return {name: Facts(**found) for name, found in json.loads(cache.read_text("utf-8")).items()}


def _all() -> dict[str, Facts]:
    from pushforward.core.catalogue import examples
    from pushforward.core.sources import systems

    homes = {example.build.__module__: example for example in reversed(examples().values())}
    found = {}
    for system in systems():
        module = system.file.removeprefix("src/").removesuffix(".py").replace("/", ".")
        if module in homes:
            found[system.id] = seen(homes[module])
    return found


def seen(example: Example) -> Facts:
    """What an example of the catalogue has."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = example.build()
        return Facts(str(model.likelihood), latent(model), operations(model))


def latent(model: Any) -> str:
    """How x is told in short: by an encoder, as codes, as noise that x is a function of."""
    from pushforward.core.contract import Latent, Pushforward

    if isinstance(model, Latent):
        return "encoder"
    if isinstance(model, Pushforward):
        return "noise"
    return "codes" if callable(getattr(model, "encode", None)) else "none"


def operations(model: Any) -> int:
    """How many operations torch runs to draw one datum, whatever is kept between its steps."""
    model.eval()
    with Counting() as counting:
        model.sample(1, *_told(model.given))
    return counting.run


class Counting(TorchDispatchMode):
    """Counts what torch runs, under autograd and modules alike."""

    def __init__(self) -> None:
        super().__init__()
        self.run = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Runs it, and counts it."""
        self.run += 1
        return func(*args, **(kwargs or {}))


def _told(given: Any) -> list[torch.Tensor]:
    """Conditions of one datum for a model that is told something: the first label, zeros."""
    from pushforward.core.given import spaces_of
    from pushforward.core.spaces import Pixels, Reals

    types = {Reals: torch.float32, Pixels: torch.uint8}
    told = spaces_of(given)
    return [torch.zeros(1, *s.shape, dtype=types.get(type(s), torch.int64)) for s in told]

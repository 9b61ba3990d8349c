"""How much a file may ask for: its blueprint is built under a watch that knows its weights.

A header is quickly written, and its digest can be right: `width: 10**9` must not fill the memory
before somebody notices that the file holds three numbers. So what constructors ask for is counted
before there is memory for it: the numbers of tensors, the modules, and the whole numbers that they
are told.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor
from torch.nn.modules.module import register_module_module_registration_hook
from torch.utils._python_dispatch import TorchDispatchMode

from .values import BlueprintError

SLACK = 2**24
"""Numbers that a blueprint may ask for whatever its file holds: 64 MiB of float32."""
TIMES = 8
"""How often what the file holds: weights are drawn, and masks and orders made beside them."""
MODULE = 2**10  # numbers that a module is worth, since it costs time as well
DEPTH = 200  # lists and modules that lie in each other


class Limits:
    """What may be asked for where a file holds so many `numbers`."""

    def __init__(self, numbers: int):
        self.numbers, self.most = numbers, max(TIMES * numbers, SLACK)
        self.asked = 0

    def once(self, numbers: int) -> None:
        """Raises BlueprintError where so many at a time are far more than the file holds."""
        if numbers > self.most:
            self._refuse(numbers)

    def add(self, numbers: int) -> None:
        """The same of all that was added."""
        self.asked += numbers
        self.once(self.asked)

    def _refuse(self, numbers: int) -> None:
        raise BlueprintError(
            f"its networks ask for {numbers:,} numbers, but its file holds {self.numbers:,}"
        )

    def check(self, node: Any, depth: int = 0) -> None:
        """Raises BlueprintError for whole numbers beyond what is allowed, and lists in lists in
        lists; a seed may be any.
        """
        if depth > DEPTH:
            raise BlueprintError(f"it holds more than {DEPTH} parts in each other")
        if type(node) is int:
            self.once(abs(node))
        elif isinstance(node, dict | list):
            pairs = node.items() if isinstance(node, dict) else enumerate(node)
            for key, item in pairs:
                if key != "seed":
                    self.check(item, depth + 1)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Within it, tensors and modules are counted, and refused before there are too many."""
        handle = register_module_module_registration_hook(lambda *_: self.add(MODULE))
        try:
            with _Counting(self):
                yield
        finally:
            handle.remove()


class _Counting(TorchDispatchMode):
    """Looks at what every operation would make, before it does."""

    def __init__(self, limits: Limits):
        super().__init__()
        self.limits = limits

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        options = kwargs or {}
        if str(options.get("device")) != "meta":
            if (made := _made(func, args)) is not None:
                self.limits.add(made)
            self.limits.once(_broadcast(args))
        return func(*args, **options)


_SIZED = {"empty", "zeros", "ones", "rand", "randn", "full", "empty_strided"}
_NEW = {"new_empty", "new_zeros", "new_ones", "new_full", "new_empty_strided", "repeat"}


def _made(func: Any, args: tuple) -> int | None:
    """How many numbers an operation makes of nothing; None for one that does not."""
    name = func.overloadpacket.__name__
    match name, args:
        case (("arange" | "eye" | "randperm" | "linspace" | "randint" | "randint_like"), _):
            whole = [int(a) for a in args if isinstance(a, int | float) and math.isfinite(a)]
            sizes = [math.prod(a) for a in args if isinstance(a, list | tuple)]
            if name == "eye":
                return math.prod(whole) if len(whole) > 1 else (whole[0] if whole else 0) ** 2
            return max((*sizes, *map(abs, whole), 0)) if name != "randint" else max((*sizes, 0))
        case _, [size, *_] if name in _SIZED:
            return math.prod(size)
        case _, [Tensor() as x, size, *_] if name in _NEW:
            return math.prod(size) * (x.numel() if name == "repeat" else 1)
    return None


def _broadcast(args: tuple) -> int:
    """How many numbers the tensors among an operation's arguments make when they are joined."""
    shapes = [a.shape for a in args if isinstance(a, Tensor)]
    if len(shapes) < 2:
        return 0
    dims = max(map(len, shapes))
    padded = [(1,) * (dims - len(shape)) + tuple(shape) for shape in shapes]
    return math.prod(max(sizes) for sizes in zip(*padded))

"""One player's moves: the only place where a gradient is taken and a weight changes."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from ..core.contract import Player, Terms
from ..core.dataset import Batch
from ..core.shares import Noise, Share, part_of, uneven
from .gradients import Gradients
from .recipe import Recipe


class Mover:
    """Makes a player's moves by its loss or its update, over its own parameters alone.

    `stage` is the name of the stage, for which the recipe may have a learning rate of its own. Who
    moves the module of another mover (`other`), such as a lazy regulariser, moves it by the
    optimiser of that one: two with moments of their own would undo how a step weighs their losses.
    Raises ValueError for a player that has a loss and nothing to train.
    """

    def __init__(self, player: Player, recipe: Recipe, stage: str = "", other: Mover | None = None):
        self.player, self.recipe, self.shares = player, recipe, other is not None
        self.parameters = [p for p in player.module.parameters() if p.requires_grad]
        self.optimizer: torch.optim.Optimizer | None = None
        self.loss: Callable[..., Terms] | None = None
        self.lr = 0.0
        if player.loss is None:
            return
        if not self.parameters:
            raise ValueError(f"player {player.name!r} has a loss, but no parameter to train")
        self.loss = _compiled(player.loss) if recipe.compile else player.loss
        self.gradients = Gradients(self.parameters)
        if other is not None:
            self.optimizer, self.lr = other.optimizer, other.lr
            return
        description = recipe.optimizer_of(player.name, stage)
        self.optimizer = description.build(self.parameters)
        self.lr = description.lr

    def move(self, batch: Batch, factor: float) -> Terms:
        """One move on `batch` with the learning rate times `factor`; the mean of each term."""
        if self.optimizer is None:
            assert self.player.update is not None
            with torch.no_grad():
                return _means(self.player.update(*batch))
        terms = self._step(batch, factor)
        if self.player.project is not None:
            with torch.no_grad():
                self.player.project()
        return terms

    def _step(self, batch: Batch, factor: float) -> Terms:
        assert self.optimizer is not None
        for group in self.optimizer.param_groups:
            group["lr"] = self.lr * factor
        terms = self._gradient(batch)
        if self.recipe.clip is not None:
            torch.nn.utils.clip_grad_norm_(self.parameters, self.recipe.clip)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return terms

    def _gradient(self, batch: Batch) -> Terms:
        if self.recipe.accumulate == 1:
            return self._backward(batch, 1.0)
        sums: Terms = {}
        n = len(batch[0])
        parts = min(n, self.recipe.accumulate)
        noise = Noise(batch[0].device)
        for i in range(parts):
            rows, last = part_of(n, i, parts), i == parts - 1
            with self._part(rows, n, noise):
                part = tuple(t[rows] for t in batch)
                for name, mean in self._backward(part, len(part[0]) / n, not last).items():
                    sums[name] = sums.get(name, 0) + mean
        return sums

    @contextmanager
    def _part(self, rows: slice, n: int, noise: Noise) -> Iterator[None]:
        """Within it losses of some rows have the noise that they have in the whole batch."""
        if self.recipe.compile:  # its draws cannot be told
            yield
            return
        noise.again()
        with Share(rows, n):
            yield

    def _backward(self, batch: Batch, weight: float, later: bool = False) -> Terms:
        means = self.terms(batch)
        if weight < 1:
            means = {name: mean * weight for name, mean in means.items()}
        total = functools.reduce(torch.add, means.values())
        # Naming the inputs isolates the players: nobody else's gradients are touched.
        with self.gradients.averaging(later):
            (total * uneven()).backward(inputs=self.parameters)
        return {name: mean.detach() for name, mean in means.items()}

    def terms(self, batch: Batch) -> Terms:
        """The mean of each term of the loss on `batch`, as float32 scalars that carry gradients."""
        assert self.loss is not None
        if not self.recipe.bf16:
            return _means(self.loss(*batch))
        with torch.autocast(batch[0].device.type, torch.bfloat16):
            return _means(self.loss(*batch))


def movers(players: tuple[Player, ...], recipe: Recipe, stage: str) -> list[Mover]:
    """A mover for each player. Who moves an earlier one's module shares that one's optimiser,
    where the recipe names none for it.
    """
    made: list[Mover] = []
    for player in players:
        own = player.loss is None or player.name in recipe.optimizers
        moved = (m for m in made if m.optimizer is not None and m.player.module is player.module)
        made.append(Mover(player, recipe, stage, None if own else next(moved, None)))
    return made


def _compiled(loss: Callable[..., Terms]) -> Callable[..., Terms]:
    """The same numbers, quicker: noise is drawn by torch's own generator there too."""
    return torch.compile(loss, options={"fallback_random": True})


def _means(terms: Terms) -> Terms:
    # Half precision is summed in float32, float64 stays.
    return {name: _widened(term).mean() for name, term in terms.items()}


def _widened(term: Tensor) -> Tensor:
    return term.float() if term.dtype in (torch.bfloat16, torch.float16) else term

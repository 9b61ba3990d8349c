"""A generative classifier: one density for each class, and Bayes' rule.

    p(y | x) = p(x | y) p(y) / sum_k p(x | k) p(k),        p(x) = sum_k p(x | k) p(k)

Every class is learned alone, from its own examples: no class knows of another, and what decides is
which of them explains x best. The sum below the line, which a discriminative classifier never
computes, says how likely x is at all: where it is low, no answer should be trusted.

Ng, Jordan (2001), "On discriminative vs. generative classifiers"; Tomczak (2022), "Deep generative
modeling", section 1.1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from ...core.catalogue import system
from ...core.contract import Density, Player, Terms
from ...core.shares import number, total
from ...core.spaces import Labels

system(
    "generative-classifier",
    lecture=1,
    title="Generative classifier: class-conditional densities and Bayes' rule",
    paper="Ng, Jordan (2001), On discriminative vs. generative classifiers",
)


class LabelCounts(nn.Module):
    """p(y) by counting, with Laplace's rule."""

    def __init__(self, classes: int):
        super().__init__()
        # A parameter, so that it belongs to a player; it moves by counting, not by gradient.
        self.counts = nn.Parameter(torch.zeros(classes), requires_grad=False)

    def forward(self) -> Tensor:
        """Log p(y), (classes,)."""
        return ((self.counts + 1) / (self.counts + 1).sum()).log()

    def count(self, x: Tensor, y: Tensor) -> Terms:
        """Adds a batch of labels; returns {"nll": (batch,)} in nats."""
        self.counts.add_(total(torch.bincount(y, minlength=len(self.counts))))
        return {"nll": -self()[y]}


class GenerativeClassifier(Density):
    """Any densities of one space, the k-th of class k, trained by their own players.

    It is told a class; without one, or for the class "unknown", it is the mixture p(x) of all.

    Args:
        densities: one for each class. They learn in one stage each.

    Raises ValueError for fewer than two, for different spaces, or for one that learns in stages.
    """

    def __init__(self, densities: Sequence[Density]):
        if len(densities) < 2 or any(d.space != densities[0].space for d in densities):
            spaces = [str(d.space) for d in densities]
            raise ValueError(f"two densities or more of one space are needed, not {spaces}")
        if any(len(d.stages()) > 1 for d in densities):
            raise ValueError("a class-conditional density must learn in a single stage")
        super().__init__(densities[0].space, Labels(len(densities), unknown=True))
        self.densities = nn.ModuleList(densities)
        self.labels = LabelCounts(len(densities))

    def players(self) -> tuple[Player, ...]:
        """The players of every class, each shown its own examples, and who counts the labels."""
        own = [
            Player(
                f"class {k} {p.name}", p.module, *self._shown(k, p), turns=p.turns, every=p.every
            )
            for k, density in enumerate(self._classes())
            for p in density.players()
        ]
        return (*own, Player("labels", self.labels, update=self.labels.count))

    def _classes(self) -> list[Density]:
        return list(self.densities)  # type: ignore[arg-type]

    def _shown(self, k: int, player: Player) -> tuple[Callable | None, Callable | None]:
        def move(x: Tensor, y: Tensor) -> Terms:
            mine = y == k
            if n := number(x[mine]):
                terms = (player.loss or player.update)(x[mine])  # type: ignore[misc]
                # The mean over the class, where processes hold different shares of it.
                weight = number(y) / n / max(1, len(y))
                return {k: t.sum() * weight if t.dim() else t for k, t in terms.items()}
            # A batch without the class: nothing to learn, but a term that has a gradient.
            learned = list(player.module.parameters())
            zero = learned[0].new_zeros(())
            return {"nll": sum((p.sum() * 0 for p in learned if p.requires_grad), zero)}

        return (move, None) if player.loss else (None, move)

    def log_joint(self, x: Tensor) -> Tensor:
        """Log p(x, y) for every class, (batch, classes) in nats."""
        return torch.stack([d.log_prob(x) for d in self._classes()], 1) + self.labels()

    def classify(self, x: Tensor) -> Tensor:
        """Log p(y | x) for every class, (batch, classes)."""
        return self.log_joint(x).log_softmax(1)

    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Log p(x | y), or log p(x) where the class is unknown: (batch,) in nats."""
        assert y is not None, "the contract puts the unknown class in the place of none"
        scores = torch.stack([d.log_prob(x) for d in self._classes()], 1)
        mixture = (scores + self.labels()).logsumexp(1)
        return torch.cat([scores, mixture[:, None]], 1).gather(1, y[:, None])[:, 0]

    def sample(self, n: int, y: Tensor | None = None) -> Tensor:
        """`n` data of the classes y (n,), those that are unknown drawn from p(y)."""
        assert y is not None, "the contract puts the unknown class in the place of none"
        drawn_y = torch.multinomial(self.labels().exp(), n, replacement=True)
        y = torch.where(y == len(self.densities), drawn_y, y)
        drawn = [d.sample(int((y == k).sum()) or 1) for k, d in enumerate(self._classes())]
        x = torch.empty(n, *self.space.shape, dtype=drawn[0].dtype, device=drawn[0].device)
        for k, own in enumerate(drawn):
            x[y == k] = own[: int((y == k).sum())]
        return x

"""Which convergence follows from which: KL, then JSD and TV, then W1.

    W1(p, q) <= diameter TV,    TV <= sqrt(2 JSD),    JSD <= log 2 TV,    TV <= sqrt(KL / 2)

So what converges in KL does so in TV, as much in TV as in JSD, and then in W1. None can be turned
round: intervals that come nearer have JSD -> 0 while KL stays infinite, and parallel lines have
W1 -> 0 while JSD stays at log 2 (`disjoint_supports`). Whoever learns by a weaker distance sees
convergence where a stronger one sees nothing, and so a slope to go by.

The first: a coupling leaves all mass that p and q share where it is, and moves TV over the diameter
at most. The second is Pinsker's inequality for both halves of the JSD, to whose mixture p and q are
TV / 2 away. The third: the JSD is linear in what the two do not share, at most. The fourth is
Pinsker's own.

Wasserstein GAN (Arjovsky, Chintala and Bottou, 2017), arXiv:1701.07875, theorem 2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from pushforward.core.catalogue import system
from pushforward.objectives import checks
from pushforward.objectives.f_divergences import JENSEN_SHANNON, KL, TOTAL_VARIATION
from pushforward.objectives.transport import transport_plan

system(
    "order-of-topologies",
    lecture=9,
    kind="theory",
    title="Order of the topologies: W1 is weaker than JSD and TV, these than KL",
    paper="Arjovsky, Chintala, Bottou (2017), arXiv:1701.07875, theorem 2",
)


@dataclass(frozen=True)
class Distances:
    """Four distances of two distributions, and the diameter of the points that they live on."""

    wasserstein1: float
    total_variation: float
    jensen_shannon: float
    kl: float
    diameter: float

    def bounds(self) -> dict[str, tuple[float, float]]:
        """Each inequality by its name: its left side, and the right side that it cannot exceed."""
        return {
            "W1 <= diameter TV": (self.wasserstein1, self.diameter * self.total_variation),
            "TV <= sqrt(2 JSD)": (self.total_variation, math.sqrt(2 * self.jensen_shannon)),
            "JSD <= log 2 TV": (self.jensen_shannon, math.log(2) * self.total_variation),
            "TV <= sqrt(KL / 2)": (self.total_variation, math.sqrt(self.kl / 2)),
        }


def ordered_distances(p: Tensor, q: Tensor, cost: Tensor) -> Distances:
    """The distances of probabilities p and q (K,) on points whose distances are `cost` (K, K).

    Raises ValueError for what is no probability vector, and for other shapes.
    """
    checks.transport_problem(cost, p, q)
    p, q, cost = p.double(), q.double(), cost.double()
    plan = transport_plan(cost, p, q)
    return Distances(
        wasserstein1=(plan * cost).sum().item(),
        total_variation=TOTAL_VARIATION.discrete(p, q).item(),
        jensen_shannon=max(0.0, JENSEN_SHANNON.discrete(p, q).item()),
        kl=max(0.0, KL.discrete(p, q).item()),
        diameter=cost[torch.as_tensor(p + q > 0)][:, p + q > 0].max().item(),
    )

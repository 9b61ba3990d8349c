"""A picture of how the errors of samplers fall with the calls of the network that they make."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ..core.spaces import count
from ..solvers.diffusion import Level
from ..solvers.known import KnownMixture, two_bumps
from ..solvers.samplers import DDIM, DPMSDE, Adaptive, DPMSolverPP, HeunSampler, Stepped, UniPC
from .gallery import picture
from .shown import blank

if TYPE_CHECKING:
    from .notebook import Sheet

BUDGETS = (6, 10, 20, 40, 80, 160, 320)


@dataclass(frozen=True)
class Kind:
    """A sampler of the probability flow: how it is built, the order of its paper, calls a step."""

    build: Callable[[int], Stepped]
    order: int
    each: int = 1

    def steps(self, calls: int) -> int:
        """How many steps so many calls buy; the last, to no noise, costs one."""
        return (calls + self.each - 1) // self.each


KINDS = {
    "DDIM": Kind(DDIM, 1),
    "Heun": Kind(HeunSampler, 2, 2),
    "DPM-Solver++ 2S": Kind(lambda n: DPMSDE(n, eta=0.0), 2, 2),
    "DPM-Solver++ 2M": Kind(DPMSolverPP, 2),
    "DPM-Solver++ 3M": Kind(lambda n: DPMSolverPP(n, 3), 3),
    "UniPC 1": Kind(lambda n: UniPC(n, 1), 2),
    "UniPC 2": Kind(lambda n: UniPC(n, 2), 3),
    "UniPC 3": Kind(UniPC, 4),
}


@picture
def draw(points: int = 64, seed: int = 0) -> Sheet:
    """Distance to where the probability flow of a known mixture leads, over calls, in the plane.

    No network errs here: what is seen is the solvers' alone. The slope is their order.
    """
    found = errors(count("points", points), seed)
    figure = blank(6.4, 4.2)
    axes = figure.subplots()
    for name, (calls, values) in found.items():
        label = f"{name}: {order_of(calls, values):.2f} ({KINDS[name].order})"
        axes.plot(calls, values, marker="o", markersize=3, label=label)
    axes.set(
        xscale="log",
        yscale="log",
        xlabel="calls of the denoiser",
        ylabel="root mean square error",
    )
    axes.legend(title="sampler: slope (order)", fontsize=7)
    return figure


def errors(points: int = 64, seed: int = 0) -> dict[str, tuple[list[int], list[float]]]:
    """Calls made, and the error, of every sampler of KINDS for the BUDGETS."""
    process = two_bumps()
    z = torch.randn(points, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    truth = Adaptive(10, rtol=1e-11, atol=1e-11)(process, process.most * z)
    return {name: _of(kind, process, z, truth) for name, kind in KINDS.items()}


def _of(
    kind: Kind, process: KnownMixture, z: Tensor, truth: Tensor
) -> tuple[list[int], list[float]]:
    calls, values = [], []
    for budget in BUDGETS:
        counted = Counted(process)
        end = kind.build(kind.steps(budget))(counted, process.most * z)
        calls.append(len(counted.asked))
        values.append((end - truth).square().sum(1).mean().sqrt().item())
    return calls, values


@dataclass
class Counted:
    """A process that notes where its denoiser was asked."""

    process: KnownMixture
    asked: list[Level] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.process, name)

    def denoise(self, x: Tensor, level: Level) -> Tensor:
        """E[x_0 | x_t = x]."""
        self.asked.append(level)
        return self.process.denoise(x, level)


def order_of(calls: Sequence[int], values: Sequence[float]) -> float:
    """The slope between the two largest budgets."""
    return math.log(values[-2] / values[-1]) / math.log(calls[-1] / calls[-2])

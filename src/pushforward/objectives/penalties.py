"""Penalties on a critic's slope: what keeps it from being sure where it has seen nothing.

    w E (|grad f(u)| - k)^2        or        w / 2 E |grad f(u)|^2

They differ in where the slope is measured and what it should be:

| penalty | u | slope |
|---|---|---|
| GradientPenalty | between a real datum and a fake | 1 |
| ZeroCentred | between a real datum and a fake | 0 |
| DRAGAN | a real datum and noise | 1 |
| R1 | a real datum | 0 (halved) |
| R2 | a fake | 0 (halved) |

Any of them goes with any loss and any network without normalisation over the batch, which would
make a slope one of all data together.

GradientPenalty: Gulrajani et al. (2017), arXiv:1704.00028, eq. 3. ZeroCentred: Thanh-Tung, Tran and
Venkatesh (2019), arXiv:1902.03984, eq. 9. DRAGAN: Kodali et al. (2017), arXiv:1705.07215, algorithm
1, with noise as in its authors' code. R1, R2: Mescheder, Geiger and Nowozin (2018),
arXiv:1801.04406, eqs. 9-10.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Protocol

import torch
from torch import Tensor, nn

from ..core.blueprint import record
from ..core.shares import whole
from .adversarial import between, gradient_norm

Critic = Callable[[Tensor], Tensor]


class Penalty(Protocol):
    """What is added to a critic's loss, under its name."""

    @property
    def name(self) -> str:
        """The name of the term."""

    def __call__(self, critic: Critic, real: Tensor, fake: Tensor) -> Tensor:
        """The term (batch,), of scores `critic(x)` (batch,) and data as the critic sees them."""


@dataclass(frozen=True)
class SlopePenalty:
    """weight E (|grad f(u)| - slope)^2 at the points u of a subclass."""

    weight: float = 10.0
    name: ClassVar[str] = "penalty"
    slope: ClassVar[float] = 0.0

    def __post_init__(self) -> None:
        if not 0 < self.weight < float("inf"):
            raise ValueError(f"the weight of a penalty must be positive, not {self.weight!r}")

    def at(self, real: Tensor, fake: Tensor) -> Tensor:
        """Where the slope is measured, (batch, ...)."""
        raise NotImplementedError(f"{type(self).__name__} must say where in `at`")

    def __call__(self, critic: Critic, real: Tensor, fake: Tensor) -> Tensor:
        """The term, (batch,)."""
        return self.weight * (gradient_norm(critic, self.at(real, fake)) - self.slope) ** 2


@record
@dataclass(frozen=True)
class GradientPenalty(SlopePenalty):
    """Slopes of one on lines between data and fakes: what the best 1-Lipschitz critic has."""

    slope: ClassVar[float] = 1.0

    def at(self, real: Tensor, fake: Tensor) -> Tensor:
        """A point on each line."""
        return between(real, fake)


@record
@dataclass(frozen=True)
class ZeroCentred(SlopePenalty):
    """Slopes of zero on lines between data and fakes: the critic should not overfit either."""

    name: ClassVar[str] = "zero_centred"

    def at(self, real: Tensor, fake: Tensor) -> Tensor:
        """A point on each line."""
        return between(real, fake)


@record
@dataclass(frozen=True)
class DRAGAN(SlopePenalty):
    """Slopes of one around the data: x + spread std(x) v, v uniform on [0, 1]^dims."""

    spread: float = 0.5
    name: ClassVar[str] = "dragan"
    slope: ClassVar[float] = 1.0

    def at(self, real: Tensor, fake: Tensor) -> Tensor:
        """The data, moved: std is over all numbers of the batch."""
        return real + self.spread * whole(real).std() * torch.rand_like(real)


@record
@dataclass(frozen=True)
class R1(SlopePenalty):
    """weight / 2 |grad f|^2 at data: where the model is right, the critic should be flat."""

    name: ClassVar[str] = "r1"

    def at(self, real: Tensor, fake: Tensor) -> Tensor:
        """The data."""
        return real

    def __call__(self, critic: Critic, real: Tensor, fake: Tensor) -> Tensor:
        """The term, (batch,)."""
        return super().__call__(critic, real, fake) / 2


@record
@dataclass(frozen=True)
class R2(R1):
    """weight / 2 |grad f|^2 at fakes."""

    name: ClassVar[str] = "r2"

    def at(self, real: Tensor, fake: Tensor) -> Tensor:
        """The fakes."""
        return fake


def normalised_over_batch(net: nn.Module) -> bool:
    """Whether a network treats the data of a batch together: slopes of one are then no slopes."""
    kinds = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)
    return any(isinstance(module, kinds) for module in net.modules())

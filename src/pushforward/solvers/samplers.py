"""Which sampler a diffusion uses, and where it steps, as a record that a checkpoint can hold.

    >>> DDIM(steps=20, spacing=Karras())
    DDIM(steps=20, spacing=Karras(rho=7.0), eta=0.0)

Each is called with (process, x), where `x` is noise of the process's first level: a function of
`diffusion`, `multistep`, `single_step` or `langevin` with its options. Any of them samples any
diffusion, whatever its network was trained to predict.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, field

from torch import Tensor

from ..core.blueprint import record
from ..core.spaces import count
from .diffusion import Churn, Ladder, Level, Process, ancestral, ddim, heun, predictor_corrector
from .langevin_steps import annealed_langevin
from .multistep import dpm_solver_pp, unipc
from .single_step import adaptive_ode, dpm_sde
from .spacing import EvenTimes, Karras, Listed, LogSNR, Spacing


@dataclass(frozen=True)
class Stepped(ABC):
    """A number of steps (None: all of the process's), and where they lie (None: its own levels)."""

    steps: int | None = None
    spacing: Spacing | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        if self.steps is not None:
            count("steps", self.steps)

    @property
    def draws(self) -> bool:
        """Whether noise is drawn on the way."""
        return True

    def levels(self, process: Ladder) -> list[Level]:
        """Where it steps: from noise to data."""
        if self.spacing is None:
            return list(process.levels(self.steps))
        return self.spacing.levels(process, self.steps)

    def __call__(self, process: Process, x: Tensor) -> Tensor:
        """Data from the noise `x` of the process's first level."""
        levels, top = self.levels(process), process.levels(1)[0]
        return self.solve(process, x * (levels[0].sigma / top.sigma), levels)

    @abstractmethod
    def solve(self, process: Process, x: Tensor, levels: list[Level]) -> Tensor:
        """Data from the noise `x` of the first of `levels`."""


def _above(name: str, value: float) -> None:
    if not 0 < value < math.inf:
        raise ValueError(f"{name} must be a positive number, not {value!r}")


def _share(name: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise ValueError(f"{name} must be in [0, 1], not {value!r}")


@record
@dataclass(frozen=True)
class Ancestral(Stepped):
    """Steps of the reverse chain itself."""

    def solve(self, process: Process, x: Tensor, levels: list[Level]) -> Tensor:
        """Data from the noise `x`."""
        return ancestral(process, x, levels)


@record
@dataclass(frozen=True)
class PredictorCorrector(Stepped):
    """Ancestral steps with Langevin corrections of signal-to-noise ratio `snr`."""

    steps: int | None = 500
    corrections: int = 1
    snr: float = 0.16

    def __post_init__(self) -> None:
        super().__post_init__()
        count("corrections", self.corrections, 0)
        _above("snr", self.snr)

    def solve(self, process: Process, x: Tensor, levels: list[Level]) -> Tensor:
        """Data from the noise `x`."""
        return predictor_corrector(process, x, levels, self.corrections, self.snr)


@record
@dataclass(frozen=True)
class AnnealedLangevin(Stepped):
    """`each` Langevin steps at every level of noise, of size `step` at the least noise."""

    each: int = 100
    step: float = 1e-5

    def __post_init__(self) -> None:
        super().__post_init__()
        count("each", self.each)
        _above("step", self.step)

    def solve(self, process: Process, x: Tensor, levels: list[Level]) -> Tensor:
        """Data from the noise `x`."""
        return annealed_langevin(process, x, levels, self.each, self.step)


@record
@dataclass(frozen=True)
class DDIM(Stepped):
    """Deterministic at `eta` = 0; at 1 as noisy as ancestral sampling (Euler-ancestral)."""

    steps: int | None = 50
    eta: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        _share("eta", self.eta)

    @property
    def draws(self) -> bool:
        """Whether noise is drawn on the way."""
        return self.eta > 0

    def solve(self, process: Process, x: Tensor, levels: list[Level]) -> Tensor:
        """Data from the noise `x`."""
        return ddim(process, x, levels, self.eta)


@record
@dataclass(frozen=True)
class HeunSampler(Stepped):
    """Second order: two evaluations of the denoiser a step; with `churn`, EDM's algorithm 2.

    Args:
        steps: N.
        churn: S_churn, 0 for the ODE.
        churn_least, churn_most: the noise levels between which noise is added.
        churn_std: of the noise that is added, S_noise.
    """

    steps: int | None = 18
    churn: float = 0.0
    churn_least: float = 0.0
    churn_most: float = math.inf
    churn_std: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("churn", "churn_least", "churn_std"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be a number of at least 0, not {self!r}")
        if not self.churn_least < self.churn_most:
            raise ValueError(f"churn_least must be below churn_most, not {self!r}")

    @property
    def draws(self) -> bool:
        """Whether noise is drawn on the way."""
        return self.churn > 0

    def solve(self, process: Process, x: Tensor, levels: list[Level]) -> Tensor:
        """Data from the noise `x`."""
        churn = Churn(self.churn, self.churn_least, self.churn_most, self.churn_std)
        return heun(process, x, levels, churn)


@record
@dataclass(frozen=True)
class DPMSolverPP(Stepped):
    """DPM-Solver++ (2M, or 3M), one evaluation a step; `eta` = 1 solves the SDE.

    `order` = 1 with `eta` = 0 is DDIM.
    """

    steps: int | None = 20
    order: int = 2
    eta: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        _order(self.order)
        _share("eta", self.eta)

    @property
    def draws(self) -> bool:
        """Whether noise is drawn on the way."""
        return self.eta > 0

    def solve(self, process: Process, x: Tensor, levels: list[Level]) -> Tensor:
        """Data from the noise `x`."""
        return dpm_solver_pp(process, x, levels, self.order, self.eta)


@record
@dataclass(frozen=True)
class DPMSDE(Stepped):
    """DPM-Solver++ (SDE): two evaluations a step; `eta` = 0 is the ODE (2S)."""

    steps: int | None = 20
    eta: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        _share("eta", self.eta)

    @property
    def draws(self) -> bool:
        """Whether noise is drawn on the way."""
        return self.eta > 0

    def solve(self, process: Process, x: Tensor, levels: list[Level]) -> Tensor:
        """Data from the noise `x`."""
        return dpm_sde(process, x, levels, self.eta)


@record
@dataclass(frozen=True)
class UniPC(Stepped):
    """UniPC: a predictor of `order`, corrected to one more, at one evaluation a step."""

    steps: int | None = 10
    order: int = 3

    def __post_init__(self) -> None:
        super().__post_init__()
        _order(self.order)

    @property
    def draws(self) -> bool:
        """Whether noise is drawn on the way."""
        return False

    def solve(self, process: Process, x: Tensor, levels: list[Level]) -> Tensor:
        """Data from the noise `x`."""
        return unipc(process, x, levels, self.order)


@record
@dataclass(frozen=True)
class Adaptive(Stepped):
    """The probability flow to a tolerance, in as many evaluations as that takes.

    `steps` and `spacing` say no more than where it ends: on their last noisy level.
    """

    rtol: float = 1e-3
    atol: float = 1e-3

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (self.rtol >= 0 and self.atol > 0):
            raise ValueError(f"tolerances must be positive, not {self.rtol} and {self.atol}")

    @property
    def draws(self) -> bool:
        """Whether noise is drawn on the way."""
        return False

    def solve(self, process: Process, x: Tensor, levels: list[Level]) -> Tensor:
        """Data from the noise `x`."""
        return adaptive_ode(process, x, levels, self.rtol, self.atol)


def _order(order: int) -> None:
    if order not in (1, 2, 3):
        raise ValueError(f"order must be 1, 2 or 3, not {order!r}")


Sampler = (
    Ancestral
    | PredictorCorrector
    | AnnealedLangevin
    | DDIM
    | HeunSampler
    | DPMSolverPP
    | DPMSDE
    | UniPC
    | Adaptive
)

__all__ = ["EvenTimes", "Karras", "Listed", "LogSNR", "Sampler", "Spacing"]

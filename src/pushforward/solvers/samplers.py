"""Which sampler a diffusion uses, as a record that a checkpoint can hold.

    >>> DDIM(steps=20)
    DDIM(steps=20, eta=0.0)

Each is called with (process, x): a function of `solvers.diffusion` with its options.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ..core.blueprint import record
from ..core.spaces import count
from .diffusion import Process, ancestral, ddim, dpm_solver_pp, heun, predictor_corrector
from .langevin_steps import annealed_langevin


def _steps(steps: int | None) -> None:
    if steps is not None:
        count("steps", steps)


@record
@dataclass(frozen=True)
class Ancestral:
    """Steps of the reverse chain itself; None takes all of the process's."""

    steps: int | None = None

    def __post_init__(self) -> None:
        _steps(self.steps)

    @property
    def draws(self) -> bool:
        """Whether noise is drawn on the way."""
        return True

    def __call__(self, process: Process, x: Tensor) -> Tensor:
        """Data from the noise `x`."""
        return ancestral(process, x, self.steps)


@record
@dataclass(frozen=True)
class PredictorCorrector:
    """Ancestral steps with Langevin corrections of signal-to-noise ratio `snr`."""

    steps: int | None = 500
    corrections: int = 1
    snr: float = 0.16

    def __post_init__(self) -> None:
        _steps(self.steps)
        count("corrections", self.corrections, 0)

    @property
    def draws(self) -> bool:
        """Whether noise is drawn on the way."""
        return True

    def __call__(self, process: Process, x: Tensor) -> Tensor:
        """Data from the noise `x`."""
        return predictor_corrector(process, x, self.steps, self.corrections, self.snr)


@record
@dataclass(frozen=True)
class AnnealedLangevin:
    """`each` Langevin steps at every level of noise, of size `step` at the least noise."""

    steps: int | None = None
    each: int = 100
    step: float = 1e-5

    def __post_init__(self) -> None:
        _steps(self.steps)
        count("each", self.each)

    @property
    def draws(self) -> bool:
        """Whether noise is drawn on the way."""
        return True

    def __call__(self, process: Process, x: Tensor) -> Tensor:
        """Data from the noise `x`."""
        return annealed_langevin(process, x, self.steps, self.each, self.step)


@record
@dataclass(frozen=True)
class DDIM:
    """Deterministic at `eta` = 0, as noisy as ancestral sampling at `eta` = 1."""

    steps: int | None = 50
    eta: float = 0.0

    def __post_init__(self) -> None:
        _steps(self.steps)
        if not 0 <= self.eta <= 1:
            raise ValueError(f"eta must be in [0, 1], not {self.eta!r}")

    @property
    def draws(self) -> bool:
        """Whether noise is drawn on the way."""
        return self.eta > 0

    def __call__(self, process: Process, x: Tensor) -> Tensor:
        """Data from the noise `x`."""
        return ddim(process, x, self.steps, self.eta)


@record
@dataclass(frozen=True)
class HeunSampler:
    """Second order: two evaluations of the denoiser a step."""

    steps: int | None = 18

    def __post_init__(self) -> None:
        _steps(self.steps)

    @property
    def draws(self) -> bool:
        """Whether noise is drawn on the way."""
        return False

    def __call__(self, process: Process, x: Tensor) -> Tensor:
        """Data from the noise `x`."""
        return heun(process, x, self.steps)


@record
@dataclass(frozen=True)
class DPMSolverPP:
    """DPM-Solver++(2M): second order with one evaluation a step; `order` = 1 is DDIM."""

    steps: int | None = 20
    order: int = 2

    def __post_init__(self) -> None:
        _steps(self.steps)
        if self.order not in (1, 2):
            raise ValueError(f"order must be 1 or 2, not {self.order!r}")

    @property
    def draws(self) -> bool:
        """Whether noise is drawn on the way."""
        return False

    def __call__(self, process: Process, x: Tensor) -> Tensor:
        """Data from the noise `x`."""
        return dpm_solver_pp(process, x, self.steps, self.order)


Sampler = Ancestral | PredictorCorrector | AnnealedLangevin | DDIM | HeunSampler | DPMSolverPP

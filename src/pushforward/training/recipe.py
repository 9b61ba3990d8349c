"""The recipe: everything about optimisation, nothing about a model, in plain values."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from ..core.blueprint import record
from ..core.spaces import count, plain
from .profiles import checked_width


def _positive(name: str, value: float) -> None:
    if not value > 0 or not math.isfinite(value):
        raise ValueError(f"{name} must be a positive number, not {value!r}")


@record
@dataclass(frozen=True)
class Adam:
    """Adam with decoupled weight decay (Loshchilov & Hutter, 2019); `weight_decay=0` is Adam.

    Adam: A Method for Stochastic Optimization (Kingma & Ba, 2015), arXiv:1412.6980, algorithm 1.
    """

    lr: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        _positive("lr", self.lr)
        # torch refuses (0, 0.9), and a list comes back from JSON.
        first, second = self.betas
        object.__setattr__(self, "betas", (float(first), float(second)))

    def build(self, parameters: Iterable[Tensor]) -> torch.optim.Optimizer:
        """The optimiser over `parameters`; fused, which is the quickest on CPU and CUDA alike."""
        return torch.optim.AdamW(
            parameters, self.lr, self.betas, self.eps, self.weight_decay, fused=True
        )


@record
@dataclass(frozen=True)
class RMSprop:
    """RMSprop (Tieleman & Hinton, 2012), which WGAN with clipping was trained with."""

    lr: float = 5e-5
    alpha: float = 0.99
    eps: float = 1e-8

    def __post_init__(self) -> None:
        _positive("lr", self.lr)

    def build(self, parameters: Iterable[Tensor]) -> torch.optim.Optimizer:
        """The optimiser over `parameters`."""
        return torch.optim.RMSprop(parameters, self.lr, self.alpha, self.eps)


@record
@dataclass(frozen=True)
class SGD:
    """Stochastic gradient descent with momentum."""

    lr: float = 1e-2
    momentum: float = 0.0
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        _positive("lr", self.lr)

    def build(self, parameters: Iterable[Tensor]) -> torch.optim.Optimizer:
        """The optimiser over `parameters`."""
        return torch.optim.SGD(
            parameters, self.lr, momentum=self.momentum, weight_decay=self.weight_decay
        )


@record
@dataclass(frozen=True)
class Constant:
    """The learning rate as it is, after a linear warm-up over `warmup` steps."""

    warmup: int = 0

    def factor(self, step: int, steps: int) -> float:
        """What the learning rate is multiplied by at `step` of `steps`.

        >>> [Constant(warmup=4).factor(step, 100) for step in (0, 1, 3, 50)]
        [0.25, 0.5, 1.0, 1.0]
        """
        return min(1.0, (step + 1) / self.warmup) if self.warmup else 1.0


@record
@dataclass(frozen=True)
class Cosine:
    """Half a cosine from 1 to `floor` after a linear warm-up (Loshchilov & Hutter, 2017, eq. 5)."""

    warmup: int = 0
    floor: float = 0.0

    def factor(self, step: int, steps: int) -> float:
        """What the learning rate is multiplied by at `step` of `steps`."""
        if step < self.warmup:
            return (step + 1) / self.warmup
        done = (step - self.warmup) / max(1, steps - self.warmup)
        return self.floor + (1 - self.floor) * (1 + math.cos(math.pi * done)) / 2


@record
@dataclass(frozen=True)
class Decay:
    """Exponential decay from 1 to `final` over the steps, after a linear warm-up."""

    final: float = 0.1
    warmup: int = 0

    def factor(self, step: int, steps: int) -> float:
        """What the learning rate is multiplied by at `step` of `steps`."""
        if step < self.warmup:
            return (step + 1) / self.warmup
        return self.final ** ((step - self.warmup) / max(1, steps - self.warmup))


@record
@dataclass(frozen=True)
class PowerAverages:
    """Averages of weights whose widths are shares of the training, in the place of one decay.

    Of each, `theta(t) <- beta theta(t - 1) + (1 - beta) theta_model(t)` with
    `beta = (1 - 1/t)^(gamma + 1)` at step t, where gamma gives the profile the standard deviation
    `sigma_rel` t. `fit` returns, and `pf.load` reads, the first. Snapshots of all, in the run's
    folder, give the average of any other width after the training, nearly as if it had been kept:
    `pf.averaged` (`pushforward average RUN --sigma-rel 0.13`).

    Analyzing and Improving the Training Dynamics of Diffusion Models (Karras et al., 2024),
    arXiv:2312.02696, section 3, eqs. 2 to 4.

    Args:
        sigmas: widths sigma_rel of the averages that are kept, above 0 and at most 0.2887, which
            is the mean of all weights so far.
        snapshots: how many are taken over the training, the last at its end; 0 takes none. Where a
            training goes on for more steps, there are at most twice as many.

    >>> PowerAverages((0.1, 0.05)).sigmas
    (0.1, 0.05)
    """

    sigmas: tuple[float, ...] = (0.05, 0.1)
    snapshots: int = 32

    def __post_init__(self) -> None:
        plain(self)
        given = self.sigmas if isinstance(self.sigmas, tuple | list) else (self.sigmas,)
        object.__setattr__(self, "sigmas", tuple(checked_width(sigma) for sigma in given))
        if not self.sigmas or len(set(self.sigmas)) < len(self.sigmas):
            raise ValueError(f"sigmas are one width or more, all different, not {self.sigmas}")
        count("snapshots", self.snapshots, 0)

    def due(self, step: int, steps: int) -> bool:
        """Whether a snapshot is taken after `step` of `steps`.

        >>> [step for step in range(1, 11) if PowerAverages(snapshots=3).due(step, 10)]
        [4, 7, 10]
        """
        n = self.snapshots
        return step * n // steps > (step - 1) * n // steps


BESIDE = ("report_every", "validate_every", "save_every", "save_minutes")
"""Settings of a recipe by which no model becomes another."""

Optimizer = Adam | RMSprop | SGD
Schedule = Constant | Cosine | Decay


@record
@dataclass(frozen=True)
class Recipe:
    """How to train: no model argument in it, and no optimisation argument in a model.

    Args:
        steps: rounds of the game, over all stages; in each, every player takes its turns.
        batch_size: examples in a batch; None is the whole training split (EM).
        optimizer: for every player that moves by gradient.
        optimizers: overrides by player name.
        rates: learning rates by stage name, in place of the optimisers' own.
        batch_sizes: by stage name, in place of `batch_size`.
        schedule: of the learning rate, over each stage.
        ema: decay of the exponential moving average of the weights, or `PowerAverages` of several
            widths with snapshots; None keeps none.
        clip: bound on the norm of a player's gradient; None does not clip.
        accumulate: parts that a batch is split into for memory, with the gradient of the whole.
        synchronised: under `torchrun`, batch normalisation is by the whole batch's moments; else by
            those of each process's part.
        bf16: autocast losses to bfloat16.
        compile: run losses through `torch.compile`: the same numbers, quicker after a slow start.
        seed: of the order of the data and of all noise.
        report_every: steps between reports; None makes about 100 reports.
        validate_every: steps between validations; None makes 10, as far as they do not take longer
            than the training; 0 makes none.
        save_every: steps between checkpoints of `fit`; None makes 10.
        save_minutes: and minutes after which one is due at the latest; None counts steps alone.
    """

    steps: int = 1_000
    batch_size: int | None = 128
    optimizer: Optimizer = Adam()
    optimizers: Mapping[str, Optimizer] = field(default_factory=dict)
    rates: Mapping[str, float] = field(default_factory=dict)
    batch_sizes: Mapping[str, int] = field(default_factory=dict)
    schedule: Schedule = Constant()
    ema: float | PowerAverages | None = None
    clip: float | None = None
    accumulate: int = 1
    synchronised: bool = True
    bf16: bool = False
    compile: bool = False
    seed: int = 0
    report_every: int | None = None
    validate_every: int | None = None
    save_every: int | None = None
    save_minutes: float | None = 10.0

    def __post_init__(self) -> None:
        plain(self)
        count("steps", self.steps)
        count("accumulate", self.accumulate)
        for name, least in {"batch_size": 1, "report_every": 1, "validate_every": 0}.items():
            if getattr(self, name) is not None:
                count(name, getattr(self, name), least)
        if self.save_every is not None:
            count("save_every", self.save_every)
        if self.save_minutes is not None:
            _positive("save_minutes", self.save_minutes)
        for stage, rate in self.rates.items():
            _positive(f"the learning rate of stage {stage!r}", rate)
        for stage, size in self.batch_sizes.items():
            count(f"the batch size of stage {stage!r}", size)
        if not (self.ema is None or isinstance(self.ema, PowerAverages) or 0 <= self.ema < 1):
            raise ValueError(f"ema is a decay in [0, 1), such as 0.999, not {self.ema!r}")
        if self.clip is not None:
            _positive("clip", self.clip)

    def optimizer_of(self, player: str, stage: str) -> Optimizer:
        """The optimiser of a player in a stage."""
        found = self.optimizers.get(player, self.optimizer)
        return replace(found, lr=self.rates[stage]) if stage in self.rates else found

    def every(self, what: int | None, times: int) -> int:
        """An interval in steps: `what`, or what makes `times` of them over the run."""
        return max(1, self.steps // times) if what is None else what

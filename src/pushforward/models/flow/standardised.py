"""Any model of real numbers as a model of columns of all sizes, whole numbers among them.

    z = (x + u - m) / s,    u ~ U[0, 1) where x is whole, else 0
    log p(x) >= E_u[ log p_z(z) ] - sum_d log s_d                exact where no column is whole

Means m and spreads s are those of the training data, and are part of the model: its numbers are
those of the columns as they are, and its samples stand in them. So a table with a column of
millions and one of thousandths trains as a standardised one does, and reports nats that compare.

A note on the evaluation of generative models (Theis et al., 2016), arXiv:1511.01844, section 3.1.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ...core.catalogue import example
from ...core.contract import STEPS, Bounded, Density, Estimated, Generative, Stage, Weighted
from ...core.dataset import Batch, Dataset
from ...core.likelihood import Kind
from ...core.spaces import Reals, count
from .maf import MAF


class Standardised(Generative):
    """Columns as `model` sees them: with mean 0 and spread 1, whole numbers with noise.

    `standardised(model, data)` chooses the class that says of the likelihood what it is.

    Args:
        model: over Reals((columns,)).
        mean: of each column.
        scale: its spread, above 0.
        whole: whether it holds whole numbers; none does where empty.

    Raises ValueError for another number of columns, or a scale that is none.
    """

    mean: Tensor
    scale: Tensor
    noisy: Tensor

    def __init__(
        self,
        model: Generative,
        mean: Sequence[float],
        scale: Sequence[float],
        whole: Sequence[bool] = (),
    ):
        super().__init__(model.space, model.given)
        sizes = {len(mean), len(scale), len(whole or mean)}
        if model.space.shape != (len(mean),) or len(sizes) > 1:
            raise ValueError(f"{model.space} needs as many means and scales, not {sorted(sizes)}")
        if min(scale) <= 0:
            raise ValueError(f"scales must be positive, not {min(scale)}")
        self.model = model
        self.register_buffer("mean", torch.tensor(mean), persistent=False)
        self.register_buffer("scale", torch.tensor(scale), persistent=False)
        noisy = torch.tensor(list(whole) or [False] * len(mean))
        self.register_buffer("noisy", noisy, persistent=False)

    def enter(self, x: Tensor, *conditions: Tensor) -> Batch:
        """Rows as the model sees them, and what is told beside."""
        u = torch.rand_like(x) * self.noisy
        return ((x.to(self.dtype) - self.mean + u) / self.scale, *conditions)

    def leave(self, z: Tensor) -> Tensor:
        """Rows that the model's floats stand for."""
        x = z * self.scale + self.mean
        return torch.where(self.noisy, x.floor(), x)

    @property
    def log_volume(self) -> Tensor:
        """sum_d log s_d, in nats."""
        return self.scale.log().sum()

    def stages(self) -> tuple[Stage, ...]:
        """The model's own, on rows as it sees them."""
        return tuple(
            replace(stage, view=functools.partial(self._seen, stage.view))
            for stage in self.model.stages()
        )

    def _seen(self, view: Callable[..., Batch], *batch: Tensor) -> Batch:
        return view(*self.enter(*batch))

    def sample(self, n: int, *conditions: Tensor) -> Tensor:
        """`n` rows."""
        return self.leave(self.model.sample(n, *conditions))


class _Counting:
    """One whose model has a likelihood: where that is learned by gradient, all constants count."""

    def stages(self: Any) -> tuple[Stage, ...]:
        """The likelihood by gradient; or the model's own stages, where it is no single player."""
        stages = self.model.stages()
        alone = len(stages) == 1 and len(stages[0].players) == 1
        if alone and stages[0].players[0].loss == self.model.loss:
            return Generative.stages(self)
        return Standardised.stages(self)


class StandardisedDensity(_Counting, Standardised, Density):
    """One over real columns whose model is a density: exact."""

    def log_prob(self, x: Tensor, *conditions: Tensor) -> Tensor:
        """Log p(x) in nats, (batch,)."""
        log_p = self.model.log_prob(*self.enter(x, *conditions))  # type: ignore[operator]
        return log_p - self.log_volume


class StandardisedWeights(_Counting, Standardised, Weighted):
    """One whose model has importance weights, or is a density where some columns are whole."""

    def log_weights(self, x: Tensor, *conditions: Tensor, samples: int = 1) -> Tensor:
        """Log w in nats, (samples, batch), each with noise of its own."""
        parts = [torch.cat([t] * count("samples", samples)) for t in (x, *conditions)]
        seen = self.enter(*parts)
        inner: Any = self.model
        known = isinstance(inner, Density)
        log_w = inner.log_prob(*seen) if known else inner.log_weights(*seen)[0]
        return log_w.unflatten(0, (samples, len(x))) - self.log_volume


class StandardisedBound(_Counting, Standardised, Bounded):
    """One whose model knows a lower bound."""

    def elbo(self, x: Tensor, *conditions: Tensor, samples: int = 1) -> Tensor:
        """A lower bound on log p(x) in nats, (batch,)."""
        inner: Any = self.model
        return inner.elbo(*self.enter(x, *conditions), samples=samples) - self.log_volume


class StandardisedEstimate(Standardised, Estimated):
    """One whose model's likelihood is estimated by an ODE."""

    model: Estimated

    def estimated_log_prob(
        self,
        x: Tensor,
        *conditions: Tensor,
        steps: int = STEPS,
        probes: int | None = None,
        tolerance: float | None = None,
    ) -> Tensor:
        """Log p(x) in nats, (batch,), as the model estimates it."""
        seen = self.enter(x, *conditions)
        found = self.model.estimated_log_prob(
            *seen, steps=steps, probes=probes, tolerance=tolerance
        )
        return found - self.log_volume

    def estimate_kind(
        self, steps: int = STEPS, probes: int | None = None, tolerance: float | None = None
    ) -> Kind:
        """The model's; of a lower bound where columns are whole."""
        kind = self.model.estimate_kind(steps=steps, probes=probes, tolerance=tolerance)
        return replace(kind, name="estimate of a lower bound") if self.noisy.any() else kind


def standardised(model: Generative, data: Dataset) -> Generative:
    """`model`, which sees the columns of `data` standardised, as a model of these columns.

    Means and spreads are those of the training split. Columns that `data.origin["whole"]` calls
    whole numbers (as `pf.data.table` does) are dequantised. Raises ValueError for data of another
    shape than rows.
    """
    if not isinstance(data.space, Reals) or len(data.space.shape) != 1:
        raise ValueError(f"only columns of numbers are standardised, not {data.space}")
    x = data.train.tensors[0].double()
    whole = data.origin.get("whole", [False] * x.shape[1])
    noise = torch.tensor(whole).double()
    mean = x.mean(0) + noise / 2
    scale = (x.var(0, correction=0) + noise / 12).sqrt()
    scale = torch.where(scale > 0, scale, torch.ones_like(scale))
    return _class_of(model, any(whole))(
        model, mean.tolist(), scale.tolist(), list(map(bool, whole))
    )


def _class_of(model: Generative, noisy: bool) -> type[Standardised]:
    if isinstance(model, Density):
        return StandardisedWeights if noisy else StandardisedDensity
    kinds = {
        Weighted: StandardisedWeights,
        Bounded: StandardisedBound,
        Estimated: StandardisedEstimate,
    }
    return next((cls for kind, cls in kinds.items() if isinstance(model, kind)), Standardised)


@example(data="moons")
def standardised_maf() -> StandardisedDensity:
    """The smallest instance."""
    return StandardisedDensity(MAF(2, 2, 32, 1), (0.5, 0.25), (0.9, 0.5))

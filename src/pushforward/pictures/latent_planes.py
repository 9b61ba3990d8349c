"""Where a model's encoder puts data in a plane of its latents."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from torch import Tensor

from ..core.contract import Generative, Latent, Pushforward
from ..core.dataset import Dataset
from ..models.flow.flow import Invertible
from .shown import blank, looking, noise
from .traversals import moments

if TYPE_CHECKING:
    from .notebook import Sheet

MOST = 2_000  # examples


def latents(model: Generative, data: Dataset, axes: tuple[int, int] | None = None) -> Sheet:
    """The latents of test examples in the plane, coloured by their labels where there are any.

    Of a model with an encoder they are the means of q(z | x), of a flow the noise of x. Grey
    crosses are as many draws from the prior.

    Args:
        model: with two latents, or more where `axes` are given.
        data: over the model's space.
        axes: which two latents.

    Raises:
        ValueError: for a model that encodes nothing, other data, or a number of latents that is not
            two.
    """
    if not isinstance(model, Latent | Invertible):
        raise ValueError(f"{type(model).__name__} has no latents that data are encoded to")
    split = data.test.first(MOST)
    x, *told = split.told(model.given).at(slice(None), model.device)
    with looking(model):
        z = encoded(model, model.space.check(x, data.name), *told)
        prior = z[:0]
        if isinstance(model, Pushforward):
            prior = noise(model, len(z), *told).flatten(1)
    chosen = _two(z, axes, type(model).__name__)
    figure = blank(5, 4.4)
    axis = figure.subplots()
    across, up = z[:, chosen].cpu().unbind(1)
    if len(prior):
        expected = prior[:, chosen].cpu().unbind(1)
        axis.plot(*expected, "+", color="0.75", markersize=4, label="prior")
    for name, mine in kinds(split.tensors[1:], data.classes):
        axis.plot(across[mine], up[mine], ".", markersize=3, label=name)
    axis.set(aspect="equal", xlabel=f"z{chosen[0]}", ylabel=f"z{chosen[1]}")
    figure.legend(fontsize=8, markerscale=2, loc="outside right center")
    return figure


def encoded(model: Generative, x: Tensor, *conditions: Tensor) -> Tensor:
    """Where the model puts data among its latents, (batch, latents)."""
    if isinstance(model, Latent):
        return moments(model.encode(x, *conditions))[0]
    assert isinstance(model, Invertible)
    return model.noise(x, *conditions).flatten(1)


def kinds(beside: Sequence[Tensor], classes: Sequence[str]) -> Iterator[tuple[str, Tensor | slice]]:
    """Every label that occurs by its name, and which examples have it; else all at once."""
    y = next((t for t in beside if t.dim() == 1 and not t.is_floating_point()), None)
    if y is None:
        yield "data", slice(None)
        return
    for label in y.unique().tolist():
        yield classes[label] if label < len(classes) else str(label), y == label


def _two(z: Tensor, axes: tuple[int, int] | None, name: str) -> list[int]:
    """The two latents that are drawn."""
    n = z.shape[1]
    if axes is None and n == 2:
        return [0, 1]
    if axes is None:
        told = "axes=(0, 1) draws the first two" if n > 2 else "a plane needs two"
        raise ValueError(f"{name} has {n} latent{'s' * (n != 1)}, not two: {told}")
    if len(set(axes)) != 2 or not all(0 <= axis < n for axis in axes):
        raise ValueError(f"axes must be two different latents of 0 .. {n - 1}, not {axes!r}")
    return list(axes)

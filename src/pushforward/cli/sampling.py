"""`pushforward sample`: a checkpoint's draws as a picture, sound or text, and as numbers."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.catalogue import Usage
from .flags import load_file

if TYPE_CHECKING:
    from torch import Tensor

    from ..media.trained import Trained


def sample(
    checkpoint: str,
    n: int = 64,
    out: str | None = None,
    label: int | None = None,
    partial: str | None = None,
    seed: int = 0,
    batch_size: int = 256,
    file: str | None = None,
) -> None:
    """Draw samples from a checkpoint: as a picture, sound, text or table, and all numbers as .npy.

    Args:
        checkpoint: the .safetensors file.
        n: how many.
        out: the picture (default: samples.png beside the checkpoint).
        label: the class, for a class-conditional model.
        partial: what they agree with: an image (transparent pixels are drawn), a WAV file (its
            beginning), or .npy (negative and NaN are drawn).
        seed: of the noise.
        batch_size: how many are drawn and held at once.
        file: the Python file that declares the model's classes, if they are your own.
    """
    import torch

    from ..core.spaces import count
    from ..media.keeping import keep
    from ..media.trained import opened

    count("--n", n)
    count("--batch-size", batch_size)
    if file:
        load_file(file)
    trained = opened(checkpoint)
    draw = _sampler(trained, label) if partial is None else _completer(trained, label, partial)
    torch.manual_seed(seed)
    sizes = [min(batch_size, n - start) for start in range(0, n, batch_size)]
    target = Path(out) if out else trained.path.with_name("samples.png")
    print(f"wrote {keep(_counted(map(draw, sizes), len(sizes), n), n, trained.medium, target)}")


def _sampler(trained: Trained, label: int | None) -> Callable[[int], Tensor]:
    """What draws so many samples. Raises Usage where the model needs a label, or knows none."""
    model = trained.model
    try:
        inspect.signature(model.sample).bind(1, *_conditions(1, label))
    except TypeError as error:
        needs = "needs a class: give --label"
        told = needs if label is None else "knows no classes: leave --label out"
        raise Usage(f"this {type(model).__name__} {told}") from error
    return lambda size: model.sample(size, *_conditions(size, label))


def _completer(trained: Trained, label: int | None, partial: str) -> Callable[[int], Tensor]:
    """What draws so many completions of what a file knows in part."""
    from ..core.contract import Completing
    from ..data.partial import read_partial

    model = trained.model
    _sampler(trained, label)
    if not isinstance(model, Completing):
        name = type(model).__name__
        raise Usage(f"this {name} cannot complete what is known in part: leave --partial out")
    x, known = read_partial(partial, model.space, trained.about.get("rate", 16_000))
    return lambda size: model.complete(
        x.expand(size, *x.shape[1:]), known, *_conditions(size, label)
    )


def _conditions(size: int, label: int | None) -> list[Any]:
    import torch

    return [] if label is None else [torch.full((size,), label)]


def _counted(batches: Iterable[Tensor], steps: int, n: int) -> Iterator[Tensor]:
    """The same batches, with a progress bar on stderr where there are several."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=steps == 1) as bar:
        task = bar.add_task("samples", total=n)
        for batch in batches:
            bar.advance(task, len(batch))
            yield batch

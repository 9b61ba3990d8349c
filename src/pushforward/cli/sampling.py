"""`pushforward sample`: a checkpoint's draws as a picture, sound or text, and as numbers."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ..core.catalogue import Usage
from .flags import JSON, load_file
from .telling import Heed, told

if TYPE_CHECKING:
    from torch import Tensor

    from ..media.trained import Trained


def sample(
    checkpoint: str,
    n: int = 64,
    out: str | None = None,
    label: int | None = None,
    text: str | None = None,
    guidance: float | None = None,
    temperature: float | None = None,
    top_k: int | None = None,
    truncation: float | None = None,
    rerank: int | None = None,
    partial: str | None = None,
    seed: int = 0,
    batch_size: int = 256,
    file: str | None = None,
    force: bool = False,
    as_json: JSON = False,
) -> None:
    """Draw samples from a checkpoint: as a picture, sound, text or table, and all numbers as .npy.

    Args:
        checkpoint: the .safetensors file, or zoo:NAME.
        n: how many.
        out: the picture, as its ending says, such as .png or .jpg, or a folder; the numbers stand
            beside it (default: samples.png beside the checkpoint, or in runs/NAME).
        label: the class, for a class-conditional model.
        text: what is to be seen, for a model that was trained with captions.
        guidance: how much of what it is told a model follows: 1 all, 2 twice as much.
        temperature: of draws; below 1 likelier values come more often.
        top_k: how many of the likeliest values are drawn from.
        truncation: of a GAN: noise beyond it is drawn again, or styles are drawn to their mean;
            less of it, less variety.
        rerank: how many candidates are drawn, of which the n that fit the text best are kept.
        partial: what they agree with: an image (transparent pixels are drawn), a WAV file (its
            beginning), or .npy (negative and NaN are drawn).
        seed: of the noise.
        batch_size: how many are drawn and held at once.
        file: the Python file that declares the model's classes, if they are your own.
        force: replace files that are there already.
    """
    import torch

    from ..core.outputs import check_free
    from ..core.spaces import count
    from ..media.keeping import keep, places
    from ..media.trained import opened

    count("--n", n)
    count("--batch-size", batch_size)
    if file:
        load_file(file)
    trained = opened(checkpoint)
    conditions = told(trained, label, text, n)
    heed = Heed(guidance, temperature, top_k, truncation, rerank)
    heed.options(trained.model, "sample" if partial is None else "complete")
    target = _target(trained, out)
    inputs = [path for path in (checkpoint, partial, file) if path]
    check_free(places(trained.medium, target), inputs, force)
    torch.manual_seed(seed)
    if partial is None:
        batches = heed.drawn(trained.model, n, conditions, batch_size)
    else:
        batches = _completed(trained, partial, n, conditions, batch_size, heed)
    written = keep(_counted(batches, n, batch_size), n, trained.medium, target)
    print(json.dumps({"samples": n, "wrote": written}) if as_json else f"wrote {written}")


def _target(trained: Trained, out: str | None) -> Path:
    """Where samples go: as was asked, or beside the checkpoint."""
    target = Path(out) if out else trained.beside("samples")
    return target / "samples" if target.is_dir() else target


def _completed(
    trained: Trained, partial: str, n: int, told: tuple[Tensor, ...], size: int, heed: Heed
) -> Iterator[Tensor]:
    """`n` completions of what a file knows in part, `size` at a time."""
    from ..core.contract import Completing
    from ..data.partial import read_partial

    model = trained.model
    if not isinstance(model, Completing):
        name = type(model).__name__
        raise Usage(f"this {name} cannot complete what is known in part: leave --partial out")
    options = heed.options(model, "complete")
    x, known = read_partial(partial, model.space, trained.about.get("rate", 16_000))
    for start in range(0, n, size):
        m, part = min(size, n - start), (c[start : start + size] for c in told)
        yield model.complete(x.expand(m, *x.shape[1:]), known, *part, **options)


def _counted(batches: Iterable[Tensor], n: int, size: int) -> Iterator[Tensor]:
    """The same batches, with a progress bar on stderr where there are several."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=n <= size) as bar:
        task = bar.add_task("samples", total=n)
        for batch in batches:
            bar.advance(task, len(batch))
            yield batch

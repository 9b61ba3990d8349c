"""`pushforward sample`: a checkpoint's draws as a picture, sound or text, and as numbers."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

from ..core.catalogue import Usage
from .flags import load_file


def sample(
    checkpoint: str,
    n: int = 64,
    out: str | None = None,
    label: int | None = None,
    partial: str | None = None,
    seed: int = 0,
    file: str | None = None,
) -> None:
    """Draw samples from a checkpoint: a PNG, WAV or text of them, and the numbers as .npy beside.

    Args:
        checkpoint: the .safetensors file.
        n: how many.
        out: the picture (default: samples.png beside the checkpoint).
        label: the class, for a class-conditional model.
        partial: what they agree with: an image (transparent pixels are drawn), a WAV file (its
            beginning), or .npy (negative and NaN are drawn).
        seed: of the noise.
        file: the Python file that declares the model's classes, if they are your own.
    """
    import torch

    from ..core.checkpoint import load
    from ..core.spaces import count

    count("--n", n)
    if file:
        load_file(file)
    model = load(checkpoint)
    torch.manual_seed(seed)
    conditions = [] if label is None else [torch.full((n,), label)]
    try:
        inspect.signature(model.sample).bind(n, *conditions)
    except TypeError as error:
        told = (
            "needs a class: give --label"
            if label is None
            else "knows no classes: leave --label out"
        )
        raise Usage(f"this {type(model).__name__} {told}") from error
    if partial is None:
        drawn = model.sample(n, *conditions)
    else:
        drawn = _completed(model, n, conditions, partial, checkpoint)
    _keep(drawn, model, checkpoint, Path(out or Path(checkpoint).with_name("samples.png")))


def _completed(model: Any, n: int, conditions: list, partial: str, checkpoint: str) -> Any:
    """`n` completions of what a file knows in part."""
    from ..core.contract import Completing
    from ..data.partial import read_partial
    from ..report.sounds import rate_of

    if not isinstance(model, Completing):
        name = type(model).__name__
        raise Usage(f"this {name} cannot complete what is known in part: leave --partial out")
    x, known = read_partial(partial, model.space, rate_of(checkpoint) or 16_000)
    return model.complete(x.expand(n, *x.shape[1:]), known, *conditions)


def _keep(drawn: Any, model: Any, checkpoint: str, target: Path) -> None:
    """Writes samples as .npy, and as the picture, sound or text that they are."""
    import numpy as np

    from ..data.wav import write_wav
    from ..pictures import grids
    from ..report.sentences import as_text
    from ..report.sounds import as_sound, rate_of

    target.parent.mkdir(parents=True, exist_ok=True)
    grids.write(target, grids.drawn(drawn, model.space))
    np.save(target.with_suffix(".npy"), drawn.numpy())
    said = f"{target} and " if target.exists() else ""
    if sentences := as_text(checkpoint, drawn):
        target.with_suffix(".txt").write_text(sentences, encoding="utf-8")
        said = f"{target.with_suffix('.txt')} and "
    if rate := rate_of(checkpoint):
        wave = as_sound(drawn, model.space.vocabulary, rate)
        said = f"{write_wav(target.with_suffix('.wav'), wave, rate)} and "
    print(f"wrote {said}{target.with_suffix('.npy')}: {tuple(drawn.shape)} {drawn.dtype}")

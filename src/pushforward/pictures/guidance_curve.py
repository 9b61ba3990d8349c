"""Guidance of a diffusion by its weight: how many samples are what was asked for, and how far off.

The weight trades one for the other: a greater one draws the class more surely and its spread less.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.catalogue import Usage
from .gallery import picture
from .shown import blank

if TYPE_CHECKING:
    from .notebook import Sheet

WRITER = "python bench/diffusion_steps.py CHECKPOINT"


@picture
def draw(results: str = "results/diffusion_steps.json", model: str = "guided_mnist") -> Sheet:
    """Recognised samples and their Fréchet distance against the weight of guidance.

    Args:
        results: what `python bench/diffusion_steps.py CHECKPOINT` wrote.
        model: which of its models.
    """
    return guidance_curve(measured(Path(results), model))


def measured(file: Path, model: str) -> dict[float, dict[str, Any]]:
    """{"accuracy", "frechet"} by weight, of one model. Raises Usage where there are none."""
    if not file.is_file():
        raise Usage(f"there is no {file}: {WRITER} writes it")
    try:
        models = json.loads(file.read_text())["models"]
        rows = models.get(model, {}).get("guidance", {})
        found = {float(w): {k: float(row[k]) for k in ("accuracy", "frechet")} for w, row in
                 rows.items()}  # fmt: skip
    except (ValueError, AttributeError, TypeError, KeyError) as error:
        raise Usage(f"{file} holds no results of bench/diffusion_steps.py: {error!r}") from error
    if not found:
        guided = [name for name, record in models.items() if record.get("guidance")]
        raise Usage(f"{file} has no guidance of {model!r}; of these it has: {guided}")
    return dict(sorted(found.items()))


def guidance_curve(rows: dict[float, dict[str, Any]]) -> Sheet:
    """Both against the weight."""
    figure = blank(6.4, 2.8)
    right, far = figure.subplots(1, 2)
    weights = list(rows)
    right.plot(weights, [row["accuracy"] for row in rows.values()], "o-", color="0.2")
    right.set(xlabel="weight", ylabel="recognised as asked for", ylim=(0, 1.05))
    far.plot(weights, [row["frechet"] for row in rows.values()], "o-", color="0.2")
    far.set(xlabel="weight", ylabel="Fréchet distance", ylim=(0, None))
    return figure

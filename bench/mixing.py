"""Which factors of sprites the layers of a StyleGAN carry: mixing, counted by a classifier.

    pushforward train stylegan_sprites --device cuda
    python bench/mixing.py runs/stylegan_sprites/checkpoint.safetensors

A classifier of the factors is trained first; its accuracies stand beside the table, and figures
for factors that it reads badly (orientation, which squares hide) mean little. Of 2,000 pairs of
images, the styles of one are taken for the layers of a group, and those of the other for all else.
Beside it: how much of each factor a direction in z and in w explains, path lengths in both, and how
near projections come to images that the generator drew, and to others.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import Any

import torch
from factors import Reader, accuracies, read, reader_of
from harness import hardware, write
from torch import Tensor

from pushforward.core.dataset import Dataset
from pushforward.media.trained import opened
from pushforward.metrics.directions import attribute_direction
from pushforward.metrics.looking import extractor_for
from pushforward.metrics.path_length import path_lengths
from pushforward.metrics.style_mixing import style_swaps
from pushforward.models.adversarial.projection import project

PAIRS = 2_000


def groups_of(model: Any) -> dict[str, range]:
    """Two layers for each size: the layers of the sizes up to 8, of 16, and above."""
    sizes = [size[0] for size in model.generator.sizes]
    coarse, fine = sum(s <= 8 for s in sizes), sum(s > 16 for s in sizes)
    return {
        "coarse (up to 8x8)": range(2 * coarse),
        "middle (16x16)": range(2 * coarse, 2 * (len(sizes) - fine)),
        "fine (32x32 and up)": range(2 * (len(sizes) - fine), 2 * len(sizes)),
    }


def rounded(value: float) -> float | None:
    """Four digits; None where no pair differs."""
    return round(value, 4) if math.isfinite(value) else None


def directions(model: Any, data: Dataset, reader: Reader, n: int) -> dict[str, Any]:
    """How much of each factor is linear in z and in w, as read from `n` images; of kinds, the mean
    over those that occur.
    """
    z = model.latents(n)
    w = model.styles(z).detach()
    factors = torch.cat(
        [read(reader, model.space.to_signed(model.drawn(some))) for some in w.split(500)]
    )
    found: dict[str, Any] = {}
    for factor, values in zip(data.factors, factors.double().unbind(1)):
        told = [values] if factor.ordered else [(values == k).double() for k in values.unique()]
        told = [v for v in told if min(v[::2].var(), v[1::2].var()) > 0]
        found[factor.name] = {
            place: rounded(sum(attribute_direction(codes, v).explained for v in told) / len(told))
            if told
            else None
            for place, codes in (("z", z), ("w", w))
        }
    return found


def lengths(model: Any, data: Dataset, n: int) -> dict[str, Any]:
    """Path lengths of `n` pairs in z and in w, with their standard errors."""
    found = path_lengths(model, extractor_for(data), samples=n)
    told = {
        name: {"mean": rounded(p.value), "stderr": rounded(p.stderr), "settings": p.settings}
        for name, p in found.items()
    }
    return {**told, "extractor": found["z"].extractor}


def projections(model: Any, data: Dataset, n: int) -> dict[str, Any]:
    """Mean squared errors, of numbers in [-1, 1], of `n` images that were drawn and `n` of test."""
    drawn, real = model.sample(n), data.test.at(torch.arange(n), model.device)[0]
    return {
        name: rounded(project(model, x).errors.mean().item())
        for name, x in (("drawn", drawn), ("test", real))
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--pairs", type=int, default=PAIRS)
    parser.add_argument("--projected", type=int, default=64)
    parser.add_argument("--steps", type=int, default=2_500)
    options = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    trained = opened(options.checkpoint)
    data, model = trained.data(), trained.model.to(device).eval()
    reader = reader_of(data, device, options.steps)
    torch.manual_seed(0)
    a, b = (
        model.generator.each(model.styles(model.latents(options.pairs))).detach() for _ in range(2)
    )

    def factors(x: Tensor) -> Tensor:
        return read(reader, model.space.to_signed(x))

    found = style_swaps(model.drawn, factors, a, b, groups_of(model))
    names = [factor.name for factor in data.factors]
    record = {
        "command": "python bench/mixing.py runs/stylegan_sprites/checkpoint.safetensors",
        "training": trained.record.get("training", {}),
        "pairs": options.pairs,
        "seed": 0,
        "accuracy of the classifier": accuracies(reader, data, device),
        "groups": {
            group: {
                kind: dict(zip(names, map(rounded, getattr(swaps, kind).tolist())))
                for kind in ("swapped", "kept", "pairs")
            }
            for group, swaps in found.items()
        },
        "explained by a direction": directions(model, data, reader, 4 * options.pairs),
        "path length": lengths(model, data, options.pairs),
        "error of projection": projections(model, data, options.projected),
        "measured on": hardware(),
    }
    print(json.dumps(record["groups"], indent=1))
    write("mixing", record)


if __name__ == "__main__":
    main()

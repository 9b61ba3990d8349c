"""Which factors of sprites the layers of a StyleGAN carry: mixing, counted by a classifier.

    pushforward train stylegan_sprites --device cuda
    python bench/mixing.py runs/stylegan_sprites/checkpoint.safetensors

A classifier of the factors is trained first; its accuracies stand beside the table, and figures
for factors that it reads badly (orientation, which squares hide) mean little. Of 2,000 pairs of
images, the styles of one are taken for the layers of a group, and those of the other for all else.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import Any

import torch
from factors import accuracies, read, reader_of
from harness import hardware, write
from torch import Tensor

from pushforward.media.trained import opened
from pushforward.metrics.style_mixing import style_swaps

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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--pairs", type=int, default=PAIRS)
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
        "measured on": hardware(),
    }
    print(json.dumps(record["groups"], indent=1))
    write("mixing", record)


if __name__ == "__main__":
    main()

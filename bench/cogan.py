"""How many of a CoGAN's pairs of a digit and a negative are of one digit, by the named classifier.

    pushforward train cogan_mnist
    python bench/cogan.py runs/cogan_mnist/checkpoint.safetensors

Pairs by chance agree in about a tenth; real images beside unrelated ones are counted as well.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from harness import hardware, write
from torch import Tensor

from pushforward.media.trained import opened
from pushforward.metrics.draws import Draws
from pushforward.metrics.samples import sample_quality
from pushforward.metrics.small_classifiers import mnist_classifier

PAIRS = 10_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--pairs", type=int, default=PAIRS)
    options = parser.parse_args()
    trained, look = opened(options.checkpoint), mnist_classifier()
    data, model = trained.data(), trained.model.eval()

    def agreement(pairs: Tensor) -> float:
        kinds = pairs[:, :1], 255 - pairs[:, 1:]
        first, second = (
            torch.cat([look.logits(part).argmax(1) for part in kind.split(1_000)]) for kind in kinds
        )
        return (first == second).double().mean().item()

    pairs = torch.cat(list(Draws(model, options.pairs, data.test, 500)))
    real = data.test.at(slice(0, options.pairs))[0]
    sides = {"digits": lambda x: x[:, :1], "negatives": lambda x: 255 - x[:, 1:]}
    record = {
        "command": "python bench/cogan.py runs/cogan_mnist/checkpoint.safetensors",
        "training": trained.record.get("training", {}),
        "pairs": options.pairs,
        "extractor": str(look),
        "of one digit": agreement(pairs),
        "of one digit, unrelated images": agreement(real),
        "Frechet distance": {
            name: round(sample_quality(side(pairs), side(real), look).frechet.value, 3)
            for name, side in sides.items()
        },
        "measured on": hardware(),
    }
    write("cogan", record)


if __name__ == "__main__":
    main()

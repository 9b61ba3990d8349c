"""What adversarial models of MNIST draw: Frechet distance, precision, recall, and labels obeyed.

    pushforward train dcgan_mnist
    python bench/adversarial_mnist.py runs/dcgan_mnist/checkpoint.safetensors ...

For each checkpoint, through the named small classifier of MNIST and with 10,000 samples against the
10,000 test images: the distance, and beside it that of the same model before it was trained;
precision and recall; of models that are told labels, the share that the classifier takes for what
was asked; of a BigGAN, its averaged weights' standing statistics, and the curve of truncation over
five thresholds, with a quarter of the samples. The yardstick is
the distance of 10,000 training images to the test set. Results are merged into OUT by name.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from harness import hardware, versions
from torch import Tensor

from pushforward.core.blueprint import decode
from pushforward.core.checkpoint import read
from pushforward.core.dataset import Split
from pushforward.data import mnist
from pushforward.media.trained import opened
from pushforward.metrics.draws import Draws
from pushforward.metrics.features import Extractor
from pushforward.metrics.references import Seen
from pushforward.metrics.samples import sample_quality
from pushforward.metrics.small_classifiers import mnist_classifier
from pushforward.models.adversarial.biggan import BigGAN
from pushforward.pictures.truncation_curve import truncation_curve

PASSES, SIZE = 50, 200  # of standing statistics


class Table:
    """Measures models by one extractor against one test set."""

    def __init__(self, samples: int, device: str):
        self.data, self.n, self.device = mnist(labels=True), samples, device
        self.look: Extractor = mnist_classifier()
        self.look.network.to(device)
        self.test = self.seen(x for x, _ in self.data.test.batches(500))

    def seen(self, batches: Iterator[Tensor] | Draws) -> Seen:
        found = Seen.of(batches, self.look)
        return replace(found, features=found.features.cpu())

    def real(self) -> dict[str, Any]:
        """What as many training images reach."""
        some = self.data.train.at(torch.arange(self.n))[0]
        return self.quality(self.seen(iter(some.split(500))))

    def quality(self, samples: Seen) -> dict[str, Any]:
        found = sample_quality(samples, self.test)
        return {m.name: [round(m.value, 4), round(m.stderr or 0.0, 4)] for m in found}

    def drawn(self, model: Any, seed: int = 0) -> dict[str, Any]:
        """The quality of a model's samples, and how many are what they were asked to be."""
        samples = self.seen(Draws(model, self.n, self.data.test, 500, seed))
        found = self.quality(samples)
        if model.given is not None:
            found["as asked"] = round(self.obeyed(samples, self.data.test), 4)
        return found

    def obeyed(self, samples: Seen, split: Split) -> float:
        assert self.look.head is not None
        asked = split.at(torch.arange(self.n) % len(split))[1]
        with torch.no_grad():
            taken = self.look.head(samples.features.to(self.device)).argmax(1).cpu()
        return (taken == asked).double().mean().item()

    def record(self, path: Path) -> dict[str, Any]:
        """All of a checkpoint."""
        torch.manual_seed(0)
        trained, untrained = opened(path), decode(read(path).blueprint)
        model = trained.model.to(self.device).eval()
        found = {
            "model": type(model).__name__,
            "parameters": sum(p.numel() for p in model.parameters()),
            "preset": trained.preset,
            "training": trained.record.get("training", {}),
            "untrained": self.drawn(untrained.to(self.device).eval()),
            "trained": self.drawn(model),
        }
        if isinstance(model, BigGAN):
            model.settle(PASSES, SIZE)
            found["with standing statistics"] = self.drawn(model)
            curve = truncation_curve(model, self.data, samples=self.n // 4, look=self.look)
            found["truncation"] = {
                "samples": self.n // 4,
                "points": [{k: round(v, 4) for k, v in asdict(p).items()} for p in curve],
            }
        return found


def name_of(path: Path) -> str:
    """What a checkpoint is called: its file, or the folder of a training."""
    return path.parent.name if path.stem == "checkpoint" else path.stem


def main() -> None:
    """Measures the checkpoints, and adds them to the record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoints", nargs="+", type=Path)
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--out", type=Path, default=Path("results/adversarial_mnist.json"))
    options = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    table = Table(options.samples, device)
    kept = json.loads(options.out.read_text()) if options.out.exists() else {}
    kept |= {
        "command": "python bench/adversarial_mnist.py",
        "samples": options.samples,
        "extractor": str(table.look),
        "training images": table.real(),
        "measured on": hardware(),
        "versions": versions(),
    }
    for path in options.checkpoints:
        kept.setdefault("models", {})[name_of(path)] = found = table.record(path)
        print(name_of(path), json.dumps(found["trained"]), flush=True)
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(kept, indent=1) + "\n")


if __name__ == "__main__":
    main()

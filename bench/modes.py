"""Modes that games cover: the ring of 8, the grid of 25, and stacked MNIST's 1,000.

    OMP_NUM_THREADS=1 python bench/modes.py ring grid --workers 2
    python bench/modes.py stacked --workers 4 [--steps 10000] [--only GAN PacGAN]

Every game is trained from seed 0 and draws 10,000 samples (26,000 of stacked MNIST, as in the
literature, and what the named classifier of MNIST takes their channels for). A mode is covered that
gets a tenth of its even share; points are good within three standard deviations of their mode,
stacked digits where the classifier is at least 0.9 sure of all three. results/modes.json has the
rows, which are merged by name.
"""

from __future__ import annotations

import argparse
import json
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch
from harness import RESULTS, hardware, versions
from torch import Tensor

from pushforward.core.dataset import Dataset
from pushforward.data import gaussians8, gaussians25, stacked_mnist
from pushforward.data.stacked import spelt
from pushforward.metrics.draws import Draws
from pushforward.metrics.mode_counts import Modes, modes, modes_of_classes
from pushforward.metrics.small_classifiers import mnist_classifier
from pushforward.pictures.modes import mixture
from pushforward.presets.modes import in_the_plane, stacked
from pushforward.training.loop import Training

STEPS = {"ring": 4_000, "grid": 4_000, "stacked": 10_000}
SAMPLES = {"ring": 10_000, "grid": 10_000, "stacked": 26_000}
SURE = 0.9


def data_called(name: str) -> Dataset:
    return {"ring": gaussians8, "grid": gaussians25, "stacked": stacked_mnist}[name]()


def covered(name: str, samples: Tensor, device: str = "cpu") -> Modes:
    """The modes that samples of a data set reach."""
    if name != "stacked":
        return modes(samples, *mixture(name))
    look = mnist_classifier()
    look.network.to(device)
    logits = torch.cat([look.logits(x) for x in samples.reshape(-1, 1, 28, 28).split(2_000)]).cpu()
    sure, digit = logits.softmax(1).max(1)
    good = (sure.reshape(-1, 3) >= SURE).all(1)
    return modes_of_classes(spelt(digit.reshape(-1, 3)), 1_000, good)


def game(name: str, who: str, steps: int, device: str, seed: int = 0) -> dict[str, Any]:
    """Trains a game and counts the modes of its samples."""
    torch.set_num_threads(1)
    data = data_called(name)
    build = stacked if name == "stacked" else in_the_plane
    experiment = build(data, steps)[who]()
    recipe = replace(experiment.recipe, seed=seed, validate_every=0)
    training = Training(experiment.model, data, recipe, device)
    start, worked = time.monotonic(), time.process_time()
    for _ in training:
        pass
    took = time.monotonic() - start, time.process_time() - worked
    samples = torch.cat(list(Draws(training.result, SAMPLES[name], data.test, 2_000)))
    found = covered(name, samples, device)
    shown = samples[:512].tolist() if name != "stacked" else []
    return {
        **{key: round(value, 4) for key, value in asdict(found).items()},
        "steps": steps,
        "seed": seed,
        "seconds": round(took[0], 1),
        "processor_seconds": round(took[1], 1),
        "shown": [[round(v, 2) for v in point] for point in shown],
    }


def main() -> None:
    """Trains all games that were asked for and merges what they cover."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="+", choices=list(STEPS))
    parser.add_argument("--only", nargs="*", default=None)
    parser.add_argument("--steps", type=int, default=None)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--out", type=Path, default=RESULTS / "modes.json")
    options = parser.parse_args()
    kept = json.loads(options.out.read_text()) if options.out.exists() else {}
    with ProcessPoolExecutor(options.workers, get_context("spawn")) as pool:
        waiting = {}
        for name in options.data:
            device = options.device if name == "stacked" else "cpu"  # perceptrons are quicker there
            build = stacked if name == "stacked" else in_the_plane
            names = [who for who in build(data_called(name)) if who in (options.only or [who])]
            steps = options.steps or STEPS[name]
            waiting |= {pool.submit(game, name, who, steps, device): (name, who) for who in names}
        for done in as_completed(waiting):
            name, who = waiting[done]
            row = done.result() | {"hardware": hardware()}
            kept.setdefault(name, {})[who] = row
            kept |= {"command": "python bench/modes.py ring grid stacked", "versions": versions()}
            options.out.write_text(json.dumps(kept, indent=1) + "\n")
            print(name, who, {k: row[k] for k in ("covered", "good", "seconds")}, flush=True)


if __name__ == "__main__":
    main()

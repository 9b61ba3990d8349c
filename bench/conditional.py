"""How often a model that is told a digit draws that digit: every family, one table.

    python bench/conditional.py [--only NAME ...] [--jobs 2] [--factor 1]

Each preset is trained with labels on the 8x8 digits; of its 1,000 samples, 100 of each digit, the
share that the named classifier recognises as asked for is written to results/conditional.json.
The classifier's own share on real test images stands beside: more cannot be asked.
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import harness
import torch

from pushforward import data
from pushforward.core.catalogue import preset_called
from pushforward.metrics.small_classifiers import digits_classifier
from pushforward.training.fit import fit

TOLD = {"classes": 10}
JOBS: dict[str, dict[str, Any]] = {
    "made_digits": {**TOLD, "steps": 1_500},
    "pixelcnn_digits": {**TOLD, "steps": 600},
    "gated_pixelcnn_digits": {"labels": True, "steps": 600},
    "pixelcnn_pp_digits": {**TOLD, "steps": 600},
    "imagegpt_digits": {**TOLD, "steps": 800},
    "nice_digits": {**TOLD, "steps": 3_000},
    "realnvp_digits": {**TOLD, "width": 32, "steps": 2_000},
    "glow_digits": {**TOLD, "steps": 2_000},
    "flowpp_digits": {**TOLD, "steps": 1_500},
    "ffjord_digits": {**TOLD, "steps": 1_000},
    "maf_digits": {**TOLD, "steps": 2_000},
    "vq_vae_digits": {**TOLD, "steps": 3_000},
}
SAMPLES = 1_000


def recognised(x: torch.Tensor, y: torch.Tensor) -> dict[str, float]:
    """The share of images that the classifier takes for what they should be, and its error."""
    share = (digits_classifier().logits(x).argmax(1) == y).double().mean().item()
    return {"share": share, "stderr": (share * (1 - share) / len(y)) ** 0.5}


def told(name: str, knobs: dict[str, Any], factor: float) -> dict[str, Any]:
    """Trains a preset with labels and asks it for every digit."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    experiment = preset_called(name).build(**knobs)
    recipe = dataclasses.replace(experiment.recipe, validate_every=0)
    recipe = dataclasses.replace(recipe, steps=round(recipe.steps * factor))
    start = time.perf_counter()
    model = fit(experiment.model, experiment.data, recipe, quiet=True)
    seconds = time.perf_counter() - start
    y = torch.arange(SAMPLES) % 10
    torch.manual_seed(1)
    found = recognised(model.sample(SAMPLES, y), y)
    return {"preset": name, "knobs": knobs, "steps": recipe.steps, "minutes": seconds / 60, **found}


def main() -> None:
    """Works the jobs off, `jobs` at a time, and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", choices=sorted(JOBS), default=list(JOBS))
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--factor", type=float, default=1.0, help="of every preset's steps")
    options = parser.parse_args()
    x, y = data.find("digits?labels=True").test.at(slice(None))
    rows = {"real test images": recognised(x, y)}
    with ProcessPoolExecutor(options.jobs, get_context("spawn")) as pool:
        jobs = {name: pool.submit(told, name, JOBS[name], options.factor) for name in options.only}
        for name, job in jobs.items():
            rows[name] = job.result()
            print(name, rows[name], flush=True)
    harness.write("conditional", rows)


if __name__ == "__main__":
    main()

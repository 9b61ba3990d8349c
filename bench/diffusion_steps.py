"""Frechet distance of diffusions of MNIST against sampling steps, and of guidance its weight.

    python bench/diffusion_steps.py CHECKPOINT ... [--n 10000] [--steps 5 10 20 50]
        [--solvers ddim dpm heun unipc] [--device cuda] [--name diffusion_steps]

For each checkpoint and solver: the distance of N samples to the test set by the named features of
MNIST, where "steps" counts calls of the network (Heun takes half as many steps). For models that
are told the digit, the share of samples that the classifier recognises as the digit asked for, and
both for several weights of guidance. Bits/dim where the model has a bound, or an ODE's estimate of
the first 256 test images. What was measured is merged into results/NAME.json after every model.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import harness
import torch
from torch import Tensor

from pushforward.core.checkpoint import load
from pushforward.core.contract import Bounded, Estimated
from pushforward.core.dataset import Dataset
from pushforward.data import mnist
from pushforward.metrics.draws import Draws
from pushforward.metrics.features import Extractor
from pushforward.metrics.frechet import frechet_distance
from pushforward.metrics.likelihood import bits_per_dim
from pushforward.metrics.references import Seen
from pushforward.metrics.small_classifiers import mnist_classifier
from pushforward.models.score.consistency import Consistency
from pushforward.models.score.guidance import Guided
from pushforward.models.score.latent_diffusion import LatentDiffusion
from pushforward.models.score.ncsn import NCSN
from pushforward.models.score.reflow import Reflow
from pushforward.solvers.samplers import DDIM, AnnealedLangevin, DPMSolverPP, HeunSampler, UniPC
from pushforward.solvers.spacing import Karras

WEIGHTS = (0.0, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0)
SOLVERS = {
    "ddim": lambda calls: DDIM(calls),
    "dpm": lambda calls: DPMSolverPP(calls),
    "dpm-karras": lambda calls: DPMSolverPP(calls, spacing=Karras()),
    "heun": lambda calls: HeunSampler((calls + 1) // 2, spacing=Karras()),
    "unipc": lambda calls: UniPC(calls),
}


def inner(model: Any) -> Any:
    """The diffusion within, whose sampler is exchanged."""
    if isinstance(model, Guided):
        return model.model
    if isinstance(model, Reflow):
        return model.student
    return model.diffusion if isinstance(model, LatentDiffusion) else model


def distance(
    model: Any, data: Dataset, look: Extractor, references: Seen, n: int
) -> dict[str, float]:
    """The Frechet distance, the seconds of drawing and, of told models, how many are right."""
    start = time.perf_counter()
    draws = Draws(model, n, data.test, size=1250)
    features = Seen.of(draws, look)
    seconds = time.perf_counter() - start
    found = frechet_distance(features.features, references.features)
    record = {"frechet": round(found.value, 3), "seconds": round(seconds, 2)}
    if model.given is not None:
        asked = data.test.told(model.given).at(torch.arange(n) % len(data.test))[1]
        record["accuracy"] = round(recognised(features.features, asked, look), 5)
    return record


def recognised(features: Tensor, asked: Tensor, look: Extractor) -> float:
    """The share of samples that are classified as they were asked for."""
    assert look.head is not None
    with torch.no_grad():
        weight = next(look.head.parameters())
        said = look.head(features.to(weight)).argmax(1).cpu()
    return (said == asked.cpu()).double().mean().item()


def by_steps(model: Any, options: argparse.Namespace, measure: Any) -> dict[str, Any]:
    """The distance for every solver and number of calls, and with the model's own sampler."""
    diffusion = inner(model)
    own, record = diffusion.sampler, {}
    for name in options.solvers:
        for calls in options.steps:
            diffusion.sampler = SOLVERS[name](calls)
            try:
                record.setdefault(name, {})[str(calls)] = measure(model)
            except ValueError as error:  # such as more steps than there are
                record[name][str(calls)] = {"refused": str(error)}
            print(name, calls, record[name][str(calls)], flush=True)
    diffusion.sampler = own
    if isinstance(own, AnnealedLangevin):
        record["own sampler"] = {str(own): measure(model)}
        print("own", record["own sampler"], flush=True)
    return record


def by_few(model: Consistency | Reflow, measure: Any) -> dict[str, Any]:
    """The distance by 1, 2 and 4 calls of the network."""
    record = {}
    for calls in (1, 2, 4):
        if isinstance(model, Consistency):
            model.calls = calls
        else:
            model.student.sampler = DDIM(calls)
        record[str(calls)] = measure(model)
        print("calls", calls, record[str(calls)], flush=True)
    if isinstance(model, Reflow):
        record["teacher, own sampler"] = measure(model.teacher)
    return record


def by_weight(model: Guided, measure: Any) -> dict[str, Any]:
    """Accuracy and distance for weights of guidance, 20 steps of DPM-Solver++ each."""
    own = model.model.sampler, model.weight
    model.model.sampler = DPMSolverPP(20)
    record = {}
    for model.weight in WEIGHTS:
        record[str(model.weight)] = measure(model)
        print("weight", model.weight, record[str(model.weight)], flush=True)
    model.model.sampler, model.weight = own
    return record


def likelihood(model: Any, data: Dataset, examples: int) -> dict[str, Any] | None:
    """Bits/dim of the test set, or of its first examples by an ODE."""
    if isinstance(model, Bounded) and not isinstance(model, LatentDiffusion):
        return bits_per_dim(model, data.test, size=500, examples=examples).record()
    if isinstance(model, Estimated):
        return bits_per_dim(model, data.test, examples=min(256, examples), steps=50).record()
    return None


def main() -> None:
    """Measures every checkpoint, and writes after each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoints", nargs="+", type=Path)
    parser.add_argument("--n", type=int, default=10_000)
    parser.add_argument("--examples", type=int, default=10_000, help="for bits/dim")
    parser.add_argument("--steps", type=int, nargs="*", default=[5, 10, 20, 50])
    parser.add_argument("--solvers", nargs="*", choices=SOLVERS, default=["ddim", "dpm", "heun"])
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--name", default="diffusion_steps")
    options = parser.parse_args()
    look = mnist_classifier()
    look.network.to(options.device)
    path = harness.RESULTS / f"{options.name}.json"
    models = json.loads(path.read_text())["models"] if path.exists() else {}
    for checkpoint in options.checkpoints:
        model = load(checkpoint, options.device)
        data = mnist(labels=model.given is not None)
        references = Seen.of(data.test.at(slice(None))[0], look)

        def measure(m: Any, data: Dataset = data, references: Seen = references) -> dict:
            return distance(m, data, look, references, options.n)

        print(checkpoint, flush=True)
        record: dict[str, Any] = {"samples": options.n, "parameters": parameters(model)}
        if isinstance(inner(model), NCSN):
            record["rungs"] = inner(model).rungs
        if isinstance(model, Consistency | Reflow):
            record["few"] = by_few(model, measure)
        if isinstance(model, Consistency):  # its teacher, for comparison
            model = model.teacher
        record["steps"] = {} if model is None else by_steps(model, options, measure)
        if isinstance(model, Guided):
            record["guidance"] = by_weight(model, measure)
        record["likelihood"] = likelihood(model, data, options.examples)
        models[checkpoint.stem] = record
        harness.write(options.name, {"features": str(look), "models": models})


def parameters(model: torch.nn.Module) -> int:
    """How many numbers are learned."""
    return sum(p.numel() for p in model.parameters())


if __name__ == "__main__":
    main()

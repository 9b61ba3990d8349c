"""Densities of the tables that scikit-learn carries: ours, scikit-learn's and zuko's on one split.

    OMP_NUM_THREADS=1 python bench/tables.py

Whatever is chosen is chosen by the validation split: components and regularisation of mixtures, the
bandwidth of kernels, the step at which a flow is kept, among 50 looks. Flows of zuko have the same
layers, units, bins, optimiser, batch size, bound on gradients and steps as ours; its splines have
no matrices between them, its MAF no batch normalisation. results/tables.json has, of
each, nats of the test split: the mean over seeds, the standard error of it over the test rows, the
median of all rows and seeds, and how far the seeds' means are apart.
"""

from __future__ import annotations

import copy
import functools
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from itertools import product

import harness
import numpy as np
import torch
import zuko
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import KernelDensity as TheirKernels
from torch import Tensor, nn

from pushforward.core.dataset import Dataset
from pushforward.models.latent.gmm import GMM
from pushforward.models.nonparametric.kernel_density import KernelDensity
from pushforward.presets import shipped_tables as presets
from pushforward.training.experiment import Experiment
from pushforward.training.fit import fit
from pushforward.training.recipe import Adam, Recipe

SEEDS = (0, 1, 2)
COMPONENTS, REGULARISATIONS = (1, 2, 3, 5), (1e-3, 1e-2, 3e-2, 1e-1)
BANDWIDTHS = np.geomspace(0.1, 2.0, 30)
Scores = tuple[Tensor, dict]  # log p of each test row, and what was chosen


def rows_of(data: Dataset) -> tuple[Tensor, Tensor, Tensor]:
    """The rows that train, validate and test."""
    return tuple(part.tensors[0] for part in (data.train, data.validation, data.test))  # type: ignore[return-value]


def chosen(
    data: Dataset, candidates: dict[tuple, Callable[[Tensor], Tensor]]
) -> tuple[Tensor, tuple]:
    """Log p of the test rows by the candidate that validates best, and its name."""
    _, held, test = rows_of(data)
    best = max(candidates, key=lambda name: float(candidates[name](held).mean()))
    return candidates[best](test), best


def our_mixture(data: Dataset, seed: int) -> Scores:
    recipe = Recipe(100, None, seed=seed, validate_every=0)

    def of(k: int, floor: float) -> Callable[[Tensor], Tensor]:
        model = fit(GMM(data.space.dims, k, regularisation=floor), data, recipe, quiet=True)
        return model.log_prob  # type: ignore[attr-defined]

    grid = product(COMPONENTS, REGULARISATIONS)
    with torch.no_grad():
        log_p, (k, floor) = chosen(data, {(k, floor): of(k, floor) for k, floor in grid})
    return log_p, {"components": k, "regularisation": floor}


def their_mixture(data: Dataset, seed: int) -> Scores:
    train = data.train.tensors[0].double().numpy()

    def of(k: int, floor: float) -> Callable[[Tensor], Tensor]:
        model = GaussianMixture(k, reg_covar=floor, random_state=seed).fit(train)
        return lambda x: torch.from_numpy(model.score_samples(x.double().numpy()))

    grid = product(COMPONENTS, REGULARISATIONS)
    log_p, (k, floor) = chosen(data, {(k, floor): of(k, floor) for k, floor in grid})
    return log_p, {"components": k, "regularisation": floor}


def our_kernels(data: Dataset, seed: int) -> Scores:
    recipe = Recipe(100, None, seed=seed, validate_every=0)
    model = fit(KernelDensity(data.space.dims), data, recipe, quiet=True)
    with torch.no_grad():
        return model.log_prob(data.test.tensors[0]), {"bandwidth": round(model.bandwidth, 4)}  # type: ignore[attr-defined]


def their_kernels(data: Dataset, seed: int) -> Scores:
    train = data.train.tensors[0].double().numpy()

    def of(width: float) -> Callable[[Tensor], Tensor]:
        model = TheirKernels(bandwidth=width).fit(train)
        return lambda x: torch.from_numpy(model.score_samples(x.double().numpy()))

    log_p, (width,) = chosen(data, {(width,): of(width) for width in BANDWIDTHS})
    return log_p, {"bandwidth": round(float(width), 4)}


def ours(build: Callable[..., Experiment]) -> Callable[[Dataset, int], Scores]:
    def run(data: Dataset, seed: int) -> Scores:
        torch.manual_seed(seed)
        asked = build(data.name)
        seen: list = []
        recipe = replace(asked.recipe, seed=seed)
        with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
            warnings.filterwarnings("ignore", "the validation loss was least")
            kept = fit(asked.model, data, recipe, folder, quiet=True, keep_best=True, history=seen)
        looked = [report for report in seen if report.validation_loss is not None]
        best = min(looked, key=lambda report: report.validation_loss)
        with torch.no_grad():
            return kept.log_prob(data.test.tensors[0]), {"step": best.step}  # type: ignore[attr-defined]

    return run


def theirs(build: Callable[[int], nn.Module], like: Callable[..., Experiment]):
    def run(data: Dataset, seed: int) -> Scores:
        torch.manual_seed(seed)
        return kept_best(build(data.space.dims), data, like(data.name).recipe)

    return run


def kept_best(flow: nn.Module, data: Dataset, recipe: Recipe) -> Scores:
    """Trains a flow of zuko by the recipe, and keeps it as it validated best."""
    train, held, test = rows_of(data)
    assert isinstance(recipe.optimizer, Adam)
    adam, step = recipe.optimizer.build(flow.parameters()), 0
    best, kept, at = float("inf"), flow.state_dict(), 0
    while step < recipe.steps:
        for batch in torch.randperm(len(train)).split(recipe.batch_size or len(train)):
            adam.zero_grad()
            (-flow().log_prob(train[batch]).mean()).backward()
            nn.utils.clip_grad_norm_(flow.parameters(), recipe.clip or 1e9)
            adam.step()
            step += 1
            if step % recipe.every(recipe.validate_every, 10) == 0:
                with torch.no_grad():
                    loss = float(-flow().log_prob(held).mean())
                if loss < best:
                    best, kept, at = loss, copy.deepcopy(flow.state_dict()), step
    flow.load_state_dict(kept)
    with torch.no_grad():
        return flow().log_prob(test), {"step": at}


def maf(features: int) -> nn.Module:
    return zuko.flows.MAF(features, transforms=5, hidden_features=(32, 32))


def nsf(features: int) -> nn.Module:
    return zuko.flows.NSF(features, transforms=2, bins=4, hidden_features=(16,))


PLAIN_MAF = functools.partial(presets.maf_tables, normalised=False)
METHODS: dict[str, dict[str, Callable[[Dataset, int], Scores]]] = {
    "Gaussian mixture": {"pushforward": our_mixture, "scikit-learn": their_mixture},
    "Kernel density": {"pushforward": our_kernels, "scikit-learn": their_kernels},
    "MAF": {"pushforward": ours(PLAIN_MAF), "zuko": theirs(maf, PLAIN_MAF)},
    "MAF, batch normalised": {"pushforward": ours(presets.maf_tables)},
    "Spline flow": {
        "pushforward": ours(presets.nsf_tables),
        "zuko": theirs(nsf, presets.nsf_tables),
    },
    "FFJORD": {"pushforward": ours(presets.ffjord_tables)},
}


def measured(method: Callable[[Dataset, int], Scores], data: Dataset) -> dict:
    """Nats of the test split over the seeds."""
    start = time.process_time()
    runs = [method(data, seed) for seed in SEEDS]
    log_p = torch.stack([log_p.double() for log_p, _ in runs])  # (seeds, rows)
    means, each = -log_p.mean(1), -log_p.mean(0)
    return {
        "nll": round(float(means.mean()), 4),
        "standard_error": round(float(each.std() / len(each) ** 0.5), 4),
        "median": round(float(-log_p.median()), 4),
        "over_seeds": round(statistics.stdev(means.tolist()), 4),
        "chosen": [what for _, what in runs],
        "processor_seconds": round((time.process_time() - start) / len(SEEDS), 2),
    }


def main() -> None:
    """Measures all methods on both tables and writes results/tables.json."""
    found: dict = {}
    for name in presets.TABLES:
        data = presets._table(name)
        parts = {part: len(x) for part, x in zip(("train", "validation", "test"), rows_of(data))}
        found[name] = {"rows": parts, "columns": data.space.dims, "nats": {}}
        for title, packages in METHODS.items():
            scores = {package: measured(method, data) for package, method in packages.items()}
            found[name]["nats"][title] = scores
            print(name, title, {p: (s["nll"], s["chosen"]) for p, s in scores.items()}, flush=True)
    harness.write("tables", {"seeds": list(SEEDS), "tables": found}, ("scikit-learn", "zuko"))


if __name__ == "__main__":
    main()

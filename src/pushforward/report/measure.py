"""Measuring for the comparison: a preset is trained, a checkpoint taken up; both meet one split."""

from __future__ import annotations

import inspect
import json
import time
import warnings
from pathlib import Path

import torch

from ..core import checkpoint
from ..core.catalogue import Preset, preset_called
from ..core.contract import Bounded, Density, Generative, Latent, Weighted
from ..core.dataset import Dataset, Split
from ..core.likelihood import Likelihood
from ..core.spaces import Pixels
from ..data import find
from ..data.fingerprints import change
from ..data.names import changed, recorded
from ..metrics.disentanglement import scores_if_known
from ..metrics.elbo_surgery import Levels, Surgery, elbo_surgery, level_rates
from ..metrics.likelihood import bits_per_dim, nats
from ..metrics.reverse_kl import reverse_kl_if_known
from ..training.fit import LOG, fit
from ..training.reports import Report
from . import pictures
from .naming import Named, named
from .row import Row
from .sampled import SAMPLES, Sampled, neighbours

PAIRS = 8  # samples that are shown beside the training example nearest to each
SURGERY, SURGERY_DRAWS = 2_000, 4  # test examples, and latents for each
SURGERY_OF_NETWORKS = 200  # examples where a network gives the density of each pair of x and z
IMPORTANCE_SAMPLES = 50


def is_checkpoint(name: str) -> bool:
    """Whether a name to compare is that of a file, and not that of a preset."""
    return name.endswith(".safetensors")


def data_of(name: str) -> Dataset:
    """What a preset learns from, or what a checkpoint's record says that it learned from."""
    if not is_checkpoint(name):
        return preset_called(name).build().data
    return recorded_data(checkpoint.read(name))


def recorded_data(file: checkpoint.Checkpoint) -> Dataset:
    """The data that a checkpoint's record names; a warning tells where they have changed since.

    Raises ValueError where it names none, and where what tests now was trained on then.
    """
    described = file.record.get("data", {})
    if "spec" not in described:
        what = f"{described['name']!r}, which has no name here" if described else "no data"
        raise ValueError(f"{file.path} was trained on {what}: say which data with --data")
    data = recorded(described)
    found = changed(described, data)
    if found is not None and found.trained_on:
        raise ValueError(
            f"the data of {file.path} have changed: {found}. What it reaches on them says little: "
            f"restore them, or measure all the same with --data {data.origin['spec']}"
        )
    if found is not None:
        warnings.warn(f"the data of {file.path} have changed: {found}", stacklevel=2)
    return data


def other_data(file: checkpoint.Checkpoint, spec: str) -> Dataset:
    """The data of a spec; a warning tells where the checkpoint was trained on what tests there."""
    data, described = find(spec), file.record.get("data", {})
    known = "examples" in described and "examples" in data.origin
    found = change(described["examples"], data.origin["examples"]) if known else None
    if found is not None and found.trained_on:
        about = "about " if found.about else ""
        warnings.warn(
            f"{file.path} was trained on {about}{found.trained_on:,} of the {found.test:,} test "
            f"examples of {spec}",
            stacklevel=2,
        )
    return data


def measure(name: str) -> Row:
    """The row of a preset, trained here with one thread, or of a checkpoint."""
    torch.set_num_threads(1)
    if is_checkpoint(name):
        return of_checkpoint(name, k=IMPORTANCE_SAMPLES)
    return _of_preset(preset_called(name))


def _of_preset(preset: Preset) -> Row:
    torch.manual_seed(0)
    experiment = preset.build()
    data, recipe = experiment.data, experiment.recipe
    untrained = likelihood(experiment.model, data.test)
    untrained_quality = Sampled.of(experiment.model, data).quality
    history: list[Report] = []
    start = time.perf_counter()
    model = fit(experiment.model, data, recipe, quiet=True, history=history)
    seconds = time.perf_counter() - start
    row = _row(preset.name, model, data, named(model, preset))
    row.about = (inspect.getdoc(preset.build) or "").split("\n\n")[0]
    row.train_seconds, row.seed, row.history = seconds, recipe.seed, history
    row.untrained, row.untrained_quality = untrained, untrained_quality
    return row


def of_checkpoint(
    name: str,
    data: Dataset | None = None,
    k: int | None = None,
    samples: int = SAMPLES,
    thorough: bool = False,
) -> Row:
    """The row of a checkpoint, on `data` (None: what it was trained on).

    Args:
        name: its file.
        data: what it is measured on.
        k: samples of the importance-weighted bound, where it has one (None: the ELBO).
        samples: how many are drawn at most, and compared with as many test examples.
        thorough: whether more is measured on the samples than the page's table shows.
    """
    file = checkpoint.read(name)
    model = checkpoint.load(name)
    data = data or recorded_data(file)
    row = _row(name, model, data, named(model), k, samples, thorough)
    row.train_seconds = file.record.get("training", {}).get("seconds")
    row.seed = file.record.get("recipe", {}).get("fields", {}).get("seed")
    row.about = "A checkpoint, trained before."
    log = Path(name).with_name(LOG)
    if log.is_file():
        row.history = [Report(**json.loads(line)) for line in log.read_text().splitlines()]
    return row


def _row(
    name: str,
    model: Generative,
    data: Dataset,
    called: Named,
    k: int | None = IMPORTANCE_SAMPLES,
    samples: int = SAMPLES,
    thorough: bool = False,
) -> Row:
    drawn = Sampled.of(model, data, samples)
    shown = drawn.shown
    return Row(
        name=name,
        model=called.label,
        title=called.title,
        family=called.family,
        about="",
        data=data.name,
        likelihood=likelihood(model, data.test, k),
        quality=drawn.quality,
        parameters=sum(p.numel() for p in model.parameters()),
        train_seconds=None,
        samples_per_second=drawn.speed,
        seed=None,
        samples=shown,
        neighbours=neighbours(shown[:PAIRS], data),
        walk=pictures.walk(model),
        surgery=surgery(model, data.test),
        further=(
            *drawn.further(data),
            *scores_if_known(model, data),
            *reverse_kl_if_known(model),
        )
        if thorough
        else (),
    )


def surgery(model: Generative, split: Split) -> Surgery | Levels | None:
    """What the rate of a model with latents is spent on; None for one that has no such parts."""
    some = split.first(SURGERY_OF_NETWORKS if _moved(model, split) else SURGERY)
    for cut in (elbo_surgery, level_rates):
        try:
            return cut(model, some, samples=SURGERY_DRAWS)
        except ValueError:
            continue
    return None


def _moved(model: Generative, split: Split) -> bool:
    """Whether q(z | x) of another draw costs a pass of a network, as that of a flow does."""
    if not isinstance(model, Latent):
        return False
    with torch.no_grad():
        q = model.encode(split.at(slice(0, 1), model.device)[0])
    return hasattr(q, "rsample_and_log_prob")


def likelihood(
    model: Generative, split: Split, k: int | None = IMPORTANCE_SAMPLES
) -> Likelihood | None:
    """The likelihood of a split with its kind, None for a model without.

    Images are told in bits/dim, other data in nats. Where the model has importance weights, the
    bound is of `k` of them (None: the ELBO).
    """
    if not isinstance(model, Density | Bounded):
        return None
    measured = bits_per_dim if isinstance(model.space, Pixels) else nats
    return measured(model, split, k if isinstance(model, Weighted) else None)

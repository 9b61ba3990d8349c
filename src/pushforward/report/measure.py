"""Measuring for the comparison: a preset is trained, a checkpoint taken up; both meet one split."""

from __future__ import annotations

import inspect
import re
import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import torch

from ..core import checkpoint
from ..core.catalogue import Preset, preset_called, presets
from ..core.contract import Bounded, Density, Estimated, Generative, Latent, Weighted
from ..core.dataset import Dataset, Split
from ..core.likelihood import Likelihood
from ..core.spaces import Pixels
from ..data.names import recorded_data
from ..media.trained import Trained, opened
from ..media.zoo import is_zoo, located
from ..metrics.disentanglement import scores_if_known
from ..metrics.features import Features
from ..metrics.likelihood import bits_per_dim, nats
from ..metrics.looking import extractor_for
from ..metrics.retrieval import retrieval_if_known
from ..metrics.reverse_divergence import reverse_kl_if_known
from ..metrics.surgery import Levels, Surgery, elbo_surgery, level_rates
from ..pictures.walks import ROWS, conditions_of, walked
from ..training.bars import counted
from ..training.fit import LOG, fit
from ..training.reports import Report, logged
from .kept import revived
from .naming import Named, named
from .row import Row
from .sampled import SAMPLES, Sampled, neighbours

PAIRS = 8  # samples that are shown beside the training example nearest to each
SURGERY, SURGERY_DRAWS = 2_000, 4  # test examples, and latents for each
SURGERY_OF_NETWORKS = 200  # examples where a network gives the density of each pair of x and z
IMPORTANCE_SAMPLES = 50
WEIGHTED = re.compile(r"importance-weighted bound \((\d+)\)")


def is_checkpoint(name: str) -> bool:
    """Whether a name to compare is that of a file or of the zoo, and not that of a preset."""
    return is_zoo(name) or name.endswith(".safetensors")


def data_of(name: str) -> Dataset:
    """What a preset learns from, or what a checkpoint's record says that it learned from."""
    if not is_checkpoint(name):
        return preset_called(name).build().data
    return recorded_data(name, checkpoint.record_of(located(name)).get("data", {}))


def measure(name: str, features: str | None = None) -> Row:
    """The row of a preset, trained here with one thread, or of a checkpoint.

    A checkpoint that was measured before has its row in its file. `features` names the extractor,
    as `extractor_for` takes it; with one, everything is measured.
    """
    torch.set_num_threads(1)
    if is_checkpoint(name):
        trained = opened(name)
        before = revived(trained) if features is None else None
        return before or of_checkpoint(trained, k=IMPORTANCE_SAMPLES, features=features)
    return _of_preset(preset_called(name), features)


def _of_preset(preset: Preset, features: str | None = None) -> Row:
    torch.manual_seed(0)
    experiment = preset.build()
    data, recipe = experiment.data.told(experiment.model.given), experiment.recipe
    untrained = likelihood(experiment.model, data.test)
    look = extractor_for(data, features)
    untrained_quality = Sampled.of(experiment.model, data, look).quality
    history: list[Report] = []
    start = time.perf_counter()
    model = fit(experiment.model, data, recipe, quiet=True, history=history)
    seconds = time.perf_counter() - start
    row = _row(preset.name, model, data, named(model, preset), look)
    row.about = (inspect.getdoc(preset.build) or "").split("\n\n")[0]
    row.train_seconds, row.seed, row.history = seconds, recipe.seed, history
    row.untrained, row.untrained_quality = untrained, untrained_quality
    return row


def of_checkpoint(
    trained: Trained,
    data: Dataset | None = None,
    k: int | None = None,
    samples: int = SAMPLES,
    thorough: bool = False,
    features: str | None = None,
    quiet: bool = True,
    ode: Mapping[str, Any] = MappingProxyType({}),
) -> Row:
    """The row of a checkpoint, on `data` (None: what it was trained on).

    Args:
        trained: what was opened.
        data: what it is measured on.
        k: samples of the importance-weighted bound, where it has one (None: the ELBO).
        samples: how many are drawn at most, and compared with as many test examples.
        thorough: whether more is measured on the samples than the page's table shows.
        features: what samples are seen through, as `extractor_for` takes it.
        quiet: no bars on stderr.
        ode: `steps`, `probes` and `tolerance` of an ODE, as `nats` takes them.
    """
    data, model, recipe = data or trained.data(), trained.model, trained.recipe
    look = extractor_for(data, features)
    row = _row(trained.name, model, data, named(model), look, k, samples, thorough, quiet, ode)
    row.train_seconds = trained.seconds
    row.seed = None if recipe is None else recipe.seed
    row.about = "A checkpoint, trained before."
    log = trained.beside(LOG)
    if log.is_file():
        row.history = logged(log)
    return row


def _row(
    name: str,
    model: Generative,
    data: Dataset,
    called: Named,
    look: Features,
    k: int | None = IMPORTANCE_SAMPLES,
    samples: int = SAMPLES,
    thorough: bool = False,
    quiet: bool = True,
    ode: Mapping[str, Any] = MappingProxyType({}),
) -> Row:
    with counted(f"{name}: samples", quiet) as watch:
        drawn = Sampled.of(model, data, look, samples, watch)
    shown = drawn.shown
    return Row(
        name=name,
        model=called.label,
        title=called.title,
        family=called.family,
        about="",
        data=data.name,
        likelihood=likelihood(model, data.test, k, quiet, ode),
        quality=drawn.quality,
        parameters=sum(p.numel() for p in model.parameters()),
        train_seconds=None,
        samples_per_second=drawn.speed,
        seed=None,
        samples=shown,
        neighbours=neighbours(shown[:PAIRS], data, look),
        walk=walked(model, told=conditions_of(model, data.test, ROWS)),
        surgery=surgery(model, data.test),
        further=(
            *drawn.further(data),
            *scores_if_known(model, data),
            *retrieval_if_known(model, data),
            *reverse_kl_if_known(model),
        )
        if thorough
        else (),
    )


def recorded_samples(preset: str | None) -> int | None:
    """Samples of the importance-weighted bound that a preset's record tells; None where it has
    another kind of likelihood, or there is no record.
    """
    known = presets().get(preset or "")
    kinds = [number.likelihood for number in known.reached] if known else []
    found = [int(kind[1]) for kind in map(WEIGHTED.fullmatch, kinds) if kind]
    return max(found, default=None)


def surgery(model: Generative, split: Split) -> Surgery | Levels | None:
    """What the rate of a model with latents is spent on; None for one that has no such parts."""
    some = split.first(SURGERY_OF_NETWORKS if _moved(model, split) else SURGERY)
    for cut in (level_rates, elbo_surgery):  # levels: a pass each, not one for each pair of data
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
        q = model.encode(*split.told(model.given).at(slice(0, 1), model.device))
    return hasattr(q, "rsample_and_log_prob")


def likelihood(
    model: Generative,
    split: Split,
    k: int | None = IMPORTANCE_SAMPLES,
    quiet: bool = True,
    ode: Mapping[str, Any] = MappingProxyType({}),
) -> Likelihood | None:
    """The likelihood of a split with its kind, None for a model without.

    Images are told in bits/dim, those of two levels and other data in nats. Where the model has
    importance weights, the bound is of `k` of them (None: the ELBO). Unless `quiet`, a bar shows
    how far it is.
    """
    if not isinstance(model, Density | Bounded | Estimated):
        return None
    grey = isinstance(model.space, Pixels) and model.space.levels > 2
    measured = bits_per_dim if grey else nats
    with counted("likelihood of the test split", quiet) as watch:
        return measured(
            model, split, k if isinstance(model, Weighted) else None, watch=watch, **ode
        )

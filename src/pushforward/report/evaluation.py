"""Evaluation of checkpoints on the test split of their data: lines, a table, and the page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ..core.contract import Bounded, Density, Estimated, Generative, Latent, Weighted
from ..core.dataset import Dataset, Split
from ..core.likelihood import Likelihood
from ..core.spaces import Pixels, Tokens, count
from ..data.names import other_data
from ..media.trained import Trained, opened
from ..metrics.ais import ais_nats, check_annealable
from ..metrics.critic_rate import CriticRate, has_critic_rate, rate_by_critic
from ..metrics.disentanglement import udr
from ..metrics.likelihood import check_solved, nats
from ..metrics.looking import extractor_for
from ..metrics.samples import ranked
from ..training.bars import counted
from . import tables
from .compare import Comparison, write
from .measure import of_checkpoint, recorded_samples
from .row import Row
from .sampled import SAMPLES
from .sentences import grammatical_lines

LEAST = 5  # test examples that samples are compared with; fewer have no three neighbours
ANNEALED = 100  # test examples that annealing looks at where nobody says how many


def evaluated(
    paths: Sequence[str],
    data: str | None = None,
    k: int | None = None,
    samples: int | None = None,
    out: str | Path | None = None,
    features: str | None = None,
    ais: int | None = None,
    records: list[dict[str, Any]] | None = None,
    ode: Mapping[str, Any] = MappingProxyType({}),
) -> Iterator[str]:
    """Likelihood and sample metrics of every checkpoint, a table, and which is best of several.

    Args:
        paths: of .safetensors files.
        data: what all are measured on, as `pushforward.data.find` understands it; None takes what
            each was trained on.
        k: samples of the importance-weighted bound, 0 for the ELBO; None takes as many as the
            figure that the checkpoint's preset is recorded with.
        samples: how many are drawn and compared; None takes as many as there are test data.
        out: a folder for the page, and for the same as JSON, Markdown and CSV.
        features: what samples are seen through, as `extractor_for` takes it.
        ais: test examples whose likelihood is also found by annealing; None leaves that out, but
            takes ANNEALED where a critic alone tells a model's rate.
        records: a list that what was found of each is appended to, as for JSON.
        ode: `steps`, `probes` and `tolerance` of estimates by an ODE, as `nats` takes them.

    Raises:
        ValueError: before anything is measured, for a model of another space than its data, `k` for
            one without importance weights, `ais` for one without a decoder and a prior, or features
            that are not for these data; at the end, where numbers cannot be compared.
    """
    n = count("samples", SAMPLES if samples is None else samples, 2)
    models = {path: opened(path) for path in paths}
    sources = {path: _source(trained, data, k) for path, trained in models.items()}
    for path, source in sources.items():
        _check_asked(models[path], source, features, ais, ode)
    if out is not None:
        _check_one_data(sources)
    rows: list[Row] = []
    records = [] if records is None else records
    for path, source in sources.items():
        weights = _weights(models[path], k)
        if isinstance(source.space, Tokens) or len(source.test) < LEAST:  # there is no table
            yield from _of_tokens(models[path], source, weights, n, ais, records, ode)
            continue
        row = of_checkpoint(models[path], source, weights, n, True, features, False, ode)
        _anneal(row, models[path], source, ais)
        yield f"{path}: {row.model} on {source.name}, test split"
        yield from _lines(row)
        rows.append(row)
        records.append({"checkpoint": path, **row.record()})
    _check_one_data(sources)
    if rows:
        yield from ("", *tables.markdown(rows).strip().splitlines())
    if len(rows) > 1:
        names = ranked({row.name: row.quality.frechet for row in rows})
        yield f"by Frechet distance, best first: {', '.join(names)}"
        yield from _agreement([models[row.name] for row in rows], sources[rows[0].name])
    if out is not None and rows:
        yield _written(rows, next(iter(sources.values())), Path(out), features)


def _agreement(models: list[Trained], data: Dataset) -> Iterator[str]:
    """How far models with encoders found the same latents, where there are at least two."""
    encoding = [trained for trained in models if isinstance(trained.model, Latent)]
    if len(encoding) > 1:
        found = udr([trained.model for trained in encoding], data.test.first(SAMPLES))
        yield from (f"{trained.name}: {number}" for trained, number in zip(encoding, found))


def _weights(trained: Trained, k: int | None) -> int | None:
    """Samples of the bound: as asked for, else as in the preset's record; None for the ELBO."""
    if k is None and isinstance(trained.model, Weighted):
        k = recorded_samples(trained.preset)
    return k or None


def _check_asked(
    trained: Trained,
    source: Dataset,
    features: str | None,
    ais: int | None,
    ode: Mapping[str, Any],
) -> None:
    """What was asked for and cannot be had of a model, or of its data, is refused at once."""
    if features is not None:
        if isinstance(source.space, Tokens):
            raise ValueError(f"samples of {source.name} are not seen by features: leave it out")
        extractor_for(source, features)
    if ais is not None:
        count("ais", ais)
        check_annealable(trained.model)
    check_solved(trained.model, **ode)


def _written(rows: list[Row], data: Dataset, folder: Path, features: str | None) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    names = tuple(row.name for row in rows)
    write(Comparison(names, dict.fromkeys(names, data), rows, features=features), folder)
    return f"wrote {folder}/index.html, results.json, results.md, results.csv"


def _anneal(row: Row, trained: Trained, source: Dataset, examples: int | None) -> None:
    """Writes into a row what annealing says, and a critic where the rate is by one."""
    row.critic = _judged(trained, source, examples)
    row.annealed = row.critic.annealed if row.critic else _annealed(trained, source, examples)


def _judged(trained: Trained, source: Dataset, examples: int | None) -> CriticRate | None:
    """What a critic says of the rate, beside annealing; None where no critic does."""
    if not has_critic_rate(trained.model) or not len(source.test):
        return None
    with counted(f"{trained.name}: annealing"):
        return rate_by_critic(trained.model, source.test.first(examples or ANNEALED))


def _annealed(trained: Trained, source: Dataset, examples: int | None) -> Likelihood | None:
    if examples is None:
        return None
    with counted(f"{trained.name}: annealing"):
        return ais_nats(trained.model, source.test.first(examples))


def _of_tokens(
    trained: Trained,
    source: Dataset,
    k: int | None,
    samples: int,
    ais: int | None,
    records: list[dict[str, Any]],
    ode: Mapping[str, Any],
) -> Iterator[str]:
    """What is known of a model of tokens, or where there is little to test on: its likelihood; and
    how many samples are grammatical.
    """
    model = trained.model
    found, judged = _likelihood(model, source.test, k, False, ode), _judged(trained, source, ais)
    annealed = judged.annealed if judged else _annealed(trained, source, ais)
    known = {"likelihood": found, "ais": annealed}
    told = {name: None if value is None else value.record() for name, value in known.items()}
    records.append({"checkpoint": trained.name, "data": source.name, **told})
    yield f"{trained.name}: {type(model).__name__} on {source.name}, test split"
    pixels = isinstance(source.space, Pixels)
    yield from _told(found, pixels)
    if judged is not None:
        yield from (f"test: {line}" for line in str(judged).splitlines())
    if annealed is not None:
        yield from _told(annealed, pixels)
    if isinstance(source.space, Tokens):
        yield from grammatical_lines(model, source, samples)
    else:
        few = len(source.test)
        yield f"test: samples are compared with at least {LEAST} examples, and there are {few}"


def _lines(row: Row) -> Iterator[str]:
    """All that is known of a row, a line for each number with its circumstances."""
    yield from _told(row.likelihood, row.pixels)
    if row.critic is not None:
        yield from (f"test: {line}" for line in str(row.critic).splitlines())
    if row.annealed is not None:
        yield from _told(row.annealed, row.pixels)
    yield from (f"test: {number}" for number in row.numbers)
    if row.surgery is not None:
        yield f"test: where the bound goes ({row.surgery.examples} examples)"
        yield from (f"  {line}" for line in str(row.surgery).splitlines())


def likelihood_lines(
    model: Generative, split: Split, k: int | None = None, quiet: bool = True
) -> Iterator[str]:
    """The likelihood in nats, for images in bits/dim as well; "none" for a model without.

    Unless `quiet`, a bar on stderr shows how far it is.
    """
    if not len(split):
        yield "test: nothing was held out to test on"
        return
    yield from _told(_likelihood(model, split, k, quiet), isinstance(model.space, Pixels))


def likelihood_record(model: Generative, split: Split) -> dict[str, Any] | None:
    """The likelihood as JSON has it; None where there is none, or nothing to measure on."""
    found = _likelihood(model, split) if len(split) else None
    return None if found is None else found.record()


def _likelihood(
    model: Generative,
    split: Split,
    k: int | None = None,
    quiet: bool = True,
    ode: Mapping[str, Any] = MappingProxyType({}),
) -> Likelihood | None:
    """The likelihood of a model that has one; unless `quiet` with a bar."""
    if not isinstance(model, Density | Bounded | Estimated):
        return None
    with counted("measuring on the test split", quiet) as watch:
        return nats(model, split, k, watch=watch, **ode)


def _told(found: Likelihood | None, pixels: bool) -> Iterator[str]:
    if found is None:
        yield "test: likelihood none"
        return
    for unit in ("nats", "bits/dim") if pixels else ("nats",):
        in_unit = replace(found, unit=unit)
        ends = in_unit.interval
        reach = f", 95% interval {ends[0]:.5g} to {ends[1]:.5g} by bootstrap" if ends else ""
        yield f"test: negative log-likelihood {in_unit}{reach}"


def _source(trained: Trained, data: str | None, k: int | None) -> Dataset:
    """The data that a checkpoint is measured on; what cannot be is refused before all else."""
    path, model = trained.name, trained.model
    source = other_data(path, trained.about, data) if data else trained.data()
    if model.space != source.space:
        raise ValueError(
            f"{path} is a model of {model.space}, but {source.name} holds {source.space}: "
            "give --data what it was trained on"
        )
    if k is not None and k != 0 and not isinstance(model, Weighted):
        raise ValueError(f"{path}: {type(model).__name__} has no importance weights: leave --k out")
    return source.told(model.given)


def _check_one_data(data: dict[str, Dataset]) -> None:
    if len({source.name for source in data.values()}) > 1:
        told = ", ".join(f"{path} on {source.name}" for path, source in data.items())
        raise ValueError(f"numbers of different data cannot be compared: {told}")

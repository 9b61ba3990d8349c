"""Sentences out of models: how many keep to the grammar."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from ..core.contract import Generative
from ..core.dataset import Dataset
from ..core.vocabulary import Vocabulary
from ..data.grammar import Grammar
from ..metrics.acceptance import accepted
from ..metrics.measurement import Measurement
from ..models.latent.sentence_vae import interpolate
from ..models.latent.vae import VAE

PAIRS, STEPS = 100, 7


def grammatical_lines(model: Generative, data: Dataset, samples: int) -> Iterator[str]:
    """How many samples, and sentences between two test sentences, are of the data's grammar."""
    grammar = Grammar.recorded(data.origin)
    if grammar is None:
        yield f"test: no sample metrics, because there is no extractor for {model.space}"
        return
    vocabulary = Vocabulary.recorded(data.origin)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        said = vocabulary.decode(model.eval().sample(samples).cpu())
    yield f"test: {accepted(said, grammar.accepts, 'grammatical samples')}"
    if isinstance(model, VAE):
        yield f"test: {grammatical_between(model, data, grammar)}"


def grammatical_between(
    model: VAE, data: Dataset, grammar: Grammar, pairs: int = PAIRS, steps: int = STEPS
) -> Measurement:
    """The share of grammatical sentences strictly between pairs of test sentences."""
    x = data.test.at(slice(0, 2 * pairs), model.device)[0]
    a, b = x[: len(x) // 2], x[len(x) // 2 : len(x) // 2 * 2]
    inner = interpolate(model.eval(), a, b, steps=steps)[:, 1:-1].flatten(0, 1)
    said = Vocabulary.recorded(data.origin).decode(inner)
    return accepted(said, grammar.accepts, "grammatical between")

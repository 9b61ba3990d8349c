"""Pictures of sentences: what a model says between two of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from ..core.catalogue import preset_called
from ..core.vocabulary import Vocabulary
from ..data.grammar import Grammar
from ..media.trained import opened
from ..models.latent.sentence_vae import interpolate
from ..models.latent.vae import VAE
from ..training.fit import fit
from .gallery import picture
from .shown import blank

if TYPE_CHECKING:
    from .notebook import Sheet


@picture
def draw(
    start: str = "the small cat sleeps.",
    end: str = "two teachers follow a happy dog near the bridge.",
    steps: int = 9,
    file: str | None = None,
    training: int = 4_000,
) -> Sheet:
    """The sentences between two, by a sentence VAE; those that break the grammar are red.

    Args:
        start: a sentence.
        end: another.
        steps: how many sentences, both ends included.
        file: the checkpoint of a sentence VAE; None trains one first.
        training: its steps.
    """
    model, about = _trained(training) if file is None else _loaded(file)
    lines = between(model, Vocabulary.recorded(about), start, end, steps)
    grammar = Grammar.recorded(about)
    figure = blank(5.2, 0.28 * (len(lines) + 3))
    axis = figure.subplots()
    axis.set_axis_off()
    for i, line in enumerate([start, *lines, end]):
        own, place = 0 < i <= len(lines), 1 - (i + 0.5) / (len(lines) + 2)
        broken = own and grammar is not None and not grammar.accepts(line)
        color, style = "firebrick" if broken else "black", "normal" if own else "italic"
        axis.text(0.11, place, line, color=color, style=style, va="center")
        if own:
            axis.text(0.0, place, f"{(i - 1) / (len(lines) - 1):.2f}", color="grey", va="center")
    return figure


def between(model: VAE, vocabulary: Vocabulary, start: str, end: str, steps: int = 7) -> list[str]:
    """`steps` sentences from `start` to `end`, as the model puts them.

    Raises ValueError for a word that it does not know, or a sentence that is too long.
    """
    length = model.space.shape[0]
    a, b = vocabulary.encode([start, end], length).to(model.device).split(1)
    return vocabulary.decode(interpolate(model, a, b, steps=steps)[0])


def _trained(steps: int) -> tuple[VAE, dict]:
    torch.manual_seed(0)
    experiment = preset_called("sentence_vae").build(steps=steps)
    model = fit(experiment.model, experiment.data, experiment.recipe, quiet=True)
    return _sentence_vae(model, "the preset"), experiment.data.describe()


def _loaded(file: str) -> tuple[VAE, dict]:
    trained = opened(file)
    return _sentence_vae(trained.model, file), trained.about


def _sentence_vae(model: object, name: str) -> VAE:
    """Returns the model; raises ValueError where it is no VAE."""
    if not isinstance(model, VAE):
        raise ValueError(
            f"{name} holds a {type(model).__name__}, but walks need a VAE of sentences"
        )
    return model

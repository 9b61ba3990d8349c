"""Presets of models of sentences."""

from __future__ import annotations

from ..core.catalogue import preset
from ..core.dataset import Dataset
from ..models.autoregressive.recurrent import RecurrentLM
from ..models.discrete.masked_diffusion import MaskedDiffusion
from ..models.latent.sentence_vae import recurrent_vae
from ..objectives.variational import ELBO, Linear
from ..training.experiment import Experiment
from ..training.recipe import Adam, Cosine, Recipe


@preset("sentence-vae", "kl-annealing")
def sentence_vae(
    latent: int = 16, width: int = 128, blind: float = 0.3, steps: int = 4_000
) -> Experiment:
    """A sentence VAE on sentences of a small English grammar.

    pushforward train sentence_vae
    pushforward draw sentence-interpolation

    Args:
        latent: length of z.
        width: features of the GRUs' states.
        blind: probability of hiding a word from the decoder, in training.
        steps: of training; the rate is charged in full after the first half.
    """
    from ..data import sentences

    return _annealed(sentences(), latent, width, blind, steps)


@preset("sentence-vae")
def sentence_vae_file(
    path: str = "sentences.txt",
    unit: str = "words",
    length: int | None = None,
    latent: int = 32,
    width: int = 256,
    blind: float = 0.3,
    steps: int = 20_000,
) -> Experiment:
    """A sentence VAE on the lines of a text file.

    pushforward train sentence_vae_file --path FILE      (not measured)

    Args:
        path: of the file, a sentence on a line.
        unit: words or characters.
        length: of the longest sentence that is kept; as long as there are where None.
        latent: length of z.
        width: features of the GRUs' states.
        blind: probability of hiding a word from the decoder, in training.
        steps: of training; the rate is charged in full after the first half.
    """
    from ..data import text

    return _annealed(text(path, unit, length), latent, width, blind, steps)


@preset()
def recurrent_sentences(width: int = 128, steps: int = 2_000) -> Experiment:
    """A recurrent language model on sentences of a small English grammar, without latents.

    pushforward train recurrent_sentences
    """
    from ..data import sentences

    data = sentences()
    recipe = Recipe(steps, 64, Adam(3e-3), schedule=Cosine(warmup=50), ema=0.99, clip=1.0)
    return Experiment(RecurrentLM(data.space, width), data, recipe)


@preset("char-rnn")
def char_rnn_sentences(width: int = 128, steps: int = 2_000) -> Experiment:
    """The same network on the same sentences, a character at a time.

    pushforward train char_rnn_sentences
    """
    from ..data import sentences

    data = sentences(unit="characters")
    recipe = Recipe(steps, 64, Adam(3e-3), schedule=Cosine(warmup=50), ema=0.99, clip=1.0)
    return Experiment(RecurrentLM(data.space, width, embedding=32), data, recipe)


@preset("char-rnn")
def char_rnn_file(
    path: str = "sentences.txt", length: int | None = None, width: int = 256, steps: int = 20_000
) -> Experiment:
    """A recurrent network over the characters of the lines of a text file.

    pushforward train char_rnn_file --path FILE      (not measured)

    Args:
        path: of the file, a sentence on a line.
        length: of the longest line that is kept; as long as there are where None.
        width: features of the state.
        steps: of training.
    """
    from ..data import text

    data = text(path, "characters", length)
    recipe = Recipe(steps, 64, Adam(2e-3), schedule=Cosine(warmup=100), ema=0.995, clip=1.0)
    return Experiment(RecurrentLM(data.space, width, embedding=32), data, recipe)


@preset("discrete-diffusion")
def masked_sentences(width: int = 96, layers: int = 3, steps: int = 2_500) -> Experiment:
    """Absorbing-state diffusion of sentences of a small English grammar, a word at a time.

    pushforward train masked_sentences
    """
    from ..data import sentences

    data = sentences()
    recipe = Recipe(steps, 64, Adam(2e-3), schedule=Cosine(warmup=100), ema=0.995, clip=1.0)
    return Experiment(MaskedDiffusion(data.space, width, layers), data, recipe)


def _annealed(data: Dataset, latent: int, width: int, blind: float, steps: int) -> Experiment:
    objective = ELBO(beta=Linear(until=0.5))
    model = recurrent_vae(data.space, latent, width, width // 2, blind, objective)
    recipe = Recipe(steps, 64, Adam(2e-3), schedule=Cosine(warmup=50), ema=0.995, clip=1.0)
    return Experiment(model, data, recipe)

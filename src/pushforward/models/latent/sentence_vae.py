"""Sentence VAE: sentences from a continuous space.

    p(x | z) = prod_t p(x_t | x_<t, z),    q(z | x) = N(m(x), s(x)^2),    -ELBO = distortion + rate
    between two sentences:   x_t = argmax p(x | (1 - t) m(a) + t m(b))

A language model speaks well without knowing what about. Here z says what about, all at once, and
between two z there are others: what is said there is again a sentence. The decoder would rather do
without z, so its words are hidden from it now and then, and the rate is charged only by and by.

Generating Sentences from a Continuous Space (Bowman et al., 2016), arXiv:1511.06349, sections 3-4.
Differs from the paper: GRU instead of LSTM; z stands beside every word besides starting the state;
the weight of the rate grows linearly instead of by a sigmoid; words are chosen greedily, not by
beam search.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ...core.blueprint import Component
from ...core.catalogue import example, system
from ...core.given import repeated, told
from ...core.spaces import Tokens, count
from ...core.vocabulary import END
from ...nn.conditions import width_of
from ...objectives.variational import ELBO, Linear, Objective
from ...probability.autoregressive_decoder import AutoregressiveDecoder
from ...probability.posteriors import DiagonalGaussian, Encoder
from ..autoregressive.recurrent import RecurrentLM
from .vae import VAE


class Reader(Component):
    """Sentences (batch, length) to vectors (batch, outputs): the state of a GRU at the end.

    Args:
        space: Tokens, of which 0 ends a sentence.
        outputs: length of the vectors.
        width: features of the state.
        embedding: length of the vectors that stand for words.
        context: length of a vector that it is told, which starts the state; 0 is none.
    """

    def __init__(
        self, space: Tokens, outputs: int, width: int = 128, embedding: int = 64, context: int = 0
    ):
        super().__init__()
        self.embedding = nn.Embedding(space.vocabulary, embedding)
        self.body = nn.GRU(embedding, width, batch_first=True)
        self.leave = nn.Linear(width, outputs)
        self.begin = nn.Linear(context, width) if count("context", context, 0) else None

    def forward(self, x: Tensor, c: Tensor | None = None) -> Tensor:
        """The vectors. What stands after the end is not seen."""
        begin = None if self.begin is None else self.begin(c).tanh()[None]
        h, _ = self.body(self.embedding(x), begin)
        last = ((x == END).cumsum(1) == 0).sum(1).clamp(max=x.shape[1] - 1)
        return self.leave(h[torch.arange(len(x), device=x.device), last])


def recurrent_vae(
    space: Tokens,
    latent: int = 16,
    width: int = 128,
    embedding: int = 64,
    blind: float = 0.25,
    objective: Objective | None = None,
    classes: int = 0,
) -> VAE:
    """A VAE with a GRU that reads and a GRU that speaks.

    Args:
        space: Tokens, of which 0 ends a sentence.
        latent: length of z.
        width, embedding: of both GRUs.
        blind: probability of hiding a word from the decoder, in training.
        objective: what is minimised; the negative ELBO where None.
        classes: labels that both are told; 0 is none.
    """
    head, given = DiagonalGaussian(latent), told(classes)
    reader = Reader(space, head.outputs, width, embedding, width_of(given))
    speaker = RecurrentLM(space, width, embedding, latent, blind, classes)
    encoder = Encoder(reader, space, head, given)
    return VAE(encoder, AutoregressiveDecoder(speaker), objective=objective)


@torch.no_grad()
def interpolate(model: VAE, a: Tensor, b: Tensor, *conditions: Tensor, steps: int = 7) -> Tensor:
    """The likeliest data on the line between the posterior means of `a` and `b`.

    Args:
        model: a VAE of any space.
        a, b: data (batch, *shape).
        conditions: what the model is told of both, and of all between.
        steps: how many points, both ends included; at least 2.

    Returns:
        (batch, steps, *shape): at the ends, how the model itself would put `a` and `b`.
    """
    start, end = (model.encode(x, *conditions).mean for x in (a, b))
    t = torch.linspace(0, 1, count("steps", steps, 2), device=start.device, dtype=start.dtype)
    z = start + t[:, None, None] * (end - start)
    pushed = model.push(z.flatten(0, 1), *repeated(conditions, steps))
    return pushed.unflatten(0, (steps, -1)).movedim(0, 1)


@example(data="sentences?n=500")
def sentence_vae() -> VAE:
    """The smallest instance, annealed."""
    return recurrent_vae(Tokens(11, 40), 4, 16, 8, objective=ELBO(beta=Linear()))


system("sentence-vae", lecture=7, title="Sentence VAE", paper="arXiv:1511.06349")

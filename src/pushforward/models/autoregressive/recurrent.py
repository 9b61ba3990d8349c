"""A recurrent language model: a state that remembers the words so far.

    p(x) = prod_t p(x_t | h_t),    h_t = GRU(h_{t-1}, word_{t-1})

Token 0 ends a sentence, and the model knows it: what stands after an end is the end, with
probability 1, so that the fixed length of `Tokens` costs nothing and log p is that of the sentence.
A sentence that goes on after its end has probability 0. A context, where there is one, starts the
state and stands beside every word; words may be hidden from the model in training (word dropout),
which makes it listen to the context.

Recurrent neural network based language model (Mikolov et al., 2010); GRU: Learning Phrase
Representations using RNN Encoder-Decoder (Cho et al., 2014), arXiv:1406.1078, eqs. 5-8; word
dropout: Generating Sentences from a Continuous Space (Bowman et al., 2016), arXiv:1511.06349,
section 3.2.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ...core.catalogue import example, system
from ...core.given import told
from ...core.spaces import Space, Tokens
from ...core.vocabulary import END, ended
from ...nn.conditions import width_of
from ...probability.heads import CategoricalHead
from .factorised import Factorised, Run, probability


class RecurrentLM(Factorised):
    """An exact density over sentences, given a class, a vector, both or nothing.

    Args:
        space: Tokens, of which 0 ends a sentence.
        width: features of the state.
        embedding: length of the vectors that stand for words.
        context: length of a vector that the density is conditioned on; 0 is none.
        blind: probability of hiding a word from those after it, in training.
        classes: number of labels to condition on, before the context; 0 is none.
    """

    def __init__(
        self,
        space: Space,
        width: int = 128,
        embedding: int = 64,
        context: int = 0,
        blind: float = 0.0,
        classes: int = 0,
    ):
        if not isinstance(space, Tokens) or space.grid:
            raise ValueError(f"RecurrentLM models Tokens without a grid, not {space}")
        given = told(classes, context)
        super().__init__(space, CategoricalHead(space.vocabulary), given)
        context = width_of(given)
        self.blind = probability("blind", blind)
        self.embedding = nn.Embedding(space.vocabulary, embedding)
        self.start = nn.Parameter(torch.randn(embedding))
        self.begin = nn.Linear(context, width) if context else None
        self.body = nn.GRU(embedding + context, width, batch_first=True)
        self.leave = nn.Linear(width, space.vocabulary)

    def conditionals(self, x: Tensor, *conditions: Tensor) -> Tensor:
        """Parameters (batch, length, vocabulary): row t sees only x before t."""
        z = self.vector(*conditions)
        past = self.embedding(x[:, :-1])
        if self.training and self.blind:
            past = past * (torch.rand_like(past[..., :1]) >= self.blind)
        words = torch.cat([self.start.expand(len(x), 1, -1), past], 1)
        h, _ = self.body(self.beside(words, z), self.state(z))
        return only_ends(self.leave(h), ended(x))

    def beside(self, words: Tensor, z: Tensor | None) -> Tensor:
        """The words (batch, steps, embedding), each with the context beside it."""
        if z is None:
            return words
        return torch.cat([words, z[:, None].expand(-1, words.shape[1], -1)], 2)

    def state(self, z: Tensor | None) -> Tensor | None:
        """What the state starts as, (1, batch, width); None is zero."""
        return None if self.begin is None else self.begin(z).tanh()[None]

    def run(self, n: int, *conditions: Tensor) -> Run:
        """Sampling with the state kept: one step of the GRU a word."""
        return _Speaking(self, n, self.vector(*conditions))


class _Speaking(Run):
    def __init__(self, model: RecurrentLM, n: int, z: Tensor | None):
        self.model, self.z, self.state = model, z, model.state(z)
        self.next = model.start.expand(n, 1, -1)
        self.over = torch.zeros(n, dtype=torch.bool, device=model.device)

    def parameters(self, i: int) -> Tensor:
        h, self.state = self.model.body(self.model.beside(self.next, self.z), self.state)
        return only_ends(self.model.leave(h[:, 0]), self.over)

    def know(self, i: int, values: Tensor) -> None:
        self.next = self.model.embedding(values)[:, None]
        self.over = self.over | (values == END)


def only_ends(logits: Tensor, over: Tensor) -> Tensor:
    """The logits (..., vocabulary), with all probability on the end where `over` (...) is true."""
    closed = torch.full_like(logits[..., :1], -torch.inf).expand_as(logits).clone()
    closed[..., END] = 0
    return torch.where(over[..., None], closed, logits)


system(
    "char-rnn",
    lecture=2,
    title="Recurrent network over characters or words",
    paper="Mikolov et al., 2010",
)


@example(data="sentences?n=500")
def recurrent_lm() -> RecurrentLM:
    """The smallest instance."""
    return RecurrentLM(Tokens(11, 40), width=16, embedding=8)

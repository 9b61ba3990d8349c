"""One Transformer over text and then image tokens: the prior of DALL-E.

    log p(text, codes) = sum_i log p(text_i | text_<i) + sum_j log p(codes_j | text, codes_<j)

Text and codes are one sequence, so that a code is told the sentence by attention, and the network
learns sentences too. Layers differ in which codes see each other (`nn/attention_patterns.py`).
Captions are hidden now and then: the network then knows p(codes) as well, and what a caption
changes can be enlarged,

    log p_w(c_j) = log p(c_j | nothing) + w (log p(c_j | text) - log p(c_j | nothing))

Zero-Shot Text-to-Image Generation (Ramesh et al., 2021), arXiv:2102.12092, section 2.2, appendix B.
Classifier-Free Diffusion Guidance (Ho and Salimans, 2022), arXiv:2207.12598, eq. 6; of tokens:
Make-A-Scene (Gafni et al., 2022), arXiv:2203.13131, section 3.5.

Differs from the paper: what stands after a caption's end is certain and costs nothing, where the
paper learns tokens of padding; the weight of the text is relative to the image's, which stays 1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...core.contract import Terms
from ...core.spaces import Tokens, count
from ...core.vocabulary import END, ended
from ...nn.attention_patterns import Column, Convolutional, Pattern, Row, masks
from ...nn.transformer import CausalTransformer
from ...probability.heads import CategoricalHead, precise
from ..autoregressive.choosing import Guided, chooser
from ..autoregressive.factorised import Factorised, Naive, Run, check_known, probability


class TextImageTransformer(Factorised):
    """An exact density over a grid of codes, told a caption, and one over captions.

    Args:
        space: Tokens((height, width), codes).
        text: Tokens(length, vocabulary), of which 0 ends a caption.
        width: features of a position.
        layers: blocks.
        heads: attention heads in each; they divide `width`.
        patterns: which codes see each other, repeated over the layers.
        dropout: in training.
        hidden: the share of captions that are hidden in training, for guidance.
        text_weight: of the captions' likelihood in training; 1/7 is the paper's 1/8 to 7/8.
    """

    space: Tokens
    given: Tokens

    def __init__(
        self,
        space: Tokens,
        text: Tokens,
        width: int = 128,
        layers: int = 4,
        heads: int = 4,
        patterns: Sequence[Pattern] = (Row(), Column(), Row(), Convolutional()),
        dropout: float = 0.0,
        hidden: float = 0.1,
        text_weight: float = 1 / 7,
    ):
        if len(getattr(space, "grid", ())) != 2 or not isinstance(text, Tokens):
            raise ValueError(f"space must be a grid of codes and text Tokens, not {space}, {text}")
        super().__init__(space, CategoricalHead(space.vocabulary), text)
        self.hidden, self.text_weight = probability("hidden", hidden), text_weight
        self.words = nn.Embedding(text.vocabulary, width)
        self.codes = nn.Embedding(space.vocabulary, width)
        self.start = nn.Parameter(torch.zeros(1, width))
        self.word_places = nn.Parameter(torch.zeros(text.length, width))
        self.rows = nn.Parameter(torch.zeros(space.grid[0], 1, width))
        self.columns = nn.Parameter(torch.zeros(space.grid[1], width))
        self.body = CausalTransformer(width, count("layers", layers), heads, dropout)
        self.leave_words = nn.Linear(width, text.vocabulary)
        self.leave = nn.Linear(width, space.vocabulary)
        for table in (self.words, self.codes, self.leave_words, self.leave):
            nn.init.normal_(table.weight, std=0.02)
        for places in (self.start, self.word_places, self.rows, self.columns):
            nn.init.normal_(places, std=0.02)
        height, columns = space.grid
        for i, seen in enumerate(masks(patterns, layers, 1 + text.length, (height, columns))):
            self.register_buffer(f"mask_{i}", seen, persistent=False)

    def loss(self, x: Tensor, text: Tensor) -> Terms:
        """{"text", "image"}: negative log-likelihoods in nats, (batch,), the text's weighed.

        In training some captions are hidden, and cost nothing.
        """
        told = self.concealed(text) if self.training else text
        words, codes = self._logits(self.flatten(x), told)
        said = -self.text_weight * self._words_log_prob(words, text)
        shown = (told == text).all(1)
        return {"text": said * shown, "image": -self.head.log_prob(codes, self.flatten(x)).sum(1)}

    def concealed(self, text: Tensor) -> Tensor:
        """Captions (batch, length), each hidden with that probability: then all is END."""
        gone = torch.rand(len(text), 1, device=text.device) < self.hidden
        return text.masked_fill(gone, END)

    def conditionals(self, x: Tensor, text: Tensor) -> Tensor:
        """Logits (batch, dims, codes) in raster order: row i sees the text and codes before i."""
        return self._logits(self.flatten(x), text)[1]

    def log_prob_text(self, text: Tensor) -> Tensor:
        """log p(text) in nats, (batch,)."""
        text = self.given.check(text, "text")
        nothing = text.new_zeros(len(text), self.space.length)
        return self._words_log_prob(self._logits(nothing, text)[0], text)

    def nothing(self, n: int) -> Tensor:
        """The hidden caption, (n, length): sampling told it asks for any picture.

        Raises ValueError where the model has never seen it.
        """
        if not self.hidden:
            raise ValueError("no caption was hidden in training (hidden=0): a caption must be told")
        return torch.full((n, self.given.length), END, device=self.device)

    def sample(
        self,
        n: int,
        text: Tensor,
        *,
        guidance: float = 1.0,
        temperature: float = 1.0,
        top_k: int | None = None,
    ) -> Tensor:
        """`n` grids of codes for as many captions.

        Args:
            n: how many.
            text: captions (n, length).
            guidance: how much of what a caption changes: 1 all, 2 twice as much, 0 nothing.
            temperature: of each draw; below 1 likelier values are drawn more often.
            top_k: how many of the likeliest values are drawn from; None is all.
        """
        run = self._guided(self.run, text, guidance)
        return self._drawn(run, choose=chooser(temperature, top_k))

    @torch.no_grad()
    def sample_naively(
        self,
        n: int,
        text: Tensor,
        *,
        guidance: float = 1.0,
        temperature: float = 1.0,
        top_k: int | None = None,
    ) -> Tensor:
        """The same draws as of `sample`, with a whole pass for every code."""
        (text,) = self.told(count("n", n), text)
        run = self._guided(lambda m, told: Naive(self, m, (told,)), text, guidance)
        return self._drawn(run, choose=chooser(temperature, top_k))

    def complete(
        self,
        x: Tensor,
        known: Tensor,
        text: Tensor,
        *,
        guidance: float = 1.0,
        temperature: float = 1.0,
        top_k: int | None = None,
    ) -> Tensor:
        """As of any factorised density, with the options of `sample`."""
        given = self.flatten(x), check_known(self.flatten(known))
        run = self._guided(self.run, text, guidance)
        return self._drawn(run, given, chooser(temperature, top_k))

    def run(self, n: int, text: Tensor) -> Run:
        """Sampling with the keys and values of text and codes kept."""
        return _Remembering(self, text)

    def _guided(self, start: Callable[[int, Tensor], Run], text: Tensor, guidance: float) -> Run:
        if guidance == 1:
            return start(len(text), text)
        both = torch.cat([text, self.nothing(len(text))])
        return Guided(start(len(both), both), guidance)

    def told_words(self, text: Tensor) -> Tensor:
        """What stands before the codes: the start and the words, (n, 1 + length, width)."""
        words = self.words(text) + self.word_places
        return torch.cat([self.start.expand(len(text), 1, -1), words], 1)

    def told_codes(self, codes: Tensor, first: int = 0) -> Tensor:
        """Codes (n, number), of which one stands at the place `first`, as features (..., width)."""
        places = (self.rows + self.columns).flatten(0, 1)
        return self.codes(codes.long()) + places[first : first + codes.shape[1]]

    def masks(self, new: slice) -> list[Tensor]:
        """For every layer what the positions `new` see of those up to the last of them."""
        layers = range(len(self.body.blocks))
        return [getattr(self, f"mask_{i}")[new, : new.stop] for i in layers]

    def _logits(self, codes: Tensor, text: Tensor) -> tuple[Tensor, Tensor]:
        """Of all words (batch, length, words), and of all codes (batch, dims, codes)."""
        length = self.given.length
        stream = torch.cat([self.told_words(text), self.told_codes(codes[:, :-1])], 1)
        h = self.body(stream, self.masks(slice(0, stream.shape[1])))
        return self.leave_words(h[:, :length]), self.leave(h[:, length:])

    def _words_log_prob(self, logits: Tensor, text: Tensor) -> Tensor:
        nats = F.cross_entropy(precise(logits).transpose(1, 2), text, reduction="none")
        return -nats.masked_fill(ended(text), 0).sum(1)


class _Remembering(Run):
    def __init__(self, model: TextImageTransformer, text: Tensor):
        self.model, self.next = model, model.told_words(text)
        self.at, length = 0, self.next.shape[1] + model.space.length - 1
        self.memories = model.body.remember(len(text), length)

    def parameters(self, i: int) -> Tensor:
        start, self.at = self.at, self.at + self.next.shape[1]
        seen = self.model.masks(slice(start, self.at))
        return self.model.leave(self.model.body.step(self.next, self.memories, seen)[:, -1])

    def know(self, i: int, values: Tensor) -> None:
        if i + 1 < self.model.space.length:
            self.next = self.model.told_codes(values[:, None], i)

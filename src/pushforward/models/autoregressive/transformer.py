"""ImageGPT: a decoder-only Transformer over pixels or tokens, one position at a time.

    p(x) = prod_i p(x_i | x_<i),    p(x_i | x_<i) = softmax(W h_i),    h = transformer(start, x_<D)

A picture is read as a sequence in raster order, red before green before blue; nothing else tells
the network that it is a picture. Over the codes of a VQ-VAE or over text it is the same model. Keys
and values of past positions are kept while sampling, so that a position costs one step of
attention.

Generative Pretraining from Pixels (Chen et al., 2020), sections 2.1-2.3, eqs. 1-2; the block is
that of GPT-2. Conditioning: the start vector is the label's.

Differs from the paper: every channel is a number of its own, where the paper clusters colours to
512 values; biases and normalisations are those of nn.LayerNorm.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ...core.catalogue import example, system
from ...core.given import told
from ...core.spaces import Pixels, Space
from ...nn.transformer import CausalTransformer
from ...probability.heads import Head, head_for, levels_of
from .factorised import Factorised, Run


class ImageGPT(Factorised):
    """An exact density over images or sequences, given a class, a vector, both or nothing.

    Args:
        space: Pixels or Tokens.
        width: features of a position.
        layers: blocks.
        heads: attention heads in each; they divide `width`.
        classes: number of labels to condition on; 0 is none.
        dropout: in training.
        head: the conditionals; by default Bernoulli or categorical, as the space asks.
        context: length of a vector to condition on, after the label; 0 is none.
    """

    def __init__(
        self,
        space: Space,
        width: int = 128,
        layers: int = 4,
        heads: int = 4,
        classes: int = 0,
        dropout: float = 0.0,
        head: Head | None = None,
        context: int = 0,
    ):
        levels = levels_of(space)
        if levels is None:
            raise ValueError(f"ImageGPT models Pixels or Tokens; {space} must be made one of them")
        given = told(classes, context)
        super().__init__(space, head or head_for(space), given)
        self.embedding = nn.Embedding(levels, width)
        self.start = nn.Embedding(max(1, classes), width)
        self.context = nn.Linear(context, width) if context else None
        self.positions = nn.Parameter(torch.randn(space.dims, width) * 0.02)
        self.body = CausalTransformer(width, layers, heads, dropout)
        self.leave = nn.Linear(width, self.head.outputs)
        for table in (self.embedding.weight, self.start.weight, self.leave.weight):
            nn.init.normal_(table, std=0.02)

    def conditionals(self, x: Tensor, *conditions: Tensor) -> Tensor:
        """Parameters (batch, dims, outputs) in raster order: row i sees only x before i."""
        past = self.embedding(self.flatten(x)[:, :-1].long())
        h = torch.cat([self.begin(len(x), *conditions), past], 1) + self.positions
        return self.leave(self.body(h))

    def begin(self, n: int, *conditions: Tensor | None) -> Tensor:
        """What stands before the first number, (n, 1, width): of the label, and of the vector."""
        told = [c for c in conditions if c is not None]
        nothing = torch.zeros(n, dtype=torch.long, device=self.device)
        start = self.start(told[0] if told and told[0].dtype == torch.long else nothing)
        if self.context is not None:
            start = start + self.context(told[-1])
        return start[:, None]

    def run(self, n: int, *conditions: Tensor) -> Run:
        """Sampling with the keys and values of past positions kept."""
        return _Remembering(self, n, *conditions)


class _Remembering(Run):
    def __init__(self, model: ImageGPT, n: int, *conditions: Tensor):
        self.model, self.next = model, model.begin(n, *conditions)
        self.memories = model.body.remember(n, model.space.dims)

    def parameters(self, i: int) -> Tensor:
        h = self.next + self.model.positions[i]
        return self.model.leave(self.model.body.step(h, self.memories)[:, 0])

    def know(self, i: int, values: Tensor) -> None:
        self.next = self.model.embedding(values.long())[:, None]


@example(data="bars?height=2")
def imagegpt() -> ImageGPT:
    """Two layers on tiny images: the density can be summed."""
    return ImageGPT(Pixels(1, 2, 4, levels=2), width=32, layers=2, heads=2)


system(
    "imagegpt",
    lecture=2,
    title="Decoder-only Transformer over pixels and tokens",
    paper="https://proceedings.mlr.press/v119/chen20s.html",
)

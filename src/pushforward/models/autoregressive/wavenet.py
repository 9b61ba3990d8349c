"""WaveNet: dilated causal convolutions over sound, sample by sample.

    p(x | y, c) = prod_t p(x_t | x_<t, y, c),    each a softmax over the values of mu-law

Sound is companded by mu-law to 256 values, so that a softmax can say anything about the next one.
Conditions are global (a label: the speaker) or local (features along the sound: the text). While
sampling, every layer keeps what it must remember in a ring: the work per sample does not depend on
how much came before. Over `Tokens` it models anything else as well, text for example.

WaveNet: A Generative Model for Raw Audio (van den Oord et al., 2016), arXiv:1609.03499, eqs. 1-3,
sections 2.1-2.5; rings: Fast WaveNet (Le Paine et al., 2016), arXiv:1611.09482.

Differs from the paper: values enter as learned vectors, which is a convolution of one-hot ones; the
local condition is stretched by repetition.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...core.catalogue import example, system
from ...core.given import check_given, given_of, spaces_of, told
from ...core.spaces import Labels, Reals, Space, Tokens, count
from ...nn.dilated import DilatedLayer, DilatedRun, by_columns
from ...probability.heads import CategoricalHead
from .factorised import Factorised, Run, chain


class WaveNet(Factorised):
    """An exact density over sequences; `log_prob(x, y, c)` and `sample(n, y, c)` with conditions.

    The conditions are in this order, and those that the model was built without are left out:
    labels y (batch,), int64; local features c (batch, local, length / hop, rounded up), floats.

    Args:
        space: Tokens, for sound the values of mu-law.
        width: features of the residual path.
        skip: features of the skip path.
        layers: in a stack, with dilations 1, 2, 4, ...
        stacks: how often the dilations start again.
        kernel: taps of a convolution.
        classes: number of labels of the global condition; 0 is none.
        local: features of the local condition; 0 is none.
        hop: steps of the sequence that one step of the local condition lasts.
    """

    space: Tokens

    def __init__(
        self,
        space: Space,
        width: int = 64,
        skip: int = 128,
        layers: int = 10,
        stacks: int = 3,
        kernel: int = 2,
        classes: int = 0,
        local: int = 0,
        hop: int = 1,
    ):
        if not isinstance(space, Tokens) or space.grid:
            raise ValueError(f"WaveNet models Tokens without a grid (sound by mu-law), not {space}")
        self.local, self.hop = count("local", local, 0), count("hop", hop)
        steps = (local, -(-space.length // hop)) if local else 0
        given = told(classes, steps)
        super().__init__(space, CategoricalHead(space.vocabulary), given)
        self.embedding = nn.Embedding(space.vocabulary, width)
        self.start = nn.Parameter(torch.randn(width))
        self.label = nn.Embedding(classes, width) if classes else None
        context = width * (classes > 0) + local
        dilations = [2**i for i in range(count("layers", layers))] * count("stacks", stacks)
        built = [DilatedLayer(width, skip, d, kernel, context) for d in dilations]
        self.layers: Sequence[DilatedLayer] = nn.ModuleList(built)  # type: ignore[assignment]
        self.hidden = nn.Conv1d(skip, skip, 1)
        self.leave = nn.Conv1d(skip, space.vocabulary, 1)

    @property
    def receptive_field(self) -> int:
        """How many of the last values a conditional sees."""
        return 1 + sum(layer.back for layer in self.layers)

    def conditionals(self, x: Tensor, *conditions: Tensor) -> Tensor:
        """Parameters (batch, length, vocabulary): row t sees only x before t."""
        return self.network(self.embedding(x), *conditions)

    def network(self, past: Tensor, *conditions: Tensor) -> Tensor:
        """The same from the vectors (batch, length, width) of the values."""
        start = self.start.expand(len(past), 1, -1)
        h = torch.cat([start, past[:, :-1]], 1).transpose(1, 2)
        context, skips = self._context(past.shape[1], *conditions), h.new_zeros(())
        for layer in self.layers:
            h, skip = layer(h, context)
            skips = skips + skip
        return self.leave(F.relu(self.hidden(F.relu(skips)))).transpose(1, 2)

    def run(self, n: int, *conditions: Tensor) -> Run:
        """Sampling with constant work per value."""
        return _Rings(self, n, *conditions)

    @torch.no_grad()
    def extend(self, x: Tensor, steps: int, *conditions: Tensor) -> Tensor:
        """`x` (batch, length, of any length) and `steps` values that continue it.

        Local features must last to the end. Raises ValueError for values outside the vocabulary.
        """
        if x.dtype != torch.int64 or x.dim() != 2 or not x.numel():
            raise ValueError(f"x must be int64 (batch, length), not {tuple(x.shape)} of {x.dtype}")
        low, high = (int(v) for v in torch.aminmax(x))
        if low < 0 or high >= self.space.vocabulary:
            raise ValueError(
                f"values must be 0 .. {self.space.vocabulary - 1}, not {low} .. {high}"
            )
        s = F.pad(x, (0, count("steps", steps)))
        known = torch.arange(s.shape[1], device=x.device) < x.shape[1]
        local = Reals((self.local, -(-s.shape[1] // self.hop))) if self.local else None
        given = given_of(*(p for p in spaces_of(self.given) if isinstance(p, Labels)), local)
        told = check_given(given, conditions, len(x), "WaveNet", self.device)
        return chain(self.head, self.run(len(x), *told), s.shape[1], (s, known.expand_as(s)))

    def _context(self, length: int, *conditions: Tensor | None) -> Tensor | None:
        """Both conditions at every step, (batch, features, length)."""
        told, parts = [c for c in conditions if c is not None], []
        if self.label is not None:
            parts.append(self.label(told[0])[:, :, None].expand(-1, -1, length))
        if self.local:
            local = told[-1].repeat_interleave(self.hop, 2)
            parts.append(local[:, :, :length].to(self.dtype))
        return torch.cat(parts, 1) if parts else None


class _Rings(Run):
    """Every layer under way; numbers are (features, n)."""

    def __init__(self, model: WaveNet, n: int, *conditions: Tensor):
        self.embedding, self.width = model.embedding, len(model.start)
        self.hidden, self.leave = _matrix(model.hidden), _matrix(model.leave)
        self.layers = DilatedRun(model.layers, n)
        self.shift = self.layers.shift[self.width :]
        self.vectors = model.start.detach()[:, None].expand(-1, n)
        length = conditions[-1].shape[2] * model.hop if model.local else 1
        context = model._context(length, *conditions)
        self.context = None if context is None else context.permute(2, 1, 0).contiguous()

    def parameters(self, i: int) -> Tensor:
        # A label alone is the same at every step, however far the sequence goes on.
        at = None if self.context is None else self.context[min(i, len(self.context) - 1)]
        h = self.layers.step(self.vectors, at)[self.width :] + self.shift
        for bias, weight in (self.hidden, self.leave):
            h = torch.addmm(bias, weight, h.relu_())
        return h.t()

    def know(self, i: int, values: Tensor) -> None:
        self.vectors = self.embedding(values).t()


def _matrix(layer: nn.Conv1d) -> tuple[Tensor, Tensor]:
    """Bias (outputs, 1) and weight (outputs, inputs) of a convolution of one tap."""
    assert layer.bias is not None
    return layer.bias.detach()[:, None], by_columns(layer.weight.detach()[:, :, 0])


@example(data="tones?length=32&levels=16&n=500")
def wavenet() -> WaveNet:
    """Three layers on short tones."""
    return WaveNet(Tokens(32, 16), 16, 16, layers=3, stacks=1)


system(
    "wavenet",
    lecture=2,
    title="WaveNet: dilated causal convolutions over sound",
    paper="https://arxiv.org/abs/1609.03499",
)

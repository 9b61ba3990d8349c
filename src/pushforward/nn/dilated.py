"""Gated, dilated, causal convolutions over sequences, with residual and skip paths.

    z = tanh(W_f * h + V_f c) o sigma(W_g * h + V_g c),    h' = h + 1x1(z),    skips += 1x1(z)

The convolution looks `dilation` steps back per tap: with dilations 1, 2, 4, ... the receptive field
doubles with every layer.

WaveNet (van den Oord et al., 2016), arXiv:1609.03499, eqs. 2-3, figures 3-4.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..core.blueprint import Component
from ..core.spaces import count


class DilatedLayer(Component):
    """(batch, width, length) -> the same shape, and a skip (batch, skip, length).

    Args:
        width: features of the residual path.
        skip: features of the skip path.
        dilation: steps between the taps.
        kernel: taps, the last of which is the present.
        context: features of a condition at every step; 0 is none.
    """

    def __init__(self, width: int, skip: int, dilation: int, kernel: int = 2, context: int = 0):
        super().__init__()
        self.back = (count("kernel", kernel, 2) - 1) * count("dilation", dilation)
        self.look = nn.Conv1d(width, 2 * width, kernel, dilation=dilation)
        self.context = nn.Conv1d(context, 2 * width, 1, bias=False) if context else None
        self.leave = nn.Conv1d(width, width + skip, 1)
        self.width, self.skip = width, skip

    def forward(self, h: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The residual path and the skip after this layer."""
        both = self.look(F.pad(h, (self.back, 0)))
        if self.context is not None:
            both = both + self.context(context)
        a, b = both.chunk(2, 1)
        found, skip = self.leave(a.tanh() * b.sigmoid()).split((self.width, self.skip), 1)
        return h + found, skip


def by_columns(matrices: Tensor) -> Tensor:
    """The same matrices with whole columns in memory: quicker to multiply with a few vectors."""
    return matrices.mT.contiguous().mT


class DilatedRun:
    """A stack of `DilatedLayer`s under way: a step costs the same however much came before.

    What the layers saw some steps ago is known before the step begins, so its share is computed for
    all of them at once; rings in one memory hold it. Residual and skip paths go as one, (width +
    skip, n), *without* the biases of the layers' outputs: these sum up to constants, which are put
    into the biases of what reads them. And sigma(b) = (1 + tanh(b / 2)) / 2, so that one tanh does
    for both halves of the gate. All places are looked up once: a step does little but multiply.

    Args:
        layers: in their order, of one width and kernel.
        n: sequences.
    """

    def __init__(self, layers: Sequence[DilatedLayer], n: int):
        first = layers[0]
        self.width, self.contexts = first.width, None
        weight, bias, leave = self._weights(layers)
        self.now = by_columns(weight[:, :, -self.width :]).unbind(0)
        self.before = weight[:, :, : -self.width].contiguous()
        self.leave = by_columns(leave).unbind(0)
        shifts = self._shifts(layers)
        self.shift = shifts[-1, :, None]
        taps = weight.shape[2] // self.width
        lasting = shifts[:-1, : self.width]
        self.bias = (bias + weight @ lasting.repeat(1, taps)[:, :, None]).expand(-1, -1, n)
        if first.context is not None:
            every = [layer.context.weight.detach().squeeze(2) for layer in layers]  # type: ignore[union-attr]
            self.contexts = torch.stack(every) * self._halves(weight)
        backs = [layer.back for layer in layers]
        # What lies before the beginning is 0, biases and all.
        self.memory = -lasting.repeat_interleave(torch.tensor(backs, device=bias.device), 0)
        self.memory = self.memory[:, :, None].expand(-1, -1, n).contiguous()
        self.backs = torch.tensor(backs, device=bias.device)[:, None]
        self.offsets = self.backs.cumsum(0) - self.backs
        self.reach = self.backs // (taps - 1) * torch.arange(taps - 1, device=bias.device)
        self.time = 0
        self.paths = weight.new_zeros(len(layers) + 1, leave.shape[1], n)
        self.both = weight.new_zeros(len(layers), 2 * self.width, n)
        self._places()

    def _weights(self, layers: Sequence[DilatedLayer]) -> tuple[Tensor, Tensor, Tensor]:
        looks = [layer.look for layer in layers]
        weight = torch.stack([look.weight.detach().transpose(1, 2).flatten(1) for look in looks])
        half = self._halves(weight)
        bias = torch.stack([look.bias.detach() for look in looks])[:, :, None]  # type: ignore[union-attr]
        leave = torch.stack([layer.leave.weight.detach().squeeze(2) for layer in layers]) / 2
        return weight * half, bias * half, leave

    def _halves(self, like: Tensor) -> Tensor:
        half = like.new_ones(2 * self.width, 1)
        half[self.width :] = 0.5
        return half

    def _shifts(self, layers: Sequence[DilatedLayer]) -> Tensor:
        """The sums of the output biases of the layers before each, and of all."""
        biases = torch.stack([layer.leave.bias.detach() for layer in layers])  # type: ignore[union-attr]
        return torch.cat([torch.zeros_like(biases[:1]), biases.cumsum(0)])

    def _places(self) -> None:
        """Each layer's input, output and gates, where they always are."""
        h = self.paths[:-1, : self.width].unbind(0)
        a, b = (part.unbind(0) for part in self.both.split(self.width, 1))
        paths = self.paths.unbind(0)
        given = (h, self.now, self.both.unbind(0), a, b, self.leave, paths[:-1], paths[1:])
        self.places = list(zip(*given))

    def step(self, vectors: Tensor, context: Tensor | None) -> Tensor:
        """Takes what enters (width, n) at the next step; returns both paths after all layers."""
        index = self.offsets + (self.time + self.reach) % self.backs
        seen = self.memory.index_select(0, index.flatten()).view(len(index), -1, vectors.shape[1])
        torch.baddbmm(self.bias, self.before, seen, out=self.both)
        if self.contexts is not None and context is not None:
            self.both.add_(self.contexts @ context)
        self.paths[0, : self.width] = vectors
        for h, now, both, a, b, leave, paths, after in self.places:
            both.addmm_(now, h).tanh_()
            torch.addmm(paths, leave, torch.addcmul(a, a, b), out=after)
        self.memory.index_copy_(0, index[:, 0], self.paths[:-1, : self.width])
        self.time += 1
        return self.paths[-1]

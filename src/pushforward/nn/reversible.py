"""Reversible residual networks: activations are computed again in the backward pass, not kept.

    y_1 = x_1 + f(x_2),    y_2 = x_2 + g(y_1)
    x_2 = y_2 - g(y_1),    x_1 = y_1 - f(x_2)

A block's input follows from its output, so that a stack of any depth keeps its last output alone:
memory does not grow with depth, and a backward pass costs one forward pass more. (The block is an
additive coupling of both halves: as a flow it would keep volumes.)

The Reversible Residual Network: Backpropagation Without Storing Activations (Gomez, Ren, Urtasun,
Grosse, 2017), arXiv:1707.04585, eqs. 6-8, algorithm 1.
Differs from the paper: layer normalisation over channels and places instead of batch normalisation,
whose statistics a second pass would count twice; between stages pixels move into channels, which
can be undone as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from ..core.blueprint import Component
from ..core.catalogue import system
from ..core.spaces import count


class ReversibleBlock(nn.Module):
    """Both halves of the channels, each moved by a function of the other."""

    def __init__(self, f: nn.Module, g: nn.Module):
        super().__init__()
        self.f, self.g = f, g

    def forward(self, x: Tensor) -> Tensor:
        """Features of `x`'s shape (batch, channels, ...)."""
        a, b = x.chunk(2, 1)
        a = a + self.f(b)
        return torch.cat([a, b + self.g(a)], 1)

    def inverse(self, y: Tensor) -> Tensor:
        """The features that became `y`, up to rounding."""
        a, b = y.chunk(2, 1)
        b = b - self.g(a)
        return torch.cat([a - self.f(b), b], 1)


class ReversibleStack(nn.Module):
    """Blocks one after the other, of which a backward pass needs the last output alone."""

    def __init__(self, blocks: Sequence[ReversibleBlock]):
        super().__init__()
        self.blocks: Sequence[ReversibleBlock] = nn.ModuleList(blocks)  # type: ignore[assignment]

    def forward(self, x: Tensor) -> Tensor:
        """Features of `x`'s shape."""
        return _Recomputed.apply(x, self, *self.parameters())

    def inverse(self, y: Tensor) -> Tensor:
        """The features that became `y`, up to rounding."""
        for block in reversed(self.blocks):
            y = block.inverse(y)
        return y


class _Recomputed(torch.autograd.Function):
    """The stack with a backward pass that undoes it block by block."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, stack: ReversibleStack, *parameters: Tensor) -> Tensor:
        for block in stack.blocks:
            x = block(x)
        kind = x.device.type
        told = torch.is_autocast_enabled(kind), torch.get_autocast_dtype(kind)
        ctx.stack, ctx.cast = stack, (kind, *reversed(told))
        ctx.save_for_backward(x)
        return x

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
        (y,) = ctx.saved_tensors
        found: dict[Tensor, Tensor] = {}
        kind, dtype, enabled = ctx.cast
        with torch.autocast(kind, dtype, enabled):  # as in the forward pass
            for block in reversed(ctx.stack.blocks):
                y, slope = _back(block, y, slope, found)
        return slope, None, *(found.get(p) for p in ctx.stack.parameters())


def _back(
    block: ReversibleBlock, y: Tensor, slope: Tensor, found: dict[Tensor, Tensor]
) -> tuple[Tensor, Tensor]:
    """The block's input, and the slope there; those of parameters are added to `found`."""
    with torch.no_grad():
        x = block.inverse(y)
    learned = [p for p in block.parameters() if p.requires_grad]
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        ours, *slopes = torch.autograd.grad(block(x), [x, *learned], slope, allow_unused=True)
    for p, s in zip(learned, slopes):
        if s is not None:
            found[p] = found[p] + s if p in found else s
    return x.detach(), ours


class RevNet(Component):
    """A reversible network of images, (batch, dims) or (batch, *shape) -> (batch, outputs).

    Args:
        shape: of an image, (channels, height, width).
        outputs: numbers that go out, such as a logit for each class.
        width: channels at first, even; every further stage has four times as many at half the side.
        blocks: reversible blocks in each stage.
        stages: sides are halved between them.

    Raises ValueError for an odd width, or sides that cannot be halved so often.
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        outputs: int,
        width: int = 16,
        blocks: int = 3,
        stages: int = 2,
    ):
        super().__init__()
        if count("width", width) % 2:
            raise ValueError(f"width must be even, for two halves, not {width}")
        if any(side % 2 ** (count("stages", stages) - 1) for side in shape[1:]):
            raise ValueError(f"sides must be multiples of {2 ** (stages - 1)}, not {shape[1:]}")
        self.shape = tuple(shape)
        self.enter = nn.Conv2d(shape[0], width, 3, padding=1)
        widths = [width * 4**i for i in range(stages)]
        self.stages = nn.ModuleList(
            ReversibleStack([_block(w // 2) for _ in range(count("blocks", blocks))])
            for w in widths
        )
        self.leave = nn.Linear(widths[-1], count("outputs", outputs))

    def forward(self, x: Tensor) -> Tensor:
        """The outputs for images in [-1, 1]."""
        h = self.enter(x.reshape(-1, *self.shape))
        for i, stage in enumerate(self.stages):
            h = stage(F.pixel_unshuffle(h, 2) if i else h)
        return self.leave(h.mean((2, 3)))


def _block(half: int) -> ReversibleBlock:
    return ReversibleBlock(_residual(half), _residual(half))


def _residual(channels: int) -> nn.Module:
    return nn.Sequential(
        nn.GroupNorm(1, channels),
        nn.ReLU(),
        nn.Conv2d(channels, channels, 3, padding=1, bias=False),
        nn.GroupNorm(1, channels),
        nn.ReLU(),
        nn.Conv2d(channels, channels, 3, padding=1),
    )


system("revnet", lecture=4, title="Reversible residual network", paper="arXiv:1707.04585")

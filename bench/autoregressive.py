"""Training throughput of MADE and PixelCNN against plain implementations of the same sizes.

    python bench/autoregressive.py          the sizes; about two minutes
    python bench/autoregressive.py --tiny   seconds, to see that it runs

The plain ones are written here as tutorials and collections of generative models write them: a mask
in a buffer, multiplied into the weights at every pass; binary cross-entropy with logits. All sides
have the same data, batch and fused Adam, and take turns. Writes results/autoregressive.json.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from itertools import pairwise

import harness
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pushforward.core.spaces import Pixels
from pushforward.models.autoregressive.made import MADE
from pushforward.models.autoregressive.pixelcnn import PixelCNN

TINY = "--tiny" in sys.argv
SIDE = 6 if TINY else 28


class PlainLinear(nn.Linear):
    def __init__(self, inputs: int, outputs: int, mask: Tensor):
        super().__init__(inputs, outputs)
        self.register_buffer("mask", mask.float())

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight * self.mask, self.bias)


def plain_made(width: int, layers: int) -> nn.Module:
    dims = SIDE * SIDE
    degrees = [torch.arange(dims), *[torch.arange(width) % (dims - 1)] * layers]
    steps: list[nn.Module] = [nn.Flatten()]
    for below, above in pairwise(degrees):
        steps += [PlainLinear(len(below), len(above), above[:, None] >= below), nn.ReLU()]
    last = PlainLinear(width, dims, degrees[0][:, None] > degrees[-1])
    return nn.Sequential(*steps, last)


class PlainConv(nn.Conv2d):
    """A square kernel with a mask of type A or B."""

    def __init__(self, strict: bool, inputs: int, outputs: int, kernel: int):
        super().__init__(inputs, outputs, kernel, padding=kernel // 2)
        mask = torch.ones(kernel, kernel)
        mask[kernel // 2, kernel // 2 + (not strict) :] = 0
        mask[kernel // 2 + 1 :] = 0
        self.register_buffer("mask", mask)

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.weight * self.mask, self.bias, padding=self.padding)


class PlainBlock(nn.Module):
    def __init__(self, width: int, kernel: int):
        super().__init__()
        self.net = nn.Sequential(
            nn.ReLU(),
            nn.Conv2d(width, width // 2, 1),
            nn.ReLU(),
            PlainConv(False, width // 2, width // 2, kernel),
            nn.ReLU(),
            nn.Conv2d(width // 2, width, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.net(x)


def plain_pixelcnn(width: int, layers: int, kernel: int = 3, first: int = 7) -> nn.Module:
    blocks = [PlainBlock(width, kernel) for _ in range(layers)]
    head = [nn.ReLU(), nn.Conv2d(width, width, 1), nn.ReLU(), nn.Conv2d(width, 1, 1)]
    return nn.Sequential(PlainConv(True, 1, width, first), *blocks, *head)


def plain_loss(net: nn.Module) -> Callable[[Tensor], Tensor]:
    def loss(x: Tensor) -> Tensor:
        bits = x.float()
        logits = net(2 * bits - 1).view_as(bits)
        return F.binary_cross_entropy_with_logits(logits, bits, reduction="none").sum((1, 2, 3))

    return loss


def stepper(net: nn.Module, loss: Callable[[Tensor], Tensor], batch: int) -> Callable[[], None]:
    optimizer = torch.optim.AdamW(net.parameters(), 1e-3, fused=True)
    x = torch.randint(2, (batch, 1, SIDE, SIDE), dtype=torch.uint8)

    def run() -> None:
        for _ in range(5):
            optimizer.zero_grad(set_to_none=True)
            loss(x).mean().backward()
            optimizer.step()

    return run


def compared(ours: nn.Module, plain: nn.Module, batch: int, repeats: int = 7) -> dict:
    """Ours eagerly and compiled, each in turns with the plain one."""
    sizes = {name: sum(p.numel() for p in m.parameters()) for name, m in names(ours, plain)}

    def nll(x: Tensor) -> Tensor:
        return ours.loss(x)["nll"]

    theirs = stepper(plain, plain_loss(plain), batch)
    eager = harness.alternate(stepper(ours, nll, batch), theirs, repeats)
    compiled = stepper(ours, torch.compile(nll), batch)
    return {
        "batch": batch,
        "parameters": sizes,
        "eager": eager,
        "compiled": harness.alternate(compiled, theirs, repeats),
    }


def names(ours: nn.Module, plain: nn.Module) -> tuple:
    return ("ours", ours), ("plain", plain)


def main() -> None:
    """Runs both and writes results/autoregressive.json."""
    torch.manual_seed(0)
    torch.set_flush_denormal(True)
    space, width = Pixels(1, SIDE, SIDE, 2), 16 if TINY else 1024
    made = compared(MADE(space, width=width, layers=2), plain_made(width, 2), 128)
    print(made, flush=True)
    channels, batch = (8, 4) if TINY else (64, 16)
    pixelcnn = compared(PixelCNN(space, channels, 6), plain_pixelcnn(channels, 6), batch)
    print(pixelcnn, flush=True)
    record = {"MADE, 2 x 1024 units": made, "PixelCNN, 64 channels, 6 blocks": pixelcnn}
    if not TINY:
        harness.write("autoregressive", record)


if __name__ == "__main__":
    main()

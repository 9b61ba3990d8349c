"""The networks of DCGAN: strided 4x4 convolutions, batch normalisation, no pooling.

Sides are halved down to 4 .. 7: 8 -> 4, 28 -> 14 -> 7, 32 -> 16 -> 8 -> 4, 64 -> ... -> 4. What
they are told (not in the paper) is added to the features after every layer.

Unsupervised Representation Learning with Deep Convolutional GANs (Radford, Metz and Chintala,
2016), arXiv:1511.06434, sections 3 and 4, figure 1.
"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from ..core.blueprint import Component
from ..core.spaces import count
from .conv import pyramid
from .told import Shifts, check_context

FEATURES = (nn.Unflatten, nn.Conv2d, nn.ConvTranspose2d)


def doublings(height: int, width: int) -> list[tuple[int, int]]:
    """The sizes from the smallest to the image's, each twice the one before.

    Raises ValueError for sides that cannot be halved evenly, or of a single pixel.

    >>> doublings(28, 28)
    [(7, 7), (14, 14), (28, 28)]
    """
    if min(height, width) < 2:
        raise ValueError(f"the sides must be of at least 2 pixels, not {height} x {width}")
    sizes = pyramid(height, width, least=7)[::-1]
    if any((2 * a, 2 * b) != next_size for (a, b), next_size in pairwise(sizes)):
        raise ValueError(
            f"the sides must be halved evenly down to 4 .. 7, {height} x {width} cannot be: "
            "try 28, 32, 64, or the pyramids of nn/conv.py"
        )
    return sizes


def _started(net: nn.Module) -> None:
    """Weights from N(0, 0.02), gains from N(1, 0.02) (section 4; the gains as in their code)."""
    for module in net.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.normal_(module.weight, 0, 0.02)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1, 0.02)


def _through(net: nn.Sequential, shifts: Shifts, h: Tensor, c: Tensor | None) -> Tensor:
    """Layer after layer; to the features of each, but of the last one's image, c is told."""
    layer = 0
    for module in net:
        h = module(h)
        if isinstance(module, FEATURES) and layer < len(shifts):
            h = shifts.add(layer, h, c)
            layer += 1
    return h


class DCGANGenerator(Component):
    """Noise (batch, latent) to images (batch, *shape); the tanh that ends it is the model's.

    Args:
        latent: length of the noise.
        shape: (channels, height, width).
        width: channels before the last layer; they double as sides halve.
        context: length of the vector c that it is told; 0 is none.
    """

    def __init__(self, latent: int, shape: tuple[int, int, int], width: int = 64, context: int = 0):
        super().__init__()
        sizes = doublings(*shape[1:])
        widths = [count("width", width) * 2**i for i in range(len(sizes) - 1)][::-1]
        first = widths[0] if widths else width
        height, breadth = sizes[0]
        self.net = nn.Sequential(
            nn.Linear(latent, first * height * breadth, bias=False),
            nn.Unflatten(1, (first, height, breadth)),
            nn.BatchNorm2d(first),
            nn.ReLU(),
            *(layer for a, b in pairwise(widths) for layer in _up(a, b)),
            nn.ConvTranspose2d(width, shape[0], 4, stride=2, padding=1)
            if widths
            else nn.Conv2d(width, shape[0], 3, padding=1),
        )
        self.context = count("context", context, 0)
        self.shifts = Shifts(context, [first, *widths[1:]])
        _started(self)

    def forward(self, z: Tensor, c: Tensor | None = None) -> Tensor:
        """The images for the noise `z`, before their tanh, told `c` (batch, context)."""
        return _through(self.net, self.shifts, z, check_context(c, self.context, "DCGANGenerator"))


def _up(a: int, b: int) -> tuple[nn.Module, ...]:
    up = nn.ConvTranspose2d(a, b, 4, stride=2, padding=1, bias=False)
    return up, nn.BatchNorm2d(b), nn.ReLU()


class DCGANCritic(Component):
    """Images (batch, *shape) to logits (batch, 1); no normalisation at the entrance.

    Args:
        shape: (channels, height, width).
        width: channels after the first layer; they double as sides halve.
        context: length of the vector c that it is told; 0 is none.
    """

    def __init__(self, shape: tuple[int, int, int], width: int = 64, context: int = 0):
        super().__init__()
        sizes = doublings(*shape[1:])
        widths = [count("width", width) * 2**i for i in range(max(1, len(sizes) - 1))]
        enter = nn.Conv2d(shape[0], width, 4, stride=2, padding=1)
        last = sizes[0] if len(sizes) > 1 else (sizes[0][0] // 2, sizes[0][1] // 2)
        self.net = nn.Sequential(
            enter,
            nn.LeakyReLU(0.2),
            *(layer for a, b in pairwise(widths) for layer in _down(a, b)),
            nn.Flatten(),
            nn.Linear(widths[-1] * last[0] * last[1], 1),
        )
        self.context = count("context", context, 0)
        self.shifts = Shifts(context, widths)
        _started(self)

    def forward(self, x: Tensor, c: Tensor | None = None) -> Tensor:
        """The logits of the float images `x`, told `c` (batch, context)."""
        return _through(self.net, self.shifts, x, check_context(c, self.context, "DCGANCritic"))


def _down(a: int, b: int) -> tuple[nn.Module, ...]:
    down = nn.Conv2d(a, b, 4, stride=2, padding=1, bias=False)
    return down, nn.BatchNorm2d(b), nn.LeakyReLU(0.2)

"""The residual generators and critics of WGAN-GP, SNGAN and their successors, for 8x8 to 256x256.

    generator:  z -> 4x4, blocks that double the sides, batch normalisation, ReLU, 3x3
    critic:     blocks that halve the sides, blocks that keep them, ReLU, sum or mean, linear

Up to 32x32, all blocks have `width` channels and the critic halves down to 8x8 at most, as on
CIFAR-10 (SNGAN, table 4). Above, the channels double from `width` at full size up to sixteen times,
and the critic halves down to 4x4 .. 7x7 (SNGAN, table 5). What they are told, the generator hears
in its normalisations, and the critic by a projection: score(x, c) = l(h(x)) + <V c, h(x)>.

Improved Training of Wasserstein GANs (Gulrajani et al., 2017), arXiv:1704.00028, appendix F: width
128, a mean over places (`AveragingCritic`). Spectral Normalization (Miyato et al., 2018),
arXiv:1802.05957, appendix B.4: a sum, 256 channels in the generator and 128 in the critic.
Projection: Miyato and Koyama (2018), arXiv:1802.05637, eq. 4. Attention: `nn/self_attention.py`.
Differs: above 32x32 the first convolution of a critic's block has all of the channels that come out
of it (BigGAN's choice; SNGAN's has those that went in).
"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F

from ..core.blueprint import Component
from ..core.spaces import count
from .conditional_norm import ConditionalBatchNorm
from .dcgan import doublings
from .self_attention import SelfAttention
from .told import check_context

Shape = tuple[int, int, int]


def channels_of(sizes: list[tuple[int, int]], width: int) -> list[int]:
    """The channels at each of the sizes, the last of which is the image's.

    >>> channels_of([(4, 4), (8, 8), (16, 16), (32, 32)], 256)
    [256, 256, 256, 256]
    >>> channels_of([(4, 4), (8, 8), (16, 16), (32, 32), (64, 64), (128, 128)], 64)
    [1024, 1024, 512, 256, 128, 64]
    """
    if max(sizes[-1]) <= 32:
        return [width] * len(sizes)
    return [width * min(16, 2**i) for i in range(len(sizes))][::-1]


def glorot(net: nn.Module) -> None:
    """Weights of convolutions as after Glorot, for what ReLU leaves of their inputs."""
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            gain = 2**0.5 if module.kernel_size == (3, 3) else 1.0
            nn.init.xavier_uniform_(module.weight, gain)


class UpBlock(nn.Module):
    """Normalise, ReLU, double, convolve; normalise, ReLU, convolve; beside a doubled shortcut."""

    def __init__(self, inputs: int, outputs: int, context: int = 0):
        super().__init__()
        self.first, self.second = (ConditionalBatchNorm(n, context) for n in (inputs, outputs))
        self.grow = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.mix = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.short = nn.Conv2d(inputs, outputs, 1)

    def forward(self, h: Tensor, c: Tensor | None = None) -> Tensor:
        """Features of twice the sides."""
        grown = self.grow(F.interpolate(self.first(h, c).relu(), scale_factor=2))
        # A 1x1 convolution before doubling is the same as after it, at a quarter of the work.
        short = F.interpolate(self.short(h), scale_factor=2)
        return short + self.mix(self.second(grown, c).relu())


class DownBlock(nn.Module):
    """ReLU, convolve, ReLU, convolve, halve; beside a halved shortcut. No normalisation.

    The `first` block sees an image, which no ReLU should cut; one that does not `halve` keeps its
    sides.
    """

    def __init__(self, inputs: int, outputs: int, halve: bool = True, first: bool = False):
        super().__init__()
        self.halve, self.first = halve, first
        self.look = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.mix = nn.Conv2d(outputs, outputs, 3, padding=1)
        learned = halve or inputs != outputs
        self.short = nn.Conv2d(inputs, outputs, 1) if learned else nn.Identity()

    def forward(self, h: Tensor) -> Tensor:
        """Features of half the sides, or of the same."""
        inner = self.mix(self.look(h if self.first else h.relu()).relu())
        if not self.halve:
            return self.short(h) + inner
        return self.short(F.avg_pool2d(h, 2)) + F.avg_pool2d(inner, 2)


def attending(attention: int, sides: list[int]) -> int:
    """Returns the side at which features attend to one another, if it is there; 0 is nowhere."""
    if attention and attention not in sides:
        raise ValueError(
            f"attention must be at one of the sides {sides} of the features, or 0 for none, "
            f"not {attention}"
        )
    return attention


def look_at(channels: int, attends: bool) -> nn.Module:
    """Attention over features, or nothing."""
    return SelfAttention(channels) if attends else nn.Identity()


class Growing(nn.Module):
    """From a vector (batch, inputs) to an image; each block hears a vector of its own."""

    def __init__(self, inputs: int, shape: Shape, width: int, context: int, attention: int = 0):
        super().__init__()
        self.sizes = doublings(*shape[1:])
        widths = channels_of(self.sizes, count("width", width))
        height, breadth = self.sizes[0]
        attention = attending(attention, [size[0] for size in self.sizes])
        self.enter = nn.Linear(inputs, widths[0] * height * breadth)
        self.blocks = nn.ModuleList(UpBlock(a, b, context) for a, b in pairwise(widths))
        sides = zip(self.sizes, widths)
        self.looks = nn.ModuleList(look_at(n, size[0] == attention) for size, n in sides)
        self.norm = nn.BatchNorm2d(widths[-1])
        self.leave = nn.Conv2d(widths[-1], shape[0], 3, padding=1)
        glorot(self)

    def forward(self, z: Tensor, told: list[Tensor | None]) -> Tensor:
        """The images, before their tanh, for the vectors `z` and what each block is told."""
        h = self.looks[0](self.enter(z).unflatten(1, (-1, *self.sizes[0])))
        for block, look, c in zip(self.blocks, self.looks[1:], told):
            h = look(block(h, c))
        return self.leave(self.norm(h).relu())


class ResNetGenerator(Component):
    """Noise (batch, latent) to images (batch, *shape); the tanh that ends it is the model's.

    Args:
        latent: length of the noise.
        shape: (channels, height, width); the sides must halve evenly down to 4 .. 7.
        width: channels at full size.
        context: length of the vector c that every block is told; 0 is none.
        attention: side of the features that attend to one another; 0 is none.
    """

    def __init__(
        self, latent: int, shape: Shape, width: int = 128, context: int = 0, attention: int = 0
    ):
        super().__init__()
        self.context = count("context", context, 0)
        self.net = Growing(latent, shape, width, context, attention)

    def forward(self, z: Tensor, c: Tensor | None = None) -> Tensor:
        """The images for the noise `z`, before their tanh, told `c` (batch, context)."""
        c = check_context(c, self.context, "ResNetGenerator")
        return self.net(z, [c] * len(self.net.blocks))


class ResNetCritic(Component):
    """Images (batch, *shape) to scores (batch, 1).

    Args:
        shape: (channels, height, width); the sides must halve evenly down to 4 .. 7.
        width: channels at full size.
        context: length of the vector c that features are projected on; 0 is none.
        attention: side of the features that attend to one another; 0 is none.
    """

    def __init__(self, shape: Shape, width: int = 128, context: int = 0, attention: int = 0):
        super().__init__()
        self.context = count("context", context, 0)
        halved = halvings(shape, count("width", width))
        attention = attending(attention, [side for side, _ in halved])
        blocks: list[nn.Module] = []
        before = shape[0]
        for i, (side, channels) in enumerate(halved):
            blocks += [DownBlock(before, channels, first=i == 0)]
            blocks += [look_at(channels, True)] if side == attention else []
            before = channels
        plain = 2 if max(shape[1:]) <= 32 else 1
        blocks += [DownBlock(before, before, halve=False) for _ in range(plain)]
        self.net = nn.Sequential(*blocks, nn.ReLU())
        self.leave = nn.Linear(before, 1)
        self.told = nn.Linear(context, before, bias=False) if context else None
        glorot(self)

    def pooled(self, h: Tensor) -> Tensor:
        """Features (batch, channels, height, width) of all places together: their sum."""
        return h.sum((2, 3))

    def forward(self, x: Tensor, c: Tensor | None = None) -> Tensor:
        """The scores of the float images `x`, told `c` (batch, context)."""
        c = check_context(c, self.context, type(self).__name__)
        h = self.pooled(self.net(x))
        if self.told is None or c is None:
            return self.leave(h)
        return self.leave(h) + (self.told(c) * h).sum(1, keepdim=True)


class AveragingCritic(ResNetCritic):
    """WGAN-GP's: the mean over places instead of the sum. Arguments as in `ResNetCritic`."""

    def pooled(self, h: Tensor) -> Tensor:
        """Features (batch, channels, height, width) of all places together: their mean."""
        return h.mean((2, 3))


def halvings(shape: Shape, width: int) -> list[tuple[int, int]]:
    """The height, and the channels, after each block of a critic that halves.

    >>> halvings((3, 32, 32), 128), halvings((1, 28, 28), 128)
    ([(16, 128), (8, 128)], [(14, 128), (7, 128)])
    >>> halvings((3, 64, 64), 64)
    [(32, 64), (16, 128), (8, 256), (4, 512)]
    """
    sizes = doublings(*shape[1:])
    if max(shape[1:]) <= 32:
        times = max(1, sum(min(size) > 8 for size in sizes))
        return [(shape[1] // 2 ** (i + 1), width) for i in range(times)]
    return [(shape[1] // 2 ** (i + 1), width * min(16, 2**i)) for i in range(len(sizes) - 1)]

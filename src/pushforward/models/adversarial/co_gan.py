"""CoGAN: pairs of images of two kinds, learned from images that nobody paired.

    min_{G_1, G_2} max_{D_1, D_2}  V(D_1, G_1) + V(D_2, G_2)
    G_k(z) = head_k(trunk(z)),        D_k(x) = verdict(eye_k(x))

Each game alone learns the images of its kind. That both generators decide in the same layers what
is to be seen, and only in their last ones how it looks, makes the two images for one z go together:
a digit and its negative, a face with glasses and without. Critics share their last layers, where
they judge what is seen. Nothing in the data says that pairs should be so; it is what is easiest.

As a model: x holds the kinds one after another in its channels, and what stands beside each other
in it is of no relation (`unpaired?joined=True`). A sample's kinds belong together.

Coupled Generative Adversarial Networks (Liu and Tuzel, 2016), arXiv:1606.07536, eq. 1, section 3.
Differs: any number of kinds; DCGAN's networks, of which the last doubling is a kind's own, and of a
critic the first. Batch normalisation after every layer of the trunk is no ornament: without it what
noise says fades from layer to layer, and the game ends with one image.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ...core.blueprint import Component
from ...core.catalogue import example, system
from ...core.contract import Terms
from ...core.spaces import Pixels, Space, count
from ...nn.dcgan import DCGANCritic, DCGANGenerator, doublings
from ...objectives.adversarial import AdversarialLoss, NonSaturating
from .gan import GAN
from .sagan import images

Shape = tuple[int, int, int]


class CoupledGenerator(Component):
    """Noise (batch, latent) to images of all kinds (batch, kinds * channels, height, width).

    Args:
        latent: length of the noise.
        shape: (channels, height, width) of one kind; sides that DCGAN can halve, and even ones.
        kinds: how many there are.
        width: channels of each kind's own layers; the trunk has twice as many at half of the sides.
    """

    def __init__(self, latent: int, shape: Shape, kinds: int = 2, width: int = 32):
        super().__init__()
        channels, height, breadth = shape
        middle = (2 * count("width", width), height // 2, breadth // 2)
        self.trunk = nn.Sequential(
            DCGANGenerator(latent, middle, 2 * width), nn.BatchNorm2d(2 * width), nn.ReLU()
        )
        self.heads = nn.ModuleList(_head(2 * width, width, channels) for _ in range(kinds))

    def forward(self, z: Tensor) -> Tensor:
        """The images for the noise `z`, before their tanh."""
        seen = self.trunk(z)
        return torch.cat([head(seen) for head in self.heads], 1)


def _head(inputs: int, width: int, channels: int) -> nn.Sequential:
    up = nn.ConvTranspose2d(inputs, width, 4, stride=2, padding=1, bias=False)
    last = nn.Conv2d(width, channels, 3, padding=1)
    return nn.Sequential(up, nn.BatchNorm2d(width), nn.ReLU(), last)


class CoupledCritic(Component):
    """Images of all kinds (batch, kinds * channels, height, width) to scores (batch, kinds).

    Arguments as of the generator.
    """

    def __init__(self, shape: Shape, kinds: int = 2, width: int = 32):
        super().__init__()
        channels, height, breadth = shape
        self.eyes = nn.ModuleList(
            nn.Sequential(nn.Conv2d(channels, width, 4, stride=2, padding=1), nn.LeakyReLU(0.2))
            for _ in range(kinds)
        )
        middle = (count("width", width), height // 2, breadth // 2)
        self.verdict = DCGANCritic(middle, 2 * width)

    def forward(self, x: Tensor) -> Tensor:
        """The score of each kind's image."""
        each = zip(self.eyes, x.chunk(len(self.eyes), 1))
        return torch.cat([self.verdict(eye(kind)) for eye, kind in each], 1)


class CoGAN(GAN):
    """Games on several kinds of images that share what they decide; samples belong together.

    Args:
        space: images of all kinds, one after another in the channels; their sides are even, and
            halved evenly down to 4 .. 7.
        kinds: how many there are.
        latent: length of the noise.
        width: channels of each kind's own layers.
        objective: the loss on scores.
        turns: the critic's moves for each of the generator's.

    Raises ValueError for images that these networks cannot make, or that are not of `kinds` kinds.
    """

    space: Pixels

    def __init__(
        self,
        space: Space,
        kinds: int = 2,
        latent: int = 64,
        width: int = 32,
        objective: AdversarialLoss = NonSaturating(),  # noqa: B008 (it is frozen)
        turns: int = 1,
    ):
        space = images(space, "CoGAN")
        if space.channels % count("kinds", kinds, 2):
            raise ValueError(
                f"{kinds} kinds stand one after another in the channels of an image, "
                f"of which {space} has {space.channels}"
            )
        if space.height % 2 or space.width % 2:
            raise ValueError(f"the sides of an image must be even, not as in {space}")
        doublings(space.height, space.width)
        shape = (space.channels // kinds, space.height, space.width)
        generator = CoupledGenerator(latent, shape, kinds, width)
        super().__init__(
            space, generator, CoupledCritic(shape, kinds, width), latent, objective, turns
        )
        self.kinds = kinds

    def each(self, x: Tensor) -> tuple[Tensor, ...]:
        """The scores of each kind's images of floats, (batch,) each."""
        return self.critic(self.seen(x)).unbind(1)

    def scores(self, x: Tensor, c: Tensor | None = None) -> Tensor:
        """The mean of the scores of all kinds, (batch,)."""
        return self.critic(x).mean(1)

    def critic_loss(self, x: Tensor, *conditions: Tensor) -> Terms:
        """What the critics minimise, summed over the kinds, terms of (batch,)."""
        real, fake = self.each(self.floats(x)), self.each(self.fake(len(x)).detach())
        return _summed([self.objective.critic(a, b) for a, b in zip(real, fake)])

    def generator_loss(self, x: Tensor, *conditions: Tensor) -> Terms:
        """What the generators minimise, summed over the kinds, terms of (batch,)."""
        real, fake = self.each(self.floats(x)), self.each(self.fake(len(x)))
        return _summed(
            [self.objective.generator(b, lambda a=a: a) for a, b in zip(real, fake)]  # type: ignore[misc]
        )


def _summed(terms: list[Terms]) -> Terms:
    """Of several games, each term by its name, added up."""
    return {name: torch.stack([t[name] for t in terms]).sum(0) for name in terms[0]}


system("co-gan", lecture=8, title="Coupled GAN", paper="arXiv:1606.07536")


@example(data="unpaired?negative=True&joined=True", slow=True)
def co_gan() -> CoGAN:
    """The smallest instance: digits and negatives of digits."""
    return CoGAN(Pixels(2, 8, 8, levels=17), latent=8, width=8)

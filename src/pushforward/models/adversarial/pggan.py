"""PGGAN: the game begins with 4x4 images, and both networks grow while it is played.

    critic:     E f(G(z)) - E f(x) + lambda E (|grad f(u)| - 1)^2 + epsilon E f(x)^2
    generator:  -E f(G(z))
    stages:     4x4, 8x8, 16x16, ...: in each a new size fades in, and is then played at

Where a shape is before where its hairs are: what is large is learned first, by small and fast
networks, and what is small comes on top of it without a shock.

Progressive Growing of GANs for Improved Quality, Stability, and Variation (Karras, Aila, Laine and
Lehtinen, 2018), arXiv:1710.10196: section 2 and figure 2 (fading), sections 3 and 4 (networks, in
`nn/progressive.py`), appendix A: lambda = 10, epsilon = 0.001, one critic turn, Adam(1e-3, betas =
(0, 0.99)) that begins anew with each size, an average of the weights (0.999). As many images for a
fade as at the size itself (`fading`); `Recipe(batch_sizes={"8x8": 64})` gives a size its own batch.
Differs from the paper: sides of 5 .. 7 at the smallest size, and labels (their code's are another).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...core.catalogue import example, system
from ...core.contract import Player, Stage, Terms
from ...core.dataset import Batch
from ...core.given import told
from ...core.spaces import Pixels, Space, count
from ...nn.progressive import ProgressiveCritic, ProgressiveGenerator, faded, level_of
from ...objectives.adversarial import AdversarialLoss, Drift
from ...objectives.penalties import GradientPenalty, Penalty
from .gan import GAN
from .sagan import images


class Growth(nn.Module):
    """How far networks have grown: at `depth` 2.3, level 3 fades in with alpha = 0.3."""

    depth: Tensor

    def __init__(self, levels: int):
        super().__init__()
        self.register_buffer("depth", torch.tensor(float(levels)))

    def now(self) -> tuple[int, float]:
        """The level, and its share alpha in (0, 1]."""
        depth = self.depth.item()
        level = math.ceil(depth)
        return level, 1.0 if level == depth else depth - (level - 1)


class Growing(GAN):
    """A game of networks that grow: a stage for every size, in the first part of which it fades in.

    Generators are called with (z, c, level, alpha), critics with (x, c, alpha), and both have
    `sizes`; samples are of the size that is grown to, doubled up to the size of the data.

    Args:
        space, generator, critic, latent, objective, turns, penalties: as in `GAN`; networks cannot
            be left out.
        classes: number of labels that both networks are told; 0 is none.
        fading: the share of a stage in which its size fades in, in [0, 1].
        padding: places added on every side of data, which samples are cut to; networks are of the
            padded size.
    """

    space: Pixels
    sizes: list[tuple[int, int]]

    def __init__(
        self,
        space: Pixels,
        generator: Any,
        critic: nn.Module,
        latent: int,
        objective: AdversarialLoss,
        turns: int = 1,
        penalties: tuple[Penalty, ...] = (),
        classes: int = 0,
        fading: float = 0.5,
        padding: int = 0,
    ):
        if not 0 <= fading <= 1:
            raise ValueError(f"fading must be a share of a stage in [0, 1], not {fading!r}")
        given = told(count("classes", classes, 0))
        super().__init__(
            space, generator, critic, latent, objective, turns, given, penalties=penalties
        )
        self.fading, self.sizes, self.padding = fading, generator.sizes, padding
        self.growth = Growth(len(self.sizes) - 1)
        self._playing: int | None = None

    def stages(self) -> tuple[Stage, ...]:
        """A stage for each size, called as it: "4x4", "8x8". The first needs no fade."""
        first = 1 - self.fading / 2
        return tuple(
            Stage(
                f"{height}x{width}",
                self.players_at(level),
                partial(self.shown, level),
                first if level == 0 else 1.0,
            )
            for level, (height, width) in enumerate(self.sizes)
        )

    def players_at(self, level: int) -> tuple[Player, ...]:
        """Growth, and then the game's players, at a level."""
        growth = Player("growth", self.growth, update=partial(self.grow, level))
        played = [self._at(player, level) for player in self.players()]
        return (growth, *played)

    def _at(self, player: Player, level: int) -> Player:
        if player.loss is None:
            return player
        return replace(player, loss=partial(self._played, player.loss, level))

    def _played(self, loss: Callable[..., Terms], level: int, *batch: Tensor) -> Terms:
        with self._at_level(level):
            return loss(*batch)

    @contextmanager
    def _at_level(self, level: int) -> Iterator[None]:
        before, self._playing = self._playing, level
        try:
            yield
        finally:
            self._playing = before

    def grow(self, level: int, *batch: Tensor) -> Terms:
        """Moves the growth to where this step of the stage has it; says its depth."""
        self.growth.depth.copy_(level - 1 + self._share(level))
        return {"depth": self.growth.depth.clone()}

    def _share(self, level: int) -> Tensor:
        """Alpha at this moment of a stage, a tensor in [0, 1]."""
        if level == 0 or self.fading == 0:
            return torch.ones_like(self.progress)
        return (self.progress / self.fading).clamp(max=1.0)

    def level(self) -> tuple[int, Tensor | float]:
        """The level under way and its alpha; where nobody plays, what was grown to."""
        if self._playing is None:
            return self.growth.now()
        return self._playing, self._share(self._playing)

    def shown(self, level: int, x: Tensor, *conditions: Tensor) -> Batch:
        """What a stage sees: images as floats in [-1, 1], of its size."""
        return (self.shrunk(self._padded(x), level), *conditions)

    def _padded(self, x: Tensor) -> Tensor:
        """Images as floats in [-1, 1], whose borders go on where they are padded."""
        x = super().floats(x)
        return F.pad(x, 4 * (self.padding,), mode="replicate") if self.padding else x

    def shrunk(self, x: Tensor, level: int) -> Tensor:
        """Images of any larger size as means over their places, (batch, channels, *size)."""
        factor = x.shape[2] // self.sizes[level][0]
        return F.avg_pool2d(x, factor) if factor > 1 else x

    def floats(self, x: Tensor) -> Tensor:
        """Data, or what a stage sees of them, as the critic does: a new size fades in here too."""
        level, alpha = self.level()
        x = self.shrunk(x if x.is_floating_point() else self._padded(x), level)
        if level == 0:
            return x
        return faded(F.interpolate(F.avg_pool2d(x, 2), scale_factor=2), x, alpha)

    def scores(self, x: Tensor, c: Tensor | None = None) -> Tensor:
        """The critic's scores of floats of the size under way, told `c`, (batch,)."""
        alpha = self.level()[1] if level_of(x, self.sizes) else 1.0
        return self.critic(x, c, alpha).reshape(len(x))

    def _generate(self, z: Tensor, c: Tensor | None = None) -> Tensor:
        return self.generator(z, c, *self.level())  # no tanh: theirs is linear

    def push(self, z: Tensor, *conditions: Tensor) -> Tensor:
        """The images that `z` stands for, in the size of the data, whatever was grown to."""
        return self.full(self._generate(z, self.vector(*conditions)))

    def full(self, x: Tensor) -> Tensor:
        """Images of the space for floats of any of the sizes."""
        factor = self.sizes[-1][0] // x.shape[2]
        x = F.interpolate(x, scale_factor=factor) if factor > 1 else x
        return self.space.from_signed(F.pad(x, 4 * (-self.padding,)) if self.padding else x)


def padded(space: Pixels, padding: int) -> tuple[int, int, int]:
    """The shape of images with so many places more on every side.

    >>> padded(Pixels(1, 28, 28), 2)
    (1, 32, 32)
    """
    more = 2 * count("padding", padding, 0)
    return space.channels, space.height + more, space.width + more


class PGGAN(Growing):
    """WGAN-GP's game, with networks that grow.

    Args:
        space: images whose sides, padded, can be halved evenly down to 4 .. 7.
        latent: length of the noise.
        width: channels at full size; they double as sides halve, up to `most`.
        most: channels at most.
        classes: number of labels that both networks are told; 0 is none.
        penalty: lambda.
        drift: epsilon; how much scores far from 0 cost.
        turns: the critic's moves for each of the generator's.
        fading: the share of a stage in which its size fades in.
        padding: places that networks see on every side of an image: with 2, those for 28x28 grow
            from 4x4 to 32x32.
    """

    def __init__(
        self,
        space: Space,
        latent: int = 512,
        width: int = 64,
        most: int = 512,
        classes: int = 0,
        penalty: float = 10.0,
        drift: float = 1e-3,
        turns: int = 1,
        fading: float = 0.5,
        padding: int = 0,
    ):
        space = images(space, "PGGAN")
        shape, context = padded(space, padding), count("classes", classes, 0)
        generator = ProgressiveGenerator(count("latent", latent), shape, width, most, context)
        critic = ProgressiveCritic(shape, width, most, context)
        loss, penalties = Drift(weight=drift), (GradientPenalty(penalty),)
        super().__init__(
            space, generator, critic, latent, loss, turns, penalties, classes, fading, padding
        )


system("pggan", lecture=11, title="Progressive growing", paper="arXiv:1710.10196")


@example(data="digits", slow=True)
def pggan() -> PGGAN:
    """The smallest instance: what the laws test and the gallery draws."""
    return PGGAN(Pixels(1, 8, 8, levels=17), latent=8, width=8, most=16)

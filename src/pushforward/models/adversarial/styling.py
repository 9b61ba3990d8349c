"""What one can do with a generator of styles: truncate, mix, walk, and draw from w.

    w' = mean(w) + psi (w - mean(w))                            truncation: psi < 1 trades variety
    image = g(w of one for coarse layers, w of another for fine ones)                       mixing

Karras, Laine and Aila (2019), arXiv:1812.04948, section 3.1, appendix B.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ...core.contract import Player, Terms
from ...core.spaces import Pixels
from ...objectives.penalties import R1
from .gan import GAN

LAZY = 16  # steps from one penalty on the critic's slope to the next


def share_of(psi: float) -> float:
    """Returns psi; raises ValueError where it is not in (0, 1]."""
    if not isinstance(psi, int | float) or not 0 < psi <= 1:
        raise ValueError(f"truncation must be in (0, 1], where 1 truncates nothing, not {psi!r}")
    return float(psi)


class Styling(GAN):
    """A game whose generator is a `StyledGenerator`."""

    space: Pixels
    generator: Any

    def sample(self, n: int, *conditions: Tensor, truncation: float | None = None) -> Tensor:
        """`n` data with new noise at every place; a truncation in (0, 1) draws styles to the mean.

        Raises ValueError for a truncation outside (0, 1].
        """
        styles = self.styles(self.latents(n), *conditions)
        if truncation is not None:
            styles = self.truncated(styles, truncation)
        return self.drawn(styles, fixed=False)

    def handles(self, z: Tensor, *conditions: Tensor) -> Tensor:
        """The styles of every layer, (batch, layers, style)."""
        return self.generator.each(self.styles(z, *conditions))

    def painted(self, handles: Tensor, *conditions: Tensor) -> Tensor:
        """The images of styles as floats, by the noise that is kept, with gradients."""
        return self.generator.draw(self.generator.each(handles), True, *self.grown())

    def styles(self, z: Tensor, *conditions: Tensor) -> Tensor:
        """w (batch, style) of noise (batch, latent), given the conditions."""
        return self.generator.styles(z, self.vector(*conditions))

    def truncated(self, styles: Tensor, psi: float) -> Tensor:
        """The styles drawn to their mean over all noise, which training followed."""
        return self.generator.mean.lerp(styles, share_of(psi))

    def drawn(self, styles: Tensor, fixed: bool = True) -> Tensor:
        """Data for styles: one of an image (batch, style), or of each layer too.

        `fixed` noise is that which is kept, so that an image is a function of its styles.
        """
        return self.finished(self.generator.draw(self.generator.each(styles), fixed, *self.grown()))

    def grown(self) -> tuple[Any, ...]:
        """What the generator is told of its size: nothing, where it does not grow."""
        return ()

    def finished(self, x: Tensor) -> Tensor:
        """Data of the space for the generator's floats."""
        return self.space.from_signed(x)

    def mixed(self, coarse: Tensor, fine: Tensor, layer: int) -> Tensor:
        """Styles (batch, layers, style): those of `coarse` below a layer, of `fine` from it on.

        Raises ValueError for a layer that is not there.
        """
        layers = self.generator.layers
        if not 0 <= layer <= layers:
            raise ValueError(f"layer must be in 0 .. {layers}, not {layer}")
        coarse, fine = self.generator.each(coarse), self.generator.each(fine)
        return torch.cat([coarse[:, :layer], fine[:, layer:]], 1)

    def lazily(self, weight: float, every: int = LAZY) -> tuple[Player, ...]:
        """The critic's penalty at data as a player that moves each `every` steps, so much more."""
        if not weight:
            return ()
        penalty = R1(weight * every)

        def flat(x: Tensor, *conditions: Tensor) -> Terms:
            c, real = self.vector(*conditions), self.seen(self.floats(x))
            return {"r1": penalty(lambda u: self.scores(u, c), real, real)}

        return (Player("slope", self.critic, flat, every=every),)

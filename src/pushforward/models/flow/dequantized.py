"""A flow over real numbers as a model of integers.

    log P(x) >= E_q(u|x)[ log p(y) - D log L - log q(u|x) ],    y = (x + u) / L in [0, 1)

The flow sees logit(alpha + (1 - 2 alpha) y), whose determinant is counted here. The bound's
constants (L levels, D dimensions) are those of the space, so bits/dim is right for any levels, and
k draws tighten it to the discrete likelihood, in training as well.

A note on the evaluation of generative models (Theis et al., 2016), arXiv:1511.01844, section 3.1;
Density estimation using Real NVP (Dinh et al., 2017), arXiv:1605.08803, section 4.1; training by
several draws: Learning Discrete Distributions by Dequantization (Hoogeboom, Cohen, Tomczak, 2020),
arXiv:2001.11235, eq. 8.
Differs: the logit is symmetric in both ends; noise in [0, 1) times 1/L rather than 1/256.
"""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor

from ...core.catalogue import example, system
from ...core.contract import Density, Pushforward, Stage, Terms, Weighted
from ...core.dataset import Batch
from ...core.spaces import Pixels, Reals, count
from ...nn.mlp import MLP
from ...nn.zero import zero_last
from ...probability.bijections.coupling import Coupling
from ...probability.bijections.logit import Logit
from ...probability.bijections.shapes import Flatten
from ...probability.bijections.splits import Alternate
from ...probability.dequantisation import Dequantizer, UniformNoise
from ...probability.priors import StandardNormal
from .flow import Flow


class DequantizedDensity(Weighted):
    """A model of `Pixels` from any density over `Reals` of the same shape: a lower bound.

    A density that learns by moves of its own (EM) makes them on dequantised data.

    Args:
        density: over Reals(space.shape).
        space: of the images.
        dequantizer: q(u|x); uniform where none is given.
        alpha: how far the logit is kept from the ends.
        k: draws of noise for each image, by whose bound it learns: more than one tighten it.
    """

    space: Pixels

    def __init__(
        self,
        density: Density,
        space: Pixels,
        dequantizer: Dequantizer | None = None,
        alpha: float = 0.05,
        k: int = 1,
    ):
        super().__init__(space, density.given)
        if density.space.shape != space.shape:
            raise ValueError(f"the density is over {density.space}, not over the shape of {space}")
        self.density = density
        self.dequantizer = dequantizer or UniformNoise()
        self.logit = Logit(alpha)
        self.k = count("k", k)

    def stages(self) -> tuple[Stage, ...]:
        """The bound by gradient; or the density's own stages, where it has closed-form moves."""
        if all(player.update is None for player in self.density.players()):
            return super().stages()
        return tuple(replace(stage, view=self.dequantised) for stage in self.density.stages())

    def loss(self, x: Tensor, *conditions: Tensor) -> Terms:
        """The negative bound with k draws of noise: one term, (batch,) in nats."""
        if self.k == 1:
            return super().loss(x, *conditions)
        return {"negative_bound": -self.importance_weighted(x, *conditions, k=self.k)}

    def dequantised(self, x: Tensor, *conditions: Tensor) -> Batch:
        """Images as the density sees them: floats with noise, through the logit."""
        u, _ = self.dequantizer(self.space.to_unit(x, self.dtype))
        return self.logit((x.to(self.dtype) + u) / self.space.levels)[0], *conditions

    def log_weights(self, x: Tensor, *conditions: Tensor, samples: int = 1) -> Tensor:
        """log of p(y) / L^D q(u|x) for noise u ~ q(u|x), in nats, (samples, batch)."""
        x = torch.cat([x] * count("samples", samples))
        given = (torch.cat([c] * samples) for c in conditions)
        u, log_q = self.dequantizer(self.space.to_unit(x, self.dtype))
        y = (x.to(self.dtype) + u) / self.space.levels
        z, log_det = self.logit(y)
        log_p = self.density.log_prob(z, *given) + log_det - self._log_volume
        return (log_p - log_q).unflatten(0, (samples, -1))

    @property
    def _log_volume(self) -> float:
        return self.space.dims * math.log(self.space.levels)

    def _images(self, z: Tensor) -> Tensor:
        """The integers whose bins hold the density's floats."""
        y, _ = self.logit.inverse(z)
        levels = self.space.levels
        return (y * levels).floor().clamp(0, levels - 1).to(torch.uint8)

    def sample(self, n: int, *conditions: Tensor) -> Tensor:
        """`n` images."""
        return self._images(self.density.sample(n, *conditions))


class Dequantized(Pushforward, DequantizedDensity):
    """A model of `Pixels` from a flow over `Reals` of the same shape: a lower bound.

    Args:
        flow: over Reals(space.shape).
        space: of the images.
        dequantizer: q(u|x); uniform where none is given.
        alpha: how far the logit is kept from the ends.
        k: draws of noise for each image, by whose bound it learns: more than one tighten it.
    """

    density: Flow

    def __init__(
        self,
        flow: Flow,
        space: Pixels,
        dequantizer: Dequantizer | None = None,
        alpha: float = 0.05,
        k: int = 1,
    ):
        super().__init__(flow, space, dequantizer, alpha, k)

    @property
    def flow(self) -> Flow:
        """The flow."""
        return self.density

    def noise(self, x: Tensor, *conditions: Tensor) -> Tensor:
        """The noise of images, each value at the middle of its bin; `push` gives them back."""
        y = (self.space.check(x).to(self.dtype) + 0.5) / self.space.levels
        return self.flow.noise(self.logit(y)[0], *conditions)

    def latents(self, n: int) -> Tensor:
        """`n` draws from the flow's base."""
        return self.flow.latents(n)

    def push(self, z: Tensor, *conditions: Tensor) -> Tensor:
        """The images that the noise `z` stands for."""
        return self._images(self.flow.push(z, *conditions))


def of_images(flow: Flow, space: Pixels, alpha: float = 0.05) -> Dequantized:
    """A flow of vectors as a model of images, whose numbers it takes in rows.

    Raises ValueError where the vectors are not as long as an image has numbers.
    """
    steps = [Flatten(space.shape), flow.bijection]
    images = Flow(flow.base, steps, Reals(space.shape), flow.given)
    return Dequantized(images, space, alpha=alpha)


system(
    "uniform-dequantisation",
    lecture=6,
    title="Uniform dequantisation",
    paper="arXiv:1511.01844",
)
system(
    "iw-dequantisation",
    lecture=6,
    title="Importance-weighted dequantisation",
    paper="arXiv:2001.11235",
)


@example(data="bars?height=2")
def dequantized() -> Dequantized:
    """The smallest instance."""
    couplings = [Coupling(zero_last(MLP(4, 8, 32)), Alternate(flip=i % 2 == 1)) for i in range(4)]
    space = Pixels(1, 2, 4, levels=2)
    flow = Flow(StandardNormal((8,)), [Flatten(space.shape), *couplings], Reals(space.shape))
    return Dequantized(flow, space)

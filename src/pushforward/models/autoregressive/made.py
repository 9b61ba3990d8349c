"""MADE: an autoencoder whose masks make it a product of conditionals.

    p(x) = prod_d p(x_d | x_<d),    x_d's parameters = V h + c,    h = relu(W x + b), masked

One pass through a perceptron gives all D conditionals, because masks cut every path from x_d to the
outputs for dimensions that do not come after d. Several masks (random degrees, and random orders)
share the weights: each is a model, a step trains one of them, and the density is their mixture.

MADE: Masked Autoencoder for Distribution Estimation (Germain, Gregor, Murray & Larochelle, 2015),
arXiv:1502.03509, eqs. 8-13, algorithm 1, section 4 (order- and connectivity-agnostic training).

Differs from the paper: values enter as -1 and 1 or one-hot; a mask is drawn for each step instead
of taken in turn; categorical, Gaussian and mixture conditionals besides the binary.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ...core.catalogue import example, system
from ...core.contract import Density, Terms
from ...core.spaces import Pixels, Reals, Space, count
from ...nn.masked import MaskedMLP, Unrolled
from ...probability.heads import GaussianMixtureHead, Head, head_for
from .factorised import blank, draw


class MADE(Density):
    """An exact density over images, sequences or vectors.

    Args:
        space: Pixels (flattened in raster order), Tokens or Reals.
        head: the conditionals; by default Bernoulli, categorical or Gaussian, as the space asks.
        width: units in a hidden layer.
        layers: hidden layers.
        masks: how many sets of masks share the weights; their mixture is the density.
        shuffled: random orders of the dimensions, else the natural one.
        direct: connect inputs to outputs besides.
        seed: of random orders and degrees.

    Raises ValueError where the head does not describe the space.
    """

    def __init__(
        self,
        space: Space,
        head: Head | None = None,
        width: int = 500,
        layers: int = 1,
        masks: int = 1,
        shuffled: bool = False,
        direct: bool = False,
        seed: int = 0,
    ):
        super().__init__(space)
        self.head = (head or head_for(space)).check(space)
        self.net = MaskedMLP(
            space.dims,
            self.head.inputs,
            self.head.outputs,
            width,
            layers,
            masks,
            shuffled,
            direct,
            seed=seed,
        )

    def conditionals(self, x: Tensor, which: int | Tensor = 0) -> Tensor:
        """Parameters (batch, dims, outputs) under set `which` of masks."""
        return self.net(self.head.encode(x.flatten(1), self.dtype), which=which)

    def log_prob(self, x: Tensor) -> Tensor:
        """log of the mean of the masks' densities, in nats, (batch,)."""
        each = [self._under(x, which) for which in range(self.net.masks)]
        return torch.stack(each).logsumexp(0) - math.log(len(each))

    def loss(self, x: Tensor) -> Terms:
        """{"nll": (batch,)}: in training of one mask, drawn at random; else of the mixture."""
        if self.training and self.net.masks > 1:
            which = torch.randint(self.net.masks, (), device=self.device)
            return {"nll": -self._under(x, which)}
        return {"nll": -self.log_prob(x)}

    def _under(self, x: Tensor, which: int | Tensor) -> Tensor:
        return self.head.log_prob(self.conditionals(x, which), x.flatten(1)).sum(1)

    def sample(self, n: int) -> Tensor:
        """`n` draws, each under a mask of its own; every hidden unit is computed once."""
        return self._sample(n, self._cached)

    @torch.no_grad()
    def sample_naively(self, n: int) -> Tensor:
        """The textbook's sampler: the same draws as `sample`, with a whole pass per dimension."""
        return self._sample(count("n", n), self._naive)

    def _sample(self, n: int, sampler) -> Tensor:
        mask = torch.randint(self.net.masks, (n,), device=self.device)
        x = blank(self.space, n, self.device, self.dtype)
        for which in mask.unique().tolist():
            mine = mask == which
            x[mine] = sampler(x[mine], which)
        return x

    def _cached(self, x: Tensor, which: int) -> Tensor:
        run, flat = Unrolled(self.net, len(x), which=which), x.flatten(1)
        for i, d in enumerate(self.net.order(which)):
            flat[:, d] = draw(self.head, run.parameters(i), x.dtype)
            run.know(i, self.head.encode(flat[:, d], self.dtype))
        return flat.view_as(x)

    def _naive(self, x: Tensor, which: int) -> Tensor:
        flat = x.flatten(1)
        for d in self.net.order(which):
            flat[:, d] = draw(self.head, self.conditionals(flat, which)[:, d], x.dtype)
        return flat.view_as(x)


@example(data="bars?height=2")
def made() -> MADE:
    """Bernoulli conditionals on tiny images: the density can be summed."""
    return MADE(Pixels(1, 2, 4, levels=2), width=64)


@example(data="moons")
def made_mixture() -> MADE:
    """Mixtures of Gaussians in the plane, two masks."""
    return MADE(Reals((2,)), GaussianMixtureHead(8), width=64, layers=2)


system(
    "made",
    lecture=2,
    title="Masked autoencoder for distribution estimation",
    paper="https://arxiv.org/abs/1502.03509",
)

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
from collections.abc import Callable

import torch
from torch import Tensor

from ...core.catalogue import example, system
from ...core.contract import Density, Terms
from ...core.spaces import Pixels, Reals, Space, count
from ...nn.masked import MaskedMLP, Unrolled
from ...probability.heads import GaussianMixtureHead, Head, head_for
from .factorised import Choice, blank, check_context, draw, greedy, probability


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
        context: length of a vector z that the density is conditioned on, as
            `log_prob(x, z)` and `sample(n, z)`; 0 is none.
        blind: probability of hiding a number from those after it, in training (word dropout).

    Raises ValueError where the head does not describe the space, or `blind` is no probability.
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
        context: int = 0,
        blind: float = 0.0,
    ):
        super().__init__(space)
        self.context, self.blind = (context,) if context else (), probability("blind", blind)
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
            context,
            seed,
        )

    def conditionals(self, x: Tensor, which: int | Tensor = 0, z: Tensor | None = None) -> Tensor:
        """Parameters (batch, dims, outputs) under set `which` of masks."""
        seen = self.head.encode(x.flatten(1), self.dtype)
        if self.training and self.blind:
            seen = seen * (torch.rand_like(seen[..., :1]) >= self.blind)
        return self.net(seen, z, which)

    def log_prob(self, x: Tensor, *context: Tensor) -> Tensor:
        """log of the mean of the masks' densities, in nats, (batch,)."""
        z = self._given(len(x), *context)
        each = [self._under(x, which, z) for which in range(self.net.masks)]
        return torch.stack(each).logsumexp(0) - math.log(len(each))

    def loss(self, x: Tensor, *context: Tensor) -> Terms:
        """{"nll": (batch,)}: in training of one mask, drawn at random; else of the mixture."""
        if self.training and self.net.masks > 1:
            which = torch.randint(self.net.masks, (), device=self.device)
            return {"nll": -self._under(x, which, self._given(len(x), *context))}
        return {"nll": -self.log_prob(x, *context)}

    def _under(self, x: Tensor, which: int | Tensor, z: Tensor | None) -> Tensor:
        return self.head.log_prob(self.conditionals(x, which, z), x.flatten(1)).sum(1)

    def _given(self, n: int, *context: Tensor) -> Tensor | None:
        if len(context) > bool(self.context):
            raise ValueError(f"this MADE takes {len(self.context)} conditions, not {len(context)}")
        given = context[0] if context else None
        return check_context(given, self.context, n) if self.context else None

    def sample(self, n: int, *context: Tensor) -> Tensor:
        """`n` draws, each under a mask of its own; every hidden unit is computed once."""
        return self._sample(self._cached, draw, n, *context)

    @torch.no_grad()
    def likeliest(self, n: int, *context: Tensor) -> Tensor:
        """The same with the likeliest number at every step instead of a draw."""
        return self._sample(self._cached, greedy, n, *context)

    @torch.no_grad()
    def sample_naively(self, n: int, *context: Tensor) -> Tensor:
        """The textbook's sampler: the same draws as `sample`, with a whole pass per dimension."""
        return self._sample(self._naive, draw, count("n", n), *context)

    def _sample(self, sampler: Callable, choose: Choice, n: int, *context: Tensor) -> Tensor:
        z, mask = self._given(n, *context), torch.randint(self.net.masks, (n,), device=self.device)
        x = blank(self.space, n, self.device, self.dtype)
        for which in mask.unique().tolist():
            mine = mask == which
            x[mine] = sampler(x[mine], which, choose, None if z is None else z[mine])
        return x

    def _cached(self, x: Tensor, which: int, choose: Choice, z: Tensor | None) -> Tensor:
        run, flat = Unrolled(self.net, len(x), z, which), x.flatten(1)
        for i, d in enumerate(self.net.order(which)):
            flat[:, d] = choose(self.head, run.parameters(i), x.dtype)
            run.know(i, self.head.encode(flat[:, d], self.dtype))
        return flat.view_as(x)

    def _naive(self, x: Tensor, which: int, choose: Choice, z: Tensor | None) -> Tensor:
        flat = x.flatten(1)
        for d in self.net.order(which):
            flat[:, d] = choose(self.head, self.conditionals(flat, which, z)[:, d], x.dtype)
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

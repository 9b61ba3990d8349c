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
from ...core.contract import Completing, Density, Terms
from ...core.given import told
from ...core.spaces import Pixels, Reals, Space, count
from ...nn.conditions import as_vector, width_of
from ...nn.masked import MaskedMLP, Unrolled
from ...probability.discretized import usual_head
from ...probability.heads import GaussianMixtureHead, Head
from .factorised import (
    Choice,
    Given,
    Run,
    blank,
    chain,
    check_known,
    draw,
    greedy,
    probability,
    unforeseen,
)


class MADE(Density, Completing):
    """An exact density over images, sequences or vectors.

    Args:
        space: Pixels (flattened in raster order), Tokens or Reals.
        head: the conditionals; by default `usual_head(space)`: Bernoulli, categorical, logistic in
            bins or Gaussian.
        width: units in a hidden layer.
        layers: hidden layers.
        masks: how many sets of masks share the weights; their mixture is the density.
        shuffled: random orders of the dimensions, else the natural one.
        direct: connect inputs to outputs besides.
        seed: of random orders and degrees.
        context: length of a vector z that the density is conditioned on, as
            `log_prob(x, z)` and `sample(n, z)`; 0 is none.
        blind: probability of hiding a number from those after it, in training (word dropout).
        classes: number of labels to condition on, before the context; 0 is none.

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
        classes: int = 0,
    ):
        given = told(classes, context)
        super().__init__(space, given)
        self.blind = probability("blind", blind)
        self.head = (head or usual_head(space)).check(space)
        self.net = MaskedMLP(
            space.dims,
            self.head.inputs,
            self.head.outputs,
            width,
            layers,
            masks,
            shuffled,
            direct,
            width_of(given),
            seed,
        )

    def conditionals(self, x: Tensor, which: int | Tensor = 0, z: Tensor | None = None) -> Tensor:
        """Parameters (batch, dims, outputs) under set `which` of masks."""
        seen = self.head.encode(x.flatten(1), self.dtype)
        if self.training and self.blind:
            seen = seen * (torch.rand_like(seen[..., :1]) >= self.blind)
        return self.net(seen, z, which)

    def log_prob(self, x: Tensor, *conditions: Tensor) -> Tensor:
        """log of the mean of the masks' densities, in nats, (batch,)."""
        z = self._vector(*conditions)
        each = [self._under(x, which, z) for which in range(self.net.masks)]
        return torch.stack(each).logsumexp(0) - math.log(len(each))

    def loss(self, x: Tensor, *conditions: Tensor) -> Terms:
        """{"nll": (batch,)}: in training of one mask, drawn at random; else of the mixture."""
        if self.training and self.net.masks > 1:
            which = torch.randint(self.net.masks, (), device=self.device)
            return {"nll": -self._under(x, which, self._vector(*conditions))}
        return {"nll": -self.log_prob(x, *conditions)}

    def _under(self, x: Tensor, which: int | Tensor, z: Tensor | None) -> Tensor:
        return self.head.log_prob(self.conditionals(x, which, z), x.flatten(1)).sum(1)

    def _vector(self, *conditions: Tensor) -> Tensor | None:
        return as_vector(self.given, conditions, self.dtype)

    def sample(self, n: int, *conditions: Tensor) -> Tensor:
        """`n` draws, each under a mask of its own; every hidden unit is computed once."""
        return self._walk(_Cached, self._masks(n), draw, *conditions)

    @torch.no_grad()
    def likeliest(self, n: int, *conditions: Tensor) -> Tensor:
        """The same with the likeliest number at every step instead of a draw."""
        return self._walk(_Cached, self._masks(n), greedy, *self.told(n, *conditions))

    @torch.no_grad()
    def sample_naively(self, n: int, *conditions: Tensor) -> Tensor:
        """The textbook's sampler: the same draws as `sample`, with a whole pass per dimension."""
        masks = self._masks(count("n", n))
        return self._walk(_Naive, masks, draw, *self.told(n, *conditions))

    def complete(self, x: Tensor, known: Tensor, *conditions: Tensor) -> Tensor:
        """Data that agree with `x` where `known` (bool, broadcast to x's shape) is true.

        Each datum is drawn under one set of masks: the one in whose order the fewest known values
        come after unknown ones. What a drawn value is conditioned on, what is warned of and what
        is refused is then as for `Factorised.complete`, in that order.
        """
        kept, orders = known.flatten(1), self.net.ranks.argsort(1)
        which = torch.stack([unforeseen(kept[:, order]).sum(1) for order in orders]).argmin(0)
        check_known(kept.gather(1, orders[which]), "the order of the masks")
        return self._walk(_Cached, which, draw, *conditions, given=(x.flatten(1), kept))

    def _masks(self, n: int) -> Tensor:
        return torch.randint(self.net.masks, (n,), device=self.device)

    def _walk(
        self,
        way: type[_Cached | _Naive],
        masks: Tensor,
        choose: Choice,
        *conditions: Tensor,
        given: Given | None = None,
    ) -> Tensor:
        """A datum under each of `masks` (n,), those of one mask together."""
        z = self._vector(*conditions)
        x = blank(self.space, len(masks), self.device, self.dtype)
        flat = x.flatten(1)
        for which in masks.unique().tolist():
            mine, order = (masks == which).nonzero(), self.net.ranks[which].argsort()
            rows = mine[:, 0]
            run = way(self, len(rows), None if z is None else z[rows], which)
            ours = None if given is None else (given[0][mine, order], given[1][mine, order])
            drawn = chain(self.head, run, len(order), ours, choose)
            flat[mine, order] = drawn.to(x.dtype)
        return flat.view_as(x)


class _Cached(Run):
    """One dimension after the other, every hidden unit once."""

    def __init__(self, model: MADE, n: int, z: Tensor | None, which: int):
        self.head, self.dtype = model.head, model.dtype
        self.unrolled = Unrolled(model.net, n, z, which)

    def parameters(self, i: int) -> Tensor:
        return self.unrolled.parameters(i)

    def know(self, i: int, values: Tensor) -> None:
        self.unrolled.know(i, self.head.encode(values, self.dtype))


class _Naive(Run):
    """A whole pass for every dimension."""

    def __init__(self, model: MADE, n: int, z: Tensor | None, which: int):
        self.model, self.z, self.which = model, z, which
        self.order = model.net.order(which)
        self.x = blank(model.space, n, model.device, model.dtype).flatten(1)

    def parameters(self, i: int) -> Tensor:
        return self.model.conditionals(self.x, self.which, self.z)[:, self.order[i]]

    def know(self, i: int, values: Tensor) -> None:
        self.x[:, self.order[i]] = values


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

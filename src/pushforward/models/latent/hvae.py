"""A VAE of two levels whose top has any prior, such as a VampPrior.

    p(z1, z2) = p(z1 | z2) p(z2),    q(z1, z2 | x) = q(z1 | x, z2) q(z2 | x)     (eqs. 12-14)
    p(z2) = (1/K) sum_k q(z2 | u_k)                                            a VampPrior on top

Two latent vectors are one vector z = (z2, z1) whose posterior and prior are drawn in two steps, so
the model is a `VAE` with this encoder and this prior.

VAE with a VampPrior (Tomczak & Welling, 2018), arXiv:1705.07120, section 4.
Differs from the paper: perceptrons with SiLU instead of gated layers.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from ...core.blueprint import Component
from ...core.catalogue import example
from ...core.contract import Density
from ...core.given import Given, agreed, heard, told
from ...core.spaces import Pixels, Reals, Space, count
from ...nn.conditions import as_vector, call, width_of
from ...nn.detached import Detached
from ...nn.mlp import MLP, FlatMLP
from ...objectives.importance import frozen
from ...probability.by_dimension import log_prob_each
from ...probability.posteriors import DiagonalGaussian, Encoder, PosteriorHead
from .vae import VAE, dense_decoder, dense_encoder
from .vampprior import VampPrior


class Below(Component):
    """The normal of z1 given z2 and, in a posterior, features of x.

    Args:
        above, latent: lengths of z2 and of z1.
        width: units of the hidden layer.
        features: how many of x; 0 in a prior.
        given: what it is told besides.
    """

    def __init__(self, above: int, latent: int, width: int, features: int = 0, given: Given = None):
        super().__init__()
        self.head: PosteriorHead = DiagonalGaussian(latent)
        self.given = given
        inputs = above + features + width_of(given)
        self.network = MLP(inputs, self.head.outputs, width, 1)

    def forward(self, z2: Tensor, *beside: Tensor) -> Distribution:
        """q(z1 | x, z2) or p(z1 | z2) for `z2` (..., batch, above).

        `beside` are the features (batch, n), and what is told (batch, width), where there are any.
        """
        each = (b.expand(*z2.shape[:-1], -1) for b in beside)
        return self.head(self.network(torch.cat((z2, *each), -1)))


class TwoLevels(Distribution):
    """z2 from a distribution, then z1 from what `below` makes of z2; as one vector (z2, z1)."""

    arg_constraints = {}  # noqa: RUF012
    has_rsample = True

    def __init__(self, top: Distribution, below: Below, *beside: Tensor):
        self.top, self.below, self.beside = top, below, beside
        self.above = top.event_shape[0]
        event = torch.Size((self.above + below.head.latent,))
        super().__init__(top.batch_shape, event, validate_args=False)

    def rsample_and_log_prob(
        self, sample_shape: torch.Size | tuple[int, ...] = ()
    ) -> tuple[Tensor, Tensor]:
        """Draws (*sample_shape, batch, latent) with gradients, and log q of them in nats."""
        z2 = self.top.rsample(torch.Size(sample_shape))
        lower = self.below(z2, *self.beside)
        z1 = lower.rsample()
        return torch.cat((z2, z1), -1), self.top.log_prob(z2) + lower.log_prob(z1)

    def rsample(self, sample_shape: torch.Size | tuple[int, ...] = ()) -> Tensor:
        """Draws with gradients."""
        return self.rsample_and_log_prob(sample_shape)[0]

    def log_prob(self, value: Tensor) -> Tensor:
        """Log q of any `value` (..., batch, latent)."""
        z2, z1 = value.split((self.above, value.shape[-1] - self.above), -1)
        return self.top.log_prob(z2) + self.below(z2, *self.beside).log_prob(z1)

    def log_prob_each(self, value: Tensor) -> Tensor | None:
        """Log q of each latent given those before it, (..., batch, latent)."""
        z2, z1 = value.split((self.above, value.shape[-1] - self.above), -1)
        return both(log_prob_each(self.top, z2), log_prob_each(self.below(z2, *self.beside), z1))

    def frozen(self) -> TwoLevels:
        """The same without gradients to what parametrises it, but to what it is asked about."""
        below: Any = FrozenBelow(self.below)
        return TwoLevels(frozen(self.top), below, *(b.detach() for b in self.beside))


def both(top: Tensor | None, below: Tensor | None) -> Tensor | None:
    """Log-densities of both levels, if both are known one by one."""
    return None if top is None or below is None else torch.cat((top, below), -1)


class FrozenBelow(Detached):
    """`Below` of weights that carry no gradient."""

    def __init__(self, below: Below):
        super().__init__(below)
        self.head = below.head


class TwoLevelEncoder(Encoder):
    """q(z2 | x) q(z1 | x, z2).

    Args:
        top: q(z2 | x), which a VampPrior may share.
        features: (batch, *space.shape) -> (batch, n), what z1 is told of the data.
        below: of z1, given z2 and n features.

    All three are told what `top` is told. Raises ValueError where `below` is told another thing.
    """

    def __init__(self, top: Encoder, features: nn.Module, below: Below):
        super().__init__(features, top.space, below.head, top.given)
        if below.given != top.given:
            raise ValueError(f"z2 is told {top.given}, but z1 {below.given}: tell both the same")
        self.top, self.below = top, below
        self.latent = top.latent + below.head.latent

    def describe(self, h: Tensor, c: Tensor | None = None) -> Distribution:
        """q for what the networks see and are told."""
        beside = (call(self.network, h, c), *(() if c is None else (c,)))
        return TwoLevels(self.top.describe(h, c), self.below, *beside)


class TwoLevelPrior(Density):
    """p(z2) p(z1 | z2), a density over Reals((z2 + z1,)); `top` is any density of vectors."""

    def __init__(self, top: Density, below: Below):
        space = Reals((top.space.dims + below.head.latent,))
        super().__init__(space, agreed(top=top, below=below))
        self.above, self.top, self.below = top.space.dims, top, below

    def log_prob(self, x: Tensor, *conditions: Tensor) -> Tensor:
        """Log p(z2, z1) in nats, (batch,), for latents `x`."""
        z2, z1 = x.split((self.above, x.shape[1] - self.above), 1)
        below = self.below(z2, *self._beside(conditions))
        return self.top.log_prob(z2, *heard(self.top, conditions)) + below.log_prob(z1)

    def log_prob_each(self, x: Tensor, *conditions: Tensor) -> Tensor | None:
        """Log p of each latent given those before it, (batch, z2 + z1)."""
        z2, z1 = x.split((self.above, x.shape[1] - self.above), 1)
        top = log_prob_each(self.top, z2, *heard(self.top, conditions))
        return both(top, log_prob_each(self.below(z2, *self._beside(conditions)), z1))

    def sample(self, n: int, *conditions: Tensor) -> Tensor:
        """`n` latents, (n, z2 + z1)."""
        z2 = self.top.sample(n, *heard(self.top, conditions))
        return torch.cat((z2, self.below(z2, *self._beside(conditions)).sample()), 1)

    def _beside(self, conditions: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """What z1 is told."""
        c = as_vector(self.below.given, heard(self.below, conditions), self.dtype)
        return () if c is None else (c,)


def hvae(
    space: Space,
    latents: tuple[int, int],
    width: int,
    components: int,
    layers: int = 1,
    classes: int = 0,
) -> VAE:
    """Perceptrons of `layers` hidden layers, a VampPrior of `components` on top.

    Args:
        space: of the data.
        latents: lengths of z2 and of z1.
        width: units of a hidden layer.
        components: pseudo-inputs.
        layers: hidden layers of what sees x, and of the decoder.
        classes: labels that all parts are told; 0 is none.
    """
    (high, low), given = (count("latents", n) for n in latents), told(classes)
    top = dense_encoder(space, DiagonalGaussian(high), width, layers, given)
    features = FlatMLP(space.dims, width, width, max(0, layers - 1), width_of(given))
    encoder = TwoLevelEncoder(top, features, Below(high, low, width, width, given))
    prior = TwoLevelPrior(VampPrior(top, components), Below(high, low, width, given=given))
    return VAE(encoder, dense_decoder(space, high + low, width, layers, given), prior)


@example(data="bars?height=2")
def two_level_vae() -> VAE:
    """The smallest instance."""
    return hvae(Pixels(1, 2, 4, levels=2), latents=(2, 2), width=16, components=8)

"""Gumbel-softmax VAE: a VAE whose latent variables are categorical.

    -log p(x) <= E_q(z|x)[-log p(x | z)] + KL(q(z|x) || uniform) = distortion + rate

Training replaces the one-hot draws z by Gumbel-softmax ones, so that their gradient reaches the
encoder, or takes another estimate of that gradient (`objectives/discrete_gradients.py`); the rate
is that of the categoricals, in closed form. `elbo` draws true one-hot vectors: it is a bound, while
the relaxed objective is none.

Categorical Reparameterization with Gumbel-Softmax (Jang, Gu and Poole, 2017), arXiv:1611.01144,
eq. 2, sections 2.2 and 4.2. Differs from the paper: the temperature falls geometrically with
progress, not by steps.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...core.catalogue import example, system
from ...core.contract import Bounded, Terms
from ...core.given import told
from ...core.spaces import Pixels, Space, count
from ...nn.conditions import as_vector, call
from ...nn.conv import ConvDecoder, ConvEncoder
from ...nn.sums import per_example
from ...probability.discretized import usual_head
from ...probability.gumbel import (
    Estimator,
    Relaxed,
    Temperature,
    divergence_from_uniform,
    one_hot,
)
from ...probability.heads import Head


class GumbelSoftmaxVAE(Bounded):
    """Images with `variables` categorical latent variables of `classes` classes.

    Args:
        space: images.
        variables, classes: of the latent space.
        width: channels of the convolutional networks, where those are not given.
        temperature: from the start to the end of training.
        relaxation: `Relaxed()`, `StraightThrough()`, or how else gradients pass through draws:
            `objectives.discrete_gradients` has unbiased ways.
        beta: weight of the rate in training.
        head: the likelihood of a pixel; by default `usual_head(space)`.
        encoder: images to (batch, variables * classes).
        decoder: (batch, variables * classes) to (batch, channels * head.outputs, height, width).
        labels: how many there are of those that the model is told with its images, and both
            networks as one-hot vectors; 0 is none. (`classes` are the latent variables' own.)
    """

    space: Pixels

    def __init__(
        self,
        space: Space,
        variables: int = 30,
        classes: int = 10,
        width: int = 32,
        temperature: Temperature = Temperature(),  # noqa: B008 (it is frozen)
        relaxation: Estimator = Relaxed(),  # noqa: B008 (it is frozen)
        beta: float = 1.0,
        head: Head | None = None,
        encoder: nn.Module | None = None,
        decoder: nn.Module | None = None,
        labels: int = 0,
    ):
        if not isinstance(space, Pixels):
            raise ValueError(f"the decoder's likelihood is over images, not {space}")
        super().__init__(space, told(labels))
        self.variables, self.classes = count("variables", variables), count("classes", classes, 2)
        self.head = (head or usual_head(space)).check(space)
        relaxation.check(self.variables, self.classes)
        self.temperature, self.relaxation, self.beta = temperature, relaxation, beta
        shape = (space.channels * self.head.outputs, space.height, space.width)
        flat = variables * classes
        self.encoder = encoder or ConvEncoder(space.shape, flat, width, labels)
        self.decoder = decoder or ConvDecoder(flat, shape, width, labels)

    def loss(self, x: Tensor, *conditions: Tensor) -> Terms:
        """What `relaxation` makes of the bound, in nats: {"distortion", "rate"}, each (batch,)."""
        return self.relaxation.bound(
            lambda z: self._given(x, z, *conditions),
            self.logits(x, *conditions),
            self.temperature.at(self.progress),
            self.beta,
        )

    def elbo(self, x: Tensor, *conditions: Tensor, samples: int = 1) -> Tensor:
        """E_q log p(x|z) - KL(q || uniform) with one-hot draws, in nats, (batch,)."""
        logits, times = self.logits(x, *conditions), range(count("samples", samples))
        draws = [self._given(x, one_hot(logits), *conditions) for _ in times]
        return torch.stack(draws).mean(0) - self._rate(logits)

    def logits(self, x: Tensor, *conditions: Tensor) -> Tensor:
        """Those of q(z|x), (batch, variables, classes)."""
        return self._encoded(x, *conditions).unflatten(1, (self.variables, self.classes))

    def sample(self, n: int, *conditions: Tensor) -> Tensor:
        """`n` images for latent variables drawn uniformly."""
        shape = (n, self.variables)
        return self._draw(torch.randint(self.classes, shape, device=self.device), *conditions)

    def _encoded(self, x: Tensor, *conditions: Tensor) -> Tensor:
        """What the encoder gives for images."""
        seen = self.space.to_signed(x, self.dtype)
        return call(self.encoder, seen, self._vector(len(x), *conditions))

    def _vector(self, n: int, *conditions: Tensor) -> Tensor | None:
        return as_vector(self.given, self.told(n, *conditions), self.dtype)

    def _draw(self, codes: Tensor, *conditions: Tensor) -> Tensor:
        z = F.one_hot(codes, self.classes).to(self.dtype)
        return self.head(self._describe(z, *conditions)).sample().to(torch.uint8)

    def _rate(self, logits: Tensor) -> Tensor:
        return divergence_from_uniform(logits).sum(1)

    def _given(self, x: Tensor, z: Tensor, *conditions: Tensor) -> Tensor:
        return per_example(self.head.log_prob(self._describe(z, *conditions), x))

    def _describe(self, z: Tensor, *conditions: Tensor) -> Tensor:
        """Parameters (batch, *space.shape, outputs) for z (batch, variables, classes)."""
        h = call(self.decoder, self._laid_out(z), self._vector(len(z), *conditions))
        return h.unflatten(1, (self.space.channels, -1)).movedim(2, -1)

    def _laid_out(self, z: Tensor) -> Tensor:
        return z.flatten(1)


system("gumbel-softmax", lecture=12, title="Gumbel-softmax VAE", paper="arXiv:1611.01144")


@example(data="bars")
def gumbel_softmax() -> GumbelSoftmaxVAE:
    """The smallest instance: its bound can be summed over all images."""
    return GumbelSoftmaxVAE(Pixels(1, 4, 4, levels=2), variables=4, classes=4, width=16)

"""What a codec plays against: a critic of its reconstructions, and features that should agree.

    L = L_rec + L_VQ + w lambda L_GAN,    L_rec = -log p(x | z_q) + v |f(x) - f(x')|^2
    lambda = |grad L_rec| / (|grad L_GAN| + delta)   at the decoder's last weight         (eq. 7)

Pixel by pixel a codec that cannot know where a hair lies paints their average. A critic tells
averages from data, so that the codec must make up some hair; features that do not see where it lies
forgive it.

The critic judges x', a *draw* of p(x | z_q), with gradients (`probability/pathwise.py`). So what is
judged, what is sampled and what the bound is of are one distribution: to fool the critic its noise
must become small, and what that costs in likelihood is seen in the bound.

Taming Transformers for High-Resolution Image Synthesis (Esser et al., 2021), arXiv:2012.09841,
eqs. 5-7, section 3.1. Differs from the paper: x' is drawn, where the paper's decoder gives one
image; the features are of any network, at its end, where the paper's are LPIPS; the codec is any
that is `Challenged` (VQ-VAE, VQ-VAE-2, dVAE).
"""

from __future__ import annotations

from abc import abstractmethod
from itertools import chain

import torch
from torch import Tensor, nn

from ...core.blueprint import Component
from ...core.contract import Bounded, Player, Terms
from ...core.spaces import Pixels
from ...nn.fixed import fixed
from ...nn.sums import per_example
from ...objectives.adversarial import AdversarialLoss, Hinge, adaptive_weight, with_slope
from ...objectives.variational import not_negative
from ...probability.heads import Head
from ...probability.pathwise import pathwise


class Adversary(Component):
    """A critic, and what is compared beside pixels: a part of a codec such as `VQVAE`.

    Args:
        critic: float images in [-1, 1] to scores (batch, ...), one or many for an image, such as
            `PatchCritic(channels)`.
        features: float images in [-1, 1] to features (batch, ...), compared by squares; None
            compares pixels alone. Nobody trains it: its weights become buffers.
        objective: the loss on scores.
        weight: w, of the adversarial loss once lambda has made it as strong as the others.
        feature_weight: v.
        start: the share of training after which the critic begins to play.
    """

    def __init__(
        self,
        critic: nn.Module,
        features: nn.Module | None = None,
        objective: AdversarialLoss = Hinge(),  # noqa: B008 (it is frozen)
        weight: float = 0.8,
        feature_weight: float = 1.0,
        start: float = 0.25,
    ):
        super().__init__()
        if not 0 <= start < 1:
            raise ValueError(f"start must be a share of training, in [0, 1), not {start!r}")
        self.critic, self.objective, self.start = critic, objective, start
        self.features = None if features is None else fixed(features)
        self.weight = not_negative("weight", weight)
        self.feature_weight = not_negative("feature_weight", feature_weight)

    def check(self, space: Pixels) -> None:
        """Raises ValueError where a network does not take images of `space`, one a row."""
        for name, network in (("critic", self.critic), ("features", self.features)):
            if network is not None:
                _check(name, network, space)

    def against(
        self, real: Tensor, drawn: Tensor, distortion: Tensor, last: Tensor, progress: Tensor
    ) -> Terms:
        """The codec's terms, (batch,): {"features"} where there are some, and {"adversarial"}.

        The latter's value is L_GAN, its gradient w lambda times that of L_GAN.

        Args:
            real, drawn: images and their reconstructions, floats (batch, channels, height, width).
            distortion: what the codec minimises besides, (batch,).
            last: the weight of the decoder's last layer.
            progress: of training, from 0 to 1, ().
        """
        apart = self._apart(real, drawn)
        fooled = self._sum(
            self.objective.generator(self._scores(drawn), lambda: self._scores(real))
        )
        pull = adaptive_weight(distortion + apart.get("features", 0), fooled, last)
        return {**apart, "adversarial": with_slope(fooled, self.weight * self._on(progress) * pull)}

    def critic_loss(self, real: Tensor, drawn: Tensor, progress: Tensor) -> Terms:
        """The critic's terms, (batch,); 0 before it plays."""
        terms = self.objective.critic(self._scores(real), self._scores(drawn))
        return {name: self._on(progress) * term.mean(1) for name, term in terms.items()}

    def _apart(self, real: Tensor, drawn: Tensor) -> Terms:
        if self.features is None:
            return {}
        with torch.no_grad():
            wanted = self.features(real)
        off = (self.features(drawn) - wanted).square()
        return {"features": self.feature_weight * per_example(off)}

    def _scores(self, x: Tensor) -> Tensor:
        """(batch, scores)."""
        return self.critic(x)[:, None].flatten(1)

    @staticmethod
    def _sum(terms: Terms) -> Tensor:
        return torch.stack(list(terms.values())).sum(0).mean(1)

    def _on(self, progress: Tensor) -> Tensor:
        return (progress >= self.start).to(progress.dtype)


class Challenged(Bounded):
    """A codec of images that may play against an `Adversary`.

    It says what it reconstructs and which weight is its decoder's last; the game follows.
    """

    space: Pixels
    head: Head
    adversary: Adversary | None

    def challenge(self, adversary: Adversary | None) -> None:
        """Takes it as the adversary, None for no game, once there is a head.

        What cannot play is refused now and not in the first step. Raises ValueError.
        """
        self.adversary = adversary
        if adversary is not None:
            adversary.check(self.space)
            pathwise(self.head(torch.zeros(1, self.head.outputs)), self.space)

    @abstractmethod
    def _reconstructed(self, x: Tensor, *conditions: Tensor) -> tuple[Tensor, Terms]:
        """The head's parameters (batch, *shape, outputs), and what is minimised beside distortion.

        The former are of images as their codes tell of them.
        """

    @property
    @abstractmethod
    def _last(self) -> Tensor:
        """The weight of the decoder's last layer."""

    def _critics(self) -> tuple[Player, ...]:
        """The critic, where there is one."""
        if self.adversary is None:
            return ()
        return (Player("critic", self.adversary.critic, self.critic_loss),)

    def loss(self, x: Tensor, *conditions: Tensor) -> Terms:
        """{"distortion": nats that the codes leave open, what else the codec minimises}, (batch,).

        With an adversary also {"features", "adversarial"}, what it asks for.
        """
        if self.adversary is not None:
            return self._game(x, *conditions)
        described, beside = self._reconstructed(x, *conditions)
        return {"distortion": self._distortion(x, described), **beside}

    @torch.compiler.disable  # a gradient is taken within, of a graph that is needed once more
    def _game(self, x: Tensor, *conditions: Tensor) -> Terms:
        described, beside = self._reconstructed(x, *conditions)
        distortion = self._distortion(x, described)
        real, drawn = self.space.to_signed(x, self.dtype), self._drawn(described)
        assert self.adversary is not None
        asked = self.adversary.against(real, drawn, distortion, self._last, self.progress)
        return {"distortion": distortion, **beside, **asked}

    def critic_loss(self, x: Tensor, *conditions: Tensor) -> Terms:
        """The terms of the adversary's critic, each (batch,)."""
        with torch.no_grad():
            drawn = self._drawn(self._reconstructed(x, *conditions)[0])
        assert self.adversary is not None
        return self.adversary.critic_loss(self.space.to_signed(x, self.dtype), drawn, self.progress)

    def _distortion(self, x: Tensor, described: Tensor) -> Tensor:
        """What the head's parameters leave open, in nats, (batch,)."""
        return -per_example(self.head.log_prob(described, x))

    def _drawn(self, described: Tensor) -> Tensor:
        """A draw, as floats in [-1, 1], with gradients."""
        return pathwise(self.head(described), self.space).to(self.dtype)


@torch.no_grad()
def _check(name: str, network: nn.Module, space: Pixels) -> None:
    like = next(chain(network.parameters(), network.buffers()), torch.zeros(()))
    training = network.training
    try:
        found = network.eval()(like.new_zeros(2, *space.shape))
    except (RuntimeError, TypeError, ValueError) as wrong:
        raise ValueError(
            f"the adversary's {name} does not take images of {space}: {wrong}"
        ) from wrong
    finally:
        network.train(training)
    if not isinstance(found, Tensor) or found.dim() == 0 or len(found) != 2:
        said = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
        raise ValueError(f"the adversary's {name} must give a row for each of 2 images, not {said}")

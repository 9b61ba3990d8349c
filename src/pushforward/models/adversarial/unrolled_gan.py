"""Unrolled GAN: the generator asks what the critic will say once it has answered.

    D_0 = D,    D_{k+1} = D_k - eta grad L_critic(D_k, G),    generator:  L_generator(D_K(G), G)

Against a critic that stands still, the best a generator can do is to put all at one point. A critic
that may answer for K steps, with the generator's gradient going through its answers, makes that
point cheap no longer. The critic itself is moved as ever, by one step.

Unrolled Generative Adversarial Networks (Metz, Poole, Pfau and Sohl-Dickstein, 2017),
arXiv:1611.02163, eqs. 7-10, section 2.2. Differs: the answers are steps of gradient descent (as in
their eq. 8; their experiments take Adam's).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.func import functional_call

from ...core import shares
from ...core.catalogue import example, system
from ...core.contract import Terms
from ...core.given import Given
from ...core.spaces import Reals, Space, count
from ...nn.outputs import scored
from ...objectives.adversarial import AdversarialLoss, NonSaturating
from .gan import GAN, critic_for, generator_for

Weights = dict[str, Tensor]


class UnrolledGAN(GAN):
    """A game whose generator looks `unrolled` steps of the critic ahead.

    Args:
        space, generator, critic, latent, objective, turns, given: as in `GAN`.
        unrolled: K; 0 is a plain GAN.
        rate: eta.
    """

    def __init__(
        self,
        space: Space,
        generator: nn.Module | None = None,
        critic: nn.Module | None = None,
        latent: int = 128,
        objective: AdversarialLoss = NonSaturating(),  # noqa: B008 (it is frozen)
        unrolled: int = 5,
        rate: float = 0.1,
        turns: int = 1,
        given: Given = None,
    ):
        if not 0 < rate < math.inf:
            raise ValueError(f"the rate of the critic's answers must be positive, not {rate!r}")
        super().__init__(space, generator, critic, latent, objective, turns, given)
        self.unrolled, self.rate = count("unrolled", unrolled, 0), rate

    @torch.compiler.disable  # torch.compile refuses to differentiate a gradient once more
    def generator_loss(self, x: Tensor, *conditions: Tensor) -> Terms:
        """What the generator minimises, (batch,) each, by the critic that will have answered."""
        c, real = self.vector(*conditions), self.floats(x)
        fake = self.fake(len(x), c)
        weights = self.answered(real, fake, c)
        return self.objective.generator(
            self.scored(weights, fake, c), lambda: self.scored(weights, real, c)
        )

    def answered(self, real: Tensor, fake: Tensor, c: Tensor | None = None) -> Weights:
        """The critic's weights after K steps against these floats, as a function of the fakes."""
        weights: Weights = dict(self.critic.named_parameters())
        further = torch.is_grad_enabled()
        for _ in range(self.unrolled):
            with torch.enable_grad():
                scores = self.scored(weights, real, c), self.scored(weights, fake, c)
                sums = torch.stack([t.sum() for t in self.objective.critic(*scores).values()])
                slopes = torch.autograd.grad(
                    sums.sum() / shares.number(real), list(weights.values()), create_graph=further
                )
                pairs = zip(weights.items(), slopes)
                weights = {n: w - self.rate * shares.total(slope) for (n, w), slope in pairs}
        return weights

    def scored(self, weights: Weights, x: Tensor, c: Tensor | None = None) -> Tensor:
        """The scores of floats by a critic with other weights, (batch,)."""
        told = (self.seen(x),) if c is None else (self.seen(x), c)
        return scored("the critic", functional_call(self.critic, weights, told), len(x))


system("unrolled-gan", lecture=8, title="Unrolled GAN", paper="arXiv:1611.02163")


@example(data="gaussians8")
def unrolled_gan() -> UnrolledGAN:
    """The smallest instance: what the laws test and the gallery draws."""
    space = Reals((2,))
    networks = generator_for(space, 4, 32), critic_for(space, 32)
    return UnrolledGAN(space, *networks, latent=4, unrolled=2)

"""FactorVAE: a critic measures the total correlation of the latents, and the VAE pays for it.

    loss = distortion + rate + gamma TC,   TC = KL( q(z) || prod_j q(z_j) ) ~ E[ T(z) ]     (eq. 2)
    T tells draws of q(z) from draws whose dimensions were shuffled over the batch: its best logit
    is log q(z) / prod_j q(z_j)                                                             (eq. 3)

Disentangling by Factorising (Kim & Mnih, 2018), arXiv:1802.05983, algorithm 2.
Differs from the paper: the critic sees one logit instead of two, which is the same; it has several
turns for each of the VAE's, or latents move away from what it knows quicker than it learns; no two
dimensions of what it is shown as shuffled are of one datum.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...core.catalogue import example, system
from ...core.contract import Density, Player, Terms
from ...core.shares import mine, whole
from ...core.spaces import Pixels, count
from ...nn.mlp import MLP
from ...objectives.variational import not_negative
from ...probability.decoders import Observation
from ...probability.posteriors import Encoder
from .vae import VAE, dense


class FactorVAE(VAE):
    """A VAE beside a critic of its latents, which is told nothing else.

    Args:
        encoder, decoder, prior: as for `VAE`.
        critic: (batch, latent) -> (batch, 1), a logit.
        gamma: weight of the total correlation.
        turns: of the critic, for each of the VAE's.
    """

    def __init__(
        self,
        encoder: Encoder,
        decoder: Observation,
        critic: nn.Module,
        prior: Density | None = None,
        gamma: float = 10.0,
        turns: int = 5,
    ):
        super().__init__(encoder, decoder, prior)
        self.critic, self.gamma = critic, not_negative("gamma", gamma)
        self.turns = count("turns", turns)

    def players(self) -> tuple[Player, ...]:
        """The VAE, then the critic."""
        mine = nn.ModuleList([self.encoder, self.decoder, self.prior])
        critic = Player("critic", self.critic, self.critic_loss, turns=self.turns)
        return Player("vae", mine, self.loss), critic

    def loss(self, x: Tensor, *conditions: Tensor) -> Terms:
        """{"distortion", "rate", "correlation"}, each (batch,), in nats."""
        draw = self.draw(x, *conditions)
        parts = {"distortion": -draw.log_x[0], "rate": draw.rate.sum(1)}
        return {**parts, "correlation": self.gamma * self.critic(draw.z[0])[:, 0]}

    def critic_loss(self, x: Tensor, *conditions: Tensor) -> Terms:
        """{"together", "shuffled"}: cross-entropy of telling the two kinds of draws apart."""
        with torch.no_grad():
            z = self.encode(x, *conditions).sample()
        together, shuffled = self.critic(z)[:, 0], self.critic(self._permuted(z))[:, 0]
        return {"together": F.softplus(-together), "shuffled": F.softplus(shuffled)}

    def _permuted(self, z: Tensor) -> Tensor:
        """Every process's rows of the whole batch's latents, `permuted`."""
        with torch._C.DisableTorchFunction():
            return mine(permuted(whole(z)), len(z))


def permuted(z: Tensor) -> Tensor:
    """Every dimension of `z` (batch, latent) in an order of its own.

    Each row has its numbers from different data, as long as there are as many data as dimensions:
    in orders drawn at random, 28 pairs of 8 dimensions would meet in 44 of 100 rows of a batch of
    64, and the critic would be told that what depends on each other does not.
    """
    batch, latent = z.shape
    rows = torch.randperm(batch, device=z.device)
    shifts = torch.randperm(max(batch, latent), device=z.device)[:latent]
    return z[rows].gather(0, (torch.arange(batch, device=z.device)[:, None] + shifts) % batch)


@example(data="bars")
def factor_vae() -> FactorVAE:
    """The smallest instance."""
    encoder, decoder = dense(Pixels(1, 4, 4, levels=2), latent=2, width=32)
    return FactorVAE(encoder, decoder, MLP(2, 1, 16, 1), gamma=2.0)


system("factor-vae", lecture=7, title="FactorVAE", paper="arXiv:1802.05983")

"""Aggressive inference: the encoder takes many steps for each step of the decoder.

    at first:   phi <- phi - grad_phi loss   K times,   then   theta <- theta - grad_theta loss
    afterwards: both at once

Early in training the approximate posterior lags behind the true one, and the model learns to do
without z. Letting the encoder catch up keeps z worth using.

Lagging Inference Networks and Posterior Collapse (He et al., 2019), arXiv:1901.05534, algorithm 1.
Differs from the paper: K is fixed, and so is the share of the training after which both move
together; the paper stops when mutual information no longer grows.
"""

from __future__ import annotations

from torch import nn

from ...core.catalogue import example
from ...core.contract import Density, Player, Stage
from ...core.spaces import Pixels, count
from ...objectives.variational import Objective
from ...probability.decoders import Observation
from ...probability.posteriors import Encoder
from .vae import VAE, dense


class AggressiveVAE(VAE):
    """A VAE of two players on one loss: the encoder, `turns` times, then decoder and prior.

    Args:
        encoder, decoder, prior, objective: as for `VAE`.
        turns: K.
        share: of the steps, for this; a plain VAE learns in the rest, and a schedule of the
            objective begins again.
    """

    def __init__(
        self,
        encoder: Encoder,
        decoder: Observation,
        prior: Density | None = None,
        objective: Objective | None = None,
        turns: int = 10,
        share: float = 1.0,
    ):
        super().__init__(encoder, decoder, prior, objective)
        self.turns, self.share = count("turns", turns), share
        if not 0 < share <= 1:
            raise ValueError(f"share must be in (0, 1], not {share!r}")

    def stages(self) -> tuple[Stage, ...]:
        """Eager inference, then plain learning where a share is left for it."""
        eager = Stage("eager", self.players(), share=self.share)
        together = (Player("model", self, self.loss),)
        rest = (Stage("together", together, share=1 - self.share),) if self.share < 1 else ()
        return (eager, *rest)

    def players(self) -> tuple[Player, ...]:
        """The encoder, then the generator."""
        generator = nn.ModuleList([self.decoder, self.prior])
        encoder = Player("encoder", self.encoder, self.loss, turns=self.turns)
        return encoder, Player("generator", generator, self.loss)


@example(data="bars")
def aggressive_vae() -> AggressiveVAE:
    """The smallest instance."""
    return AggressiveVAE(*dense(Pixels(1, 4, 4, levels=2), latent=2, width=32), turns=2)

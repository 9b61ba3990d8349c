"""dVAE: images as grids of codes, learned by Gumbel-softmax: the codec of DALL-E.

    E_q[-log p(x | c)] + beta KL(q(c|x) || uniform),    c one of K codes in every cell of the grid

Where a VQ-VAE picks the nearest codeword, the dVAE's encoder gives a distribution over them, and
training draws from its relaxation. Once trained, codes are the likeliest ones, and `TwoStage` puts
a prior over them.

Zero-Shot Text-to-Image Generation (Ramesh et al., 2021), arXiv:2102.12092, section 2.1, appendix
A.2. Differs from the paper: the likelihood is by default `usual_head`, and the paper's, of appendix
A.3, is `LogitLaplaceHead` in bins, an exact likelihood of integers; beta = 1 by default (6.6
there), which makes the objective a bound as the temperature falls.
"""

from __future__ import annotations

import math

from torch import Tensor, nn
from torch.nn import functional as F

from ...core.catalogue import example, system
from ...core.contract import Player, Terms
from ...core.spaces import Pixels, Space, Tokens
from ...nn.resnet import ResidualDecoder, ResidualEncoder, halved
from ...probability.discretized import usual_head
from ...probability.gumbel import Estimator, Relaxation, Relaxed, Temperature
from ...probability.heads import Head
from .adversary import Adversary, Challenged
from .gumbel_softmax import GumbelSoftmaxVAE


class DVAE(Challenged, GumbelSoftmaxVAE):
    """Images as grids of codes. `tokens` is the space of codes, as of a `VQVAE`.

    Args:
        space: images.
        codes: K, the size of the vocabulary.
        width: channels of the networks.
        halvings: of the sides: 8 -> 4 with one, 28 -> 7 and 32 -> 8 with two.
        blocks: residual blocks in either network.
        temperature: from the start to the end of training: 1 to 1/16 in the paper.
        relaxation: `Relaxed()`, `StraightThrough()`, or another `Estimator`, as of
            `GumbelSoftmaxVAE`.
        beta: weight of the rate in training.
        head: the likelihood of a pixel; by default `usual_head(space)`; `LogitLaplaceHead(256)` is
            the paper's.
        labels: how many there are of those that both networks are told; 0 is none.
        adversary: a critic of its reconstructions and features that should agree (`vqgan.py`).

    Raises ValueError for an adversary, a head or a `relaxation` that cannot play: the latter is a
    `Relaxation`, whose draws a gradient passes through.
    """

    def __init__(
        self,
        space: Space,
        codes: int = 512,
        width: int = 128,
        halvings: int = 2,
        blocks: int = 2,
        temperature: Temperature = Temperature(1.0, 1 / 16),  # noqa: B008 (it is frozen)
        relaxation: Estimator = Relaxed(),  # noqa: B008 (it is frozen)
        beta: float = 1.0,
        head: Head | None = None,
        labels: int = 0,
        adversary: Adversary | None = None,
    ):
        if not isinstance(space, Pixels):
            raise ValueError(f"a DVAE encodes images, not {space}")
        head = head or usual_head(space)
        shape = (space.channels * head.outputs, space.height, space.width)
        grid = halved(space.height, space.width, halvings)[-1]
        super().__init__(
            space,
            math.prod(grid),
            codes,
            width,
            temperature,
            relaxation,
            beta,
            head,
            ResidualEncoder(space.shape, codes, width, halvings, blocks, labels),
            ResidualDecoder(codes, shape, width, halvings, blocks, labels),
            labels,
        )
        self.grid, self.tokens = grid, Tokens(math.prod(grid), codes)
        if adversary is not None and not isinstance(relaxation, Relaxation):
            raise ValueError(
                "an adversary's gradient passes through draws of codes: take Relaxed() or "
                f"StraightThrough() as the relaxation, not {type(relaxation).__name__}"
            )
        self.challenge(adversary)

    def players(self) -> tuple[Player, ...]:
        """All by gradient; the networks alone, and then the critic, where there is an adversary."""
        if self.adversary is None:
            return super().players()
        networks = nn.ModuleList([self.encoder, self.decoder])
        return Player("autoencoder", networks, self.loss), *self._critics()

    def loss(self, x: Tensor, *conditions: Tensor) -> Terms:
        """What `relaxation` makes of the bound, in nats: {"distortion", "rate"}, each (batch,).

        With an adversary also {"features", "adversarial"}, what it asks for (`adversary.py`).
        """
        if self.adversary is None:
            return GumbelSoftmaxVAE.loss(self, x, *conditions)
        return self._game(x, *conditions)

    @property
    def _last(self) -> Tensor:
        assert isinstance(self.decoder, ResidualDecoder)
        return self.decoder.leave.weight

    def _reconstructed(self, x: Tensor, *conditions: Tensor) -> tuple[Tensor, Terms]:
        logits = self.logits(x, *conditions)
        assert isinstance(self.relaxation, Relaxation)
        z = self.relaxation(logits, self.temperature.at(self.progress))
        return self._describe(z, *conditions), {"rate": self.beta * self._rate(logits)}

    def logits(self, x: Tensor, *conditions: Tensor) -> Tensor:
        """Those of q(c|x), (batch, length, codes)."""
        return self._encoded(x, *conditions).flatten(2).movedim(1, -1)

    def _laid_out(self, z: Tensor) -> Tensor:
        return z.movedim(-1, 1).unflatten(2, self.grid)

    def encode(self, x: Tensor, *conditions: Tensor) -> Tensor:
        """The likeliest codes: int64 (batch, length) in raster order, data of `tokens`."""
        return self.logits(x, *conditions).argmax(-1)

    def log_prob_given(self, x: Tensor, codes: Tensor, *conditions: Tensor) -> Tensor:
        """log p(x | codes) in nats, (batch,)."""
        z = F.one_hot(self.tokens.check(codes, "codes"), self.classes)
        return self._given(x, z.to(self.dtype), *conditions)

    def draw(self, codes: Tensor, *conditions: Tensor) -> Tensor:
        """Images drawn from p(x | codes), uint8."""
        return self._draw(self.tokens.check(codes, "codes"), *conditions)


system("dvae", lecture=12, title="Discrete VAE of DALL-E", paper="arXiv:2102.12092")


@example(data="bars")
def dvae() -> DVAE:
    """The smallest instance: its bound can be summed over all images."""
    return DVAE(Pixels(1, 4, 4, levels=2), codes=8, width=16, halvings=1, blocks=1)

"""Two stages: a codec learns to write data as codes, then a prior learns the codes.

    log p(x) >= log p(c) + log p(x | c),    c = encode(x)

The codec learns with a prior that costs it nothing; once it is frozen, any density over its tokens
can take that prior's place, and is all that the second stage moves. Samples are codes drawn from
the prior, decoded. Joint training would let the codec make its codes easier to learn; this does
not.

Neural Discrete Representation Learning (van den Oord, Vinyals and Kavukcuoglu, 2017),
arXiv:1711.00937, section 3.3. Differs from the paper: the prior may be any density.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from torch import Tensor

from ...core.catalogue import example
from ...core.contract import Bounded, Density, Generative, Player, Stage, Terms, keep_apart
from ...core.dataset import Alone, Batch
from ...core.given import agreed, heard, told_something
from ...core.spaces import Pixels
from ...probability.quantisation import VectorQuantiser
from ..autoregressive.made import MADE
from .dvae import DVAE
from .vq_vae import VQVAE


class TwoStage(Bounded):
    """A codec of data and a density over its codes.

    Args:
        codec: a model with `tokens`, `encode`, `log_prob_given` and `draw`.
        prior: a density over the codes, or a bound on one (`MaskedDiffusion`): over
            `codec.tokens`, or over their grid, Tokens(codec.grid, codes).
        codec_share: of the training steps; the rest is the prior's.

    It is told what its parts are told; one that is told nothing sees x or codes alone.

    Raises ValueError for a prior over something else, or one that owns a part of the codec; for
    parts that are told different things.
    """

    def __init__(self, codec: VQVAE | DVAE, prior: Density | Bounded, codec_share: float = 0.5):
        if getattr(prior.space, "sequence", None) != codec.tokens:
            raise ValueError(
                f"the prior is over {prior.space}, but the codec's codes are {codec.tokens}: build "
                f"it over codec.tokens, or over Tokens({codec.grid}, {codec.tokens.vocabulary})"
            )
        keep_apart(codec, prior)
        if not 0 < codec_share < 1:
            raise ValueError(f"codec_share must be between 0 and 1, not {codec_share!r}")
        super().__init__(codec.space, agreed(codec=codec, prior=prior))
        self.codec, self.prior, self.codec_share = codec, prior, codec_share

    def check_examples(self, n: int) -> None:
        """Raises ValueError where a part cannot be trained on so few."""
        self.codec.check_examples(n)
        self.prior.check_examples(n)

    def stages(self) -> tuple[Stage, ...]:
        """The codec's stages on data, then the prior's on codes."""
        codec = scaled(self.codec, "codec", self.codec_share)
        prior = scaled(self.prior, "prior", 1 - self.codec_share)
        if not told_something(self.codec):
            codec = (replace(stage, view=Alone(stage.view)) for stage in codec)
        return *codec, *(replace(stage, view=self.view) for stage in prior)

    def diagnostics(self, x: Tensor, *conditions: Tensor) -> Terms:
        """The codec's."""
        return self.codec.diagnostics(x, *heard(self.codec, conditions))

    def view(self, x: Tensor, *conditions: Tensor) -> Batch:
        """A batch as the prior sees it: codes, and what it is told."""
        return (self._codes(x, *conditions), *heard(self.prior, conditions))

    def _codes(self, x: Tensor, *conditions: Tensor) -> Tensor:
        codes = self.codec.encode(x, *heard(self.codec, conditions))
        return codes.view(-1, *self.prior.space.shape)

    def elbo(self, x: Tensor, *conditions: Tensor, samples: int = 1) -> Tensor:
        """log p(c | conditions) + log p(x | c) in nats, (batch,); of a prior's bound `samples`."""
        codes = self._codes(x, *conditions)
        log_x = self.codec.log_prob_given(x, codes.flatten(1), *heard(self.codec, conditions))
        told = heard(self.prior, conditions)
        if isinstance(self.prior, Density):
            return self.prior.log_prob(codes, *told) + log_x
        return self.prior.elbo(codes, *told, samples=samples) + log_x

    def sample(self, n: int, *conditions: Tensor) -> Tensor:
        """Codes from the prior, decoded."""
        codes = self.prior.sample(n, *heard(self.prior, conditions)).flatten(1)
        return self.codec.draw(codes, *heard(self.codec, conditions))


def scaled(model: Generative, name: str, share: float) -> Iterator[Stage]:
    """The stages of a part of a model, with `share` of the steps, and names that tell it."""
    stages = model.stages()
    total = sum(stage.share for stage in stages)
    for stage in stages:
        told = name if len(stages) == 1 else f"{name} {stage.name}"
        players = tuple(_named(player, name) for player in stage.players)
        yield Stage(told, players, stage.view, share * stage.share / total)


def _named(player: Player, name: str) -> Player:
    """A model's only player bears the name of the part."""
    return replace(player, name=name) if player.name == "model" else player


@example(data="digits")
def two_stage() -> TwoStage:
    """The smallest instance: 4x4 codes, and MADE over them."""
    space = Pixels(1, 8, 8, levels=17)
    codec = VQVAE(space, VectorQuantiser(16, 8), width=16, halvings=1, blocks=1)
    return TwoStage(codec, MADE(codec.tokens, width=64))

"""A prior for every level of VQ-VAE-2's codes: from the top down, each told the codes above it.

    log p(x | y) >= log p(c_L | y) + sum_l log p(c_l | c_{l+1}, y) + log p(x | c)

Stages: the codec; then the priors, each of which learns by itself from codes of real images.
Samples are drawn from the priors, the top first.

Razavi, van den Oord and Vinyals (2019), arXiv:1906.00446, section 3.2, algorithm 2; section 3.4 for
`most_recognised`, which trades variety for fidelity by a classifier. Differs: the network that
tells a prior of the codes above is a stack of residual convolutions, as the paper's, without its
attention.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...core.blueprint import Component
from ...core.catalogue import example
from ...core.contract import Bounded, Density, Generative, Stage, Terms, keep_apart
from ...core.dataset import Alone, Batch
from ...core.given import agreed, heard, spaces_of, told_something
from ...core.spaces import Pixels, Reals, Tokens, count
from ...nn.resnet import Residual
from ...probability.quantisation import VectorQuantiser
from ..autoregressive.gated_pixelcnn import GatedPixelCNN
from .two_stage import scaled
from .vq_vae2 import VQVAE2


class CodeMap(Component):
    """Codes (batch, *grid) as a map of features (batch, features, *size).

    Args:
        tokens: the grid and its vocabulary.
        features: at every place of the map.
        size: (height, width) of the map.
        width: channels within.
        blocks: residual blocks, at the codes' own size.
    """

    def __init__(
        self,
        tokens: Tokens,
        features: int,
        size: tuple[int, int],
        width: int = 64,
        blocks: int = 2,
    ):
        super().__init__()
        self.tokens, self.features, self.size = tokens, features, tuple(size)
        self.embed = nn.Embedding(tokens.vocabulary, count("width", width))
        self.blocks = nn.Sequential(*(Residual(width) for _ in range(count("blocks", blocks, 0))))
        self.leave = nn.Conv2d(width, features, 3, padding=1)

    def forward(self, codes: Tensor) -> Tensor:
        """The map of int64 codes."""
        h = self.blocks(self.embed(codes).movedim(-1, 1))
        return self.leave(F.interpolate(F.relu(h), self.size))


class ToldCodes(Density):
    """A density over a grid of codes that is told the codes above it, through a network.

    Args:
        prior: a density over a grid, told a map last: `GatedPixelCNN(tokens, context=16)`.
        network: from the codes above to that map.

    It is told what `prior` is told, with codes in place of the map. Raises ValueError where the
    network makes another map than `prior` is told.
    """

    def __init__(self, prior: Density, network: CodeMap):
        *labels, last = spaces_of(prior.given) or (None,)
        wanted = Reals((network.features, *network.size))
        if last != wanted:
            raise ValueError(
                f"the prior must be told the network's map, {wanted}, last, not {last}"
            )
        super().__init__(prior.space, (*labels, network.tokens) if labels else network.tokens)
        self.prior, self.network = prior, network

    def log_prob(self, x: Tensor, *conditions: Tensor) -> Tensor:
        """log p(codes | labels, codes above) in nats, (batch,)."""
        return self.prior.log_prob(x, *self._heard(*conditions))

    def sample(self, n: int, *conditions: Tensor) -> Tensor:
        """`n` grids of codes, given what is told."""
        return self.prior.sample(n, *self._heard(*conditions))

    def _heard(self, *conditions: Tensor) -> tuple[Tensor, ...]:
        *labels, above = conditions
        return *labels, self.network(above)


class CodePyramid(Bounded):
    """A codec of several levels, and a prior for each.

    Args:
        codec: a `VQVAE2`.
        priors: the finest first; the last is over the top's codes, the others are told the codes
            of the level above, last (`ToldCodes`). All may be told labels.
        codec_share: of the training steps; the rest is the priors', in equal parts.

    Raises ValueError for priors over something else, that own a part of the codec or of each other,
    or that are told different things.
    """

    def __init__(self, codec: VQVAE2, priors: tuple[Density, ...], codec_share: float = 0.5):
        _check_spaces(codec, priors)
        if not 0 < codec_share < 1:
            raise ValueError(f"codec_share must be between 0 and 1, not {codec_share!r}")
        labels = {f"prior {i}": _Labels(p) for i, p in enumerate(priors[:-1])}
        super().__init__(codec.space, agreed(codec=codec, top=priors[-1], **labels))
        self.codec, self.codec_share = codec, codec_share
        self.priors: Sequence[Any] = nn.ModuleList(priors)  # type: ignore[assignment]

    def check_examples(self, n: int) -> None:
        """Raises ValueError where a part cannot be trained on so few."""
        for part in (self.codec, *self.priors):
            part.check_examples(n)

    def stages(self) -> tuple[Stage, ...]:
        """The codec's stages on data; then each prior's on codes, the top first."""
        codec = scaled(self.codec, "codec", self.codec_share)
        if not told_something(self.codec):
            codec = (replace(stage, view=Alone(stage.view)) for stage in codec)
        share, last = (1 - self.codec_share) / len(self.priors), len(self.priors) - 1
        found = list(codec)
        for level in range(last, -1, -1):
            name = "top" if level == last else f"level {level}"
            stages = scaled(self.priors[level], name, share)
            found += [replace(stage, view=partial(self.view, level)) for stage in stages]
        return tuple(found)

    def view(self, level: int, x: Tensor, *conditions: Tensor) -> Batch:
        """A batch as the prior of a level sees it: its codes, labels, and the codes above."""
        codes = self.encode(x, *conditions)
        return (codes[level], *self._told(level, codes, conditions))

    def _told(self, level: int, codes: tuple[Tensor, ...], conditions: Batch) -> Batch:
        prior = self.priors[level]
        if level == len(self.priors) - 1:
            return heard(prior, conditions)
        return (*heard(_Labels(prior), conditions), codes[level + 1])

    def diagnostics(self, x: Tensor, *conditions: Tensor) -> Terms:
        """The codec's."""
        return self.codec.diagnostics(x, *heard(self.codec, conditions))

    def encode(self, x: Tensor, *conditions: Tensor) -> tuple[Tensor, ...]:
        """The codes of images, int64 (batch, *grid) for each level, the finest first."""
        return self.codec.encode(x, *heard(self.codec, conditions))

    def elbo(self, x: Tensor, *conditions: Tensor, samples: int = 1) -> Tensor:
        """What all codes cost and what they leave open, in nats, (batch,)."""
        codes = self.encode(x, *conditions)
        costs = [
            prior.log_prob(codes[level], *self._told(level, codes, conditions))
            for level, prior in enumerate(self.priors)
        ]
        given = heard(self.codec, conditions)
        return torch.stack(costs).sum(0) + self.codec.log_prob_given(x, codes, *given)

    def sample(self, n: int, *conditions: Tensor) -> Tensor:
        """Codes from the priors, the top first, decoded."""
        codes: list[Tensor | None] = [None] * len(self.priors)
        for level in range(len(self.priors) - 1, -1, -1):
            told = self._told(level, tuple(codes), conditions)  # type: ignore[arg-type]
            codes[level] = self.priors[level].sample(n, *told)
        drawn = tuple(c for c in codes if c is not None)
        return self.codec.draw(drawn, *heard(self.codec, conditions))


class _Labels:
    """What a prior is told beside the codes above it, as a model that is told no more."""

    def __init__(self, prior: Density):
        *labels, _ = spaces_of(prior.given)
        self.given = tuple(labels) if len(labels) > 1 else labels[0] if labels else None


def _check_spaces(codec: VQVAE2, priors: tuple[Density, ...]) -> None:
    if [p.space for p in priors] != list(codec.tokens):
        raise ValueError(
            f"there must be a prior over each of the codec's grids, {list(codec.tokens)}, the "
            f"finest first, not over {[p.space for p in priors]}"
        )
    for prior, above in zip(priors, codec.tokens[1:]):
        last = (spaces_of(prior.given) or (None,))[-1]
        if last != above:
            raise ValueError(
                f"the prior over {prior.space} must be told the codes above it, {above}, last, not "
                f"{last}: see ToldCodes"
            )
    for i, prior in enumerate(priors):
        keep_apart(codec, prior)
        for other in priors[:i]:
            keep_apart(other, prior)


@torch.no_grad()
def most_recognised(
    model: Generative,
    n: int,
    labels: Tensor,
    logits: Callable[[Tensor], Tensor],
    times: int = 4,
) -> Tensor:
    """`n` data for `labels` (n,): for each, that of `times` draws which a classifier is surest of.

    `logits` are of data, (batch, classes). Raises ValueError where there are not n labels.
    """
    if tuple(labels.shape) != (n,):
        raise ValueError(f"there must be {n} labels for n = {n}, not {tuple(labels.shape)}")
    rounds = [model.sample(n, labels) for _ in range(count("times", times))]
    chances = torch.stack([F.log_softmax(logits(x), 1) for x in rounds])
    sure = chances.gather(2, labels.expand(len(rounds), n)[..., None])[..., 0]
    return torch.stack(rounds)[sure.argmax(0), torch.arange(n)]


@example(data="digits", slow=True)
def code_pyramid() -> CodePyramid:
    """The smallest instance: 4x4 codes below 2x2, and a Gated PixelCNN over each."""
    books = VectorQuantiser(16, 8), VectorQuantiser(16, 8)
    space = Pixels(1, 8, 8, levels=17)
    codec = VQVAE2(space, books, width=16, halvings=(1, 1), blocks=1)
    return CodePyramid(codec, usual_priors(codec, width=8, layers=1))


def usual_priors(
    codec: VQVAE2, width: int = 64, layers: int = 4, classes: int = 0
) -> tuple[Density, ...]:
    """A Gated PixelCNN over each of the codec's grids, the finest first, told those above it."""
    *lower, top = codec.tokens
    knobs = {"width": width, "layers": layers, "first": 3, "classes": classes, "embedding": width}
    below = [
        ToldCodes(
            GatedPixelCNN(tokens, context=width, **knobs),
            CodeMap(above, width, (tokens.shape[0], tokens.shape[1]), width),
        )
        for tokens, above in zip(lower, codec.tokens[1:])
    ]
    return *below, GatedPixelCNN(top, **knobs)

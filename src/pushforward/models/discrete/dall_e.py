"""DALL-E: a sentence draws a picture, by way of codes.

    log p(x | text) >= log p(codes | text) + log p(x | codes),    codes = encode(x)

First a codec learns to write images as grids of codes (the dVAE, or any other), then one
Transformer learns captions and codes as one sequence. What is drawn for a caption can be ranked by
a model that has learned which captions go with which images (`clip.py`).

Zero-Shot Text-to-Image Generation (Ramesh et al., 2021), arXiv:2102.12092. Differs from the paper:
see `dvae.py` and `text_image_transformer.py`; the ranking model is trained here, on the same
captions, and not on those of the whole web.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from ...core.catalogue import example, system
from ...core.contract import Completing, Stage, keep_apart
from ...core.given import heard
from ...core.spaces import Pixels, Tokens, count
from .clip import CLIP
from .dvae import DVAE
from .text_image_transformer import TextImageTransformer
from .two_stage import TwoStage, scaled
from .vq_vae import VQVAE


class DALLE(TwoStage, Completing):
    """Images told a caption: a codec, a Transformer over captions and codes, and who ranks them.

    Args:
        codec: a model with `tokens`, `grid`, `encode`, `log_prob_given` and `draw`.
        prior: over Tokens(codec.grid, codes), told captions.
        codec_share: of the training steps; the prior has those that are left.
        ranker: a model of which captions go with which images; None ranks nothing.
        ranker_share: of the training steps, where there is one.

    Raises ValueError for parts that do not fit together.
    """

    space: Pixels
    given: Tokens
    prior: TextImageTransformer

    def __init__(
        self,
        codec: VQVAE | DVAE,
        prior: TextImageTransformer,
        codec_share: float = 0.5,
        ranker: CLIP | None = None,
        ranker_share: float = 0.1,
    ):
        super().__init__(codec, prior, codec_share)
        if not 0 < ranker_share < 1 - codec_share:
            raise ValueError(
                f"ranker_share must be between 0 and what codec_share leaves, not {ranker_share!r}"
            )
        if ranker is not None:
            if (ranker.space, ranker.given) != (self.space, self.given):
                raise ValueError(
                    f"the ranker ranks {ranker.space} told {ranker.given}, but the model draws "
                    f"{self.space} told {self.given}: build both for the same data"
                )
            keep_apart(codec, ranker)
            keep_apart(prior, ranker)
        self.ranker, self.ranker_share = ranker, ranker_share

    def stages(self) -> tuple[Stage, ...]:
        """The codec's, the prior's, and those of who ranks."""
        stages = super().stages()
        if self.ranker is None:
            return stages
        left = 1 - self.ranker_share / (1 - self.codec_share)
        drawing = (replace(s, share=s.share * left) if s.name == "prior" else s for s in stages)
        return *drawing, *scaled(self.ranker, "ranker", self.ranker_share)

    def joint_elbo(self, x: Tensor, text: Tensor) -> Tensor:
        """A lower bound on log p(text, x) in nats, (batch,)."""
        return self.elbo(x, text) + self.prior.log_prob_text(text)

    def sample(
        self,
        n: int,
        text: Tensor,
        *,
        guidance: float = 1.0,
        temperature: float = 1.0,
        top_k: int | None = None,
    ) -> Tensor:
        """`n` images for as many captions; the options are those of `TextImageTransformer`."""
        options = {"guidance": guidance, "temperature": temperature, "top_k": top_k}
        codes = self.prior.sample(n, text, **options).flatten(1)  # type: ignore[arg-type]
        return self.codec.draw(codes, *heard(self.codec, (text,)))

    def complete(
        self,
        x: Tensor,
        known: Tensor,
        text: Tensor,
        *,
        guidance: float = 1.0,
        temperature: float = 1.0,
        top_k: int | None = None,
    ) -> Tensor:
        """Images that agree with `x` where `known` is true, the rest drawn for the caption.

        A cell of the grid is known where all of its pixels are, and is drawn after those before it
        in raster order, as of `Factorised.complete`; the encoder sees black where nothing is known.
        """
        options = {"guidance": guidance, "temperature": temperature, "top_k": top_k}
        codes = self._codes(torch.where(known, x, 0), text)
        cells = self._cells(known.expand(x.shape))
        drawn = self.prior.complete(codes, cells, text, **options)  # type: ignore[arg-type]
        images = self.codec.draw(drawn.flatten(1), *heard(self.codec, (text,)))
        return torch.where(known, x, images)

    def _cells(self, known: Tensor) -> Tensor:
        """Whether a cell has known pixels alone, bool (batch, *grid)."""
        unknown = (~known).any(1, keepdim=True).to(self.dtype)
        places = getattr(self.codec, "places", self.codec.grid)
        cells = F.adaptive_max_pool2d(unknown, places)[:, 0] == 0
        return cells.repeat_interleave(self.codec.grid[1] // places[1], 2)  # a place's codes

    @torch.no_grad()
    def best(
        self, n: int, text: Tensor, candidates: int, *, ranker: CLIP | None = None, **options: Any
    ) -> Tensor:
        """The `n` images of so many candidates that go best with one caption (1, length).

        They come by cosine similarity, the likest first. `ranker` is the model's own where None;
        `options` are those of `sample`. Raises ValueError where there is none, or for fewer
        candidates than images.
        """
        ranker = ranker or self.ranker
        if ranker is None:
            raise ValueError("nobody ranks: this model has no ranker, so it must be given one")
        told = text.expand(count("candidates", candidates, count("n", n)), -1)
        drawn = torch.cat(list(self.draws(candidates, told, **options)))
        return drawn[ranker.similarity(drawn, told).argsort(descending=True)[:n]]


system("dall-e", lecture=12, title="DALL-E", paper="arXiv:2102.12092")


@example(data="captioned_sprites?size=8&colours=2&wordings=1")
def dall_e() -> DALLE:
    """The smallest instance: 4x4 codes, three layers, and who ranks."""
    space, text = Pixels(3, 8, 8), Tokens(24, 378)
    codec = DVAE(space, codes=16, width=16, halvings=1, blocks=1)
    prior = TextImageTransformer(Tokens(codec.grid, 16), text, width=32, layers=3, heads=2)
    ranker = CLIP(space, text, features=16, width=16, layers=1, gallery=64)
    return DALLE(codec, prior, 0.4, ranker, 0.2)

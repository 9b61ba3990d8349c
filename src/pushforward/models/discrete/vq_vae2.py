"""VQ-VAE-2: codes at several sizes, each told by those above it, and a prior for each.

    z_L = p_L(h_L),    z_l = p_l(h_l, d_l(e_{l+1})),    e_l = nearest codewords to z_l
    log p(x) >= sum_l log p(c_l | c_{l+1}) + log p(x | e_1, ..., e_L)

One grid of codes must say both what is there and how every hair lies. A coarse grid above it takes
what is said once, and the fine one need only say what that leaves open: two easier priors instead
of a hard one.

Generating Diverse High-Fidelity Images with VQ-VAE-2 (Razavi, van den Oord and Vinyals, 2019),
arXiv:1906.00446, section 3, figure 2, algorithms 1-2. Differs from the paper: the likelihood is a
distribution over the integers, as in `vq_vae.py`; priors are any density (the paper's are PixelCNNs
with attention, as `PixelSNAIL` is), and a level is told the one above it alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Distribution
from torch.nn import functional as F

from ...core.catalogue import example, system
from ...core.contract import Player, Terms
from ...core.given import told
from ...core.spaces import Pixels, Space, Tokens, count
from ...nn.conditions import as_vector
from ...nn.resnet import ResidualDecoder, ResidualEncoder
from ...nn.sums import per_example
from ...probability.discretized import usual_head
from ...probability.heads import Head
from ...probability.quantisation import Quantiser, VectorQuantiser, numbered
from .adversary import Adversary, Challenged

Codes = tuple[Tensor, ...]


class Levels(nn.Module):
    """The networks of all levels, the finest first.

    `encoders[l]` goes from level l - 1 (the image for the finest) to features of level l, `down[l]`
    from the codewords of level l + 1 to features of level l, `names[l]` to what is quantised.
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        outputs: int,
        features: list[int],
        width: int,
        halvings: tuple[int, ...],
        blocks: int,
        context: int,
    ):
        super().__init__()
        shapes, knobs = [shape], (blocks, context)
        encoders = []
        for times in halvings:
            encoders.append(ResidualEncoder(shapes[-1], width, width, times, *knobs))
            shapes.append((width, *encoders[-1].grid))
        self.encoders = nn.ModuleList(encoders)
        self.grids = [encoder.grid for encoder in encoders]
        self.down = nn.ModuleList(
            ResidualDecoder(features[i + 1], shapes[i + 1], width, halvings[i + 1], *knobs)
            for i in range(len(halvings) - 1)
        )
        last = len(halvings) - 1
        self.names = nn.ModuleList(
            nn.Conv2d(width * (1 + (i < last)), n, 1) for i, n in enumerate(features)
        )
        whole = (outputs, *shape[1:])
        self.decoder = ResidualDecoder(sum(features), whole, width, halvings[0], *knobs)

    def features(self, x: Tensor, c: Tensor | None) -> list[Tensor]:
        """h of every level for float images."""
        found, h = [], x
        for encoder in self.encoders:
            h = encoder(h, c)
            found.append(h)
        return found

    def named(self, level: int, h: Tensor, above: Tensor | None, c: Tensor | None) -> Tensor:
        """What is quantised at a level, (batch, features, *grid)."""
        if above is None:
            return self.names[level](h)
        return self.names[level](torch.cat([h, self.down[level](above, c)], 1))

    def decoded(self, words: list[Tensor], c: Tensor | None) -> Tensor:
        """The head's numbers (batch, outputs, height, width) for codewords of all levels."""
        size = words[0].shape[2:]
        grown = [words[0], *(F.interpolate(e, tuple(size)) for e in words[1:])]
        return self.decoder(torch.cat(grown, 1), c)


class VQVAE2(Challenged):
    """Images as grids of codes of several sizes, with a uniform prior over them.

    Args:
        space: images.
        quantisers: a codebook for each level, the finest first.
        width: channels of the networks.
        halvings: of the sides, from the image to the finest grid, and on from level to level.
        blocks: residual blocks in each network.
        commitment: beta.
        head: the likelihood of a pixel; by default `usual_head(space)`.
        classes: labels that the networks are told, so that codes need not say them; 0 is none.
        adversary: a critic of its reconstructions and features that should agree (`vqgan.py`).

    `tokens` are the spaces of its codes, grids, the finest first: what priors have to learn
    (`CodePyramid`). Raises ValueError where levels and halvings are not as many, and for an
    adversary, or a head, that cannot play.
    """

    space: Pixels

    def __init__(
        self,
        space: Space,
        quantisers: tuple[Quantiser, ...],
        width: int = 128,
        halvings: tuple[int, ...] = (2, 1),
        blocks: int = 2,
        commitment: float = 0.25,
        head: Head | None = None,
        classes: int = 0,
        adversary: Adversary | None = None,
    ):
        if not isinstance(space, Pixels):
            raise ValueError(f"a VQVAE2 encodes images, not {space}")
        if len(quantisers) != len(halvings) or len(halvings) < 2:
            raise ValueError(
                "there must be a quantiser and a number of halvings for each of two levels or more,"
                f" not {len(quantisers)} quantisers and halvings {halvings}"
            )
        super().__init__(space, told(classes))
        self.head = (head or usual_head(space)).check(space)
        self.challenge(adversary)
        self.quantisers: Sequence[Any] = nn.ModuleList(quantisers)  # type: ignore[assignment]
        self.commitment = commitment
        halvings = tuple(count("halvings", times) for times in halvings)
        outputs = space.channels * self.head.outputs
        features = [q.features for q in quantisers]
        self.levels = Levels(space.shape, outputs, features, width, halvings, blocks, classes)
        self.tokens = tuple(
            Tokens((grid[0], grid[1] * q.books), q.codes)
            for grid, q in zip(self.levels.grids, quantisers)
        )

    def check_examples(self, n: int) -> None:
        """Raises ValueError where a codebook is larger than so few images fill."""
        for grid, quantiser in zip(self.levels.grids, self.quantisers):
            quantiser.check_vectors(n * math.prod(grid))

    def players(self) -> tuple[Player, ...]:
        """The networks, by gradient; every codebook, by moving averages; then a critic, if any."""
        books = (
            Player(f"codebook {i}", q, update=partial(self.update, i))
            for i, q in enumerate(self.quantisers)
        )
        return Player("autoencoder", self.levels, self.loss), *books, *self._critics()

    @property
    def _last(self) -> Tensor:
        return self.levels.decoder.leave.weight

    def _reconstructed(self, x: Tensor, *conditions: Tensor) -> tuple[Tensor, Terms]:
        seen = list(self._seen(x, *conditions))
        apart = [per_example(q.apart(z, e)) for q, (z, e) in zip(self.quantisers, seen)]
        described = self._describe([e for _, e in seen], *conditions)
        return described, {"commitment": self.commitment * torch.stack(apart).sum(0)}

    def diagnostics(self, x: Tensor, *conditions: Tensor) -> Terms:
        """{"codes 0", "perplexity 0"} and on for every level, () each, as of `VQVAE`."""
        return numbered(q.diagnostics() for q in self.quantisers)

    def update(self, level: int, x: Tensor, *conditions: Tensor) -> Terms:
        """Moves the codebook of a level: quantisation error, perplexity and restarts."""
        return self.quantisers[level].update(list(self._seen(x, *conditions))[level][0])

    def _seen(self, x: Tensor, *conditions: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """What is quantised and its codewords (batch, *grid, features), the finest level first."""
        c = self._vector(len(x), *conditions)
        found: list[tuple[Tensor, Tensor]] = []
        above = None
        for level, h in reversed(list(enumerate(self._features(x, c)))):
            z = self.levels.named(level, h, above, c).movedim(1, -1)
            quantised = self.quantisers[level](z)
            found.append((z, quantised))
            above = quantised.movedim(-1, 1)
        return reversed(found)

    def _features(self, x: Tensor, c: Tensor | None) -> list[Tensor]:
        return self.levels.features(self.space.to_signed(x, self.dtype), c)

    def encode(self, x: Tensor, *conditions: Tensor) -> Codes:
        """The codes of images, int64 (batch, *grid) for each level, the finest first."""
        seen = self._seen(x, *conditions)
        codes = (q.nearest(z) for q, (z, _) in zip(self.quantisers, seen))
        return tuple(c.view(-1, *t.shape) for c, t in zip(codes, self.tokens))

    def decode(self, codes: Codes, *conditions: Tensor) -> Distribution:
        """p(x | codes), over single pixel values (batch, channels, height, width)."""
        return self.head(self._describe(self._codewords(codes), *conditions))

    def elbo(self, x: Tensor, *conditions: Tensor, samples: int = 1) -> Tensor:
        """log p(x | codes) in nats, less log K for every code, (batch,): a uniform prior."""
        cost = sum(t.dims * math.log(t.vocabulary) for t in self.tokens)
        return self.log_prob_given(x, self.encode(x, *conditions), *conditions) - cost

    def sample(self, n: int, *conditions: Tensor) -> Tensor:
        """Images of codes that are drawn evenly: noise, until priors have learned them."""
        drawn = tuple(
            torch.randint(t.vocabulary, (n, *t.shape), device=self.device) for t in self.tokens
        )
        return self.draw(drawn, *conditions)

    def log_prob_given(self, x: Tensor, codes: Codes, *conditions: Tensor) -> Tensor:
        """log p(x | codes) in nats, (batch,)."""
        return self._log_prob(x, self._codewords(codes), *conditions)

    def draw(self, codes: Codes, *conditions: Tensor) -> Tensor:
        """Images drawn from p(x | codes), uint8."""
        return self.decode(codes, *conditions).sample().to(torch.uint8)

    def _vector(self, n: int, *conditions: Tensor) -> Tensor | None:
        return as_vector(self.given, self.told(n, *conditions), self.dtype)

    def _codewords(self, codes: Codes) -> list[Tensor]:
        if len(codes) != len(self.tokens):
            raise ValueError(f"expected codes of {len(self.tokens)} levels, not of {len(codes)}")
        checked = [t.check(c, "codes") for t, c in zip(self.tokens, codes)]
        books = [(-1, q.books) if q.books > 1 else (-1,) for q in self.quantisers]
        placed = [c.unflatten(2, form) for c, form in zip(checked, books)]
        return [q.lookup(c) for q, c in zip(self.quantisers, placed)]

    def _describe(self, words: list[Tensor], *conditions: Tensor) -> Tensor:
        """The head's parameters (batch, *space.shape, outputs)."""
        c = self._vector(len(words[0]), *conditions)
        h = self.levels.decoded([e.movedim(-1, 1) for e in words], c)
        return h.unflatten(1, (self.space.channels, -1)).movedim(2, -1)

    def _log_prob(self, x: Tensor, words: list[Tensor], *conditions: Tensor) -> Tensor:
        return -self._distortion(x, self._describe(words, *conditions))


system("vq-vae-2", lecture=12, title="VQ-VAE-2", paper="arXiv:1906.00446")


@example(data="digits")
def vq_vae2() -> VQVAE2:
    """The smallest instance: 4x4 codes below 2x2."""
    books = VectorQuantiser(16, 8), VectorQuantiser(16, 8)
    return VQVAE2(Pixels(1, 8, 8, levels=17), books, width=16, halvings=(1, 1), blocks=1)

"""Latent diffusion: an autoencoder removes what nobody sees, a diffusion learns what is left.

    stage 1:  E_q[-log p(x|z)] + beta KL(q(z|x) || N(0, I)),   beta << 1,  z a small grid
    stage 2:  a diffusion's loss on z / std(z)

The weight of the KL is so small that it only keeps the codes from drifting apart; the shape of
their density is the diffusion's affair, which is cheap on a grid of a quarter of the side.

High-Resolution Image Synthesis with Latent Diffusion Models (Rombach et al., 2022),
arXiv:2112.10752, section 3 and appendix G (the KL-regularised codec, rescaled to unit deviation).
Differs from the paper: the codec has a discretised-logistic likelihood in place of a perceptual and
an adversarial loss; the deviation is averaged over stage 2, not taken from its first batch.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, Normal, kl_divergence
from torch.nn import functional as F

from ...core.blueprint import Component
from ...core.catalogue import example, system
from ...core.contract import (
    Bounded,
    Completing,
    Latent,
    Player,
    Pushforward,
    Stage,
    Terms,
    keep_apart,
)
from ...core.dataset import Alone, Batch, unchanged
from ...core.shares import mean
from ...core.spaces import Pixels, Reals, count
from ...nn.resnet import ResidualDecoder, ResidualEncoder
from ...nn.unet import UNet
from ...probability.decoders import Describing, channels_for, observed
from ...probability.discretized import usual_head
from ...solvers.samplers import DDIM
from .ddpm import DDPM
from .diffusion import Diffusion


class GridCodec(Bounded, Latent):
    """Images to Gaussian features on a grid, and back.

    Args:
        space: of the images.
        features: in a cell of the grid.
        width: channels within the networks.
        halvings: of the sides.
        beta: weight of the KL in the loss; the bound has it whole.
        head: of one number, or of a pixel as `LogisticMixtureHead()`; Bernoulli or categorical
            after the space where None.
    """

    space: Pixels

    def __init__(
        self,
        space: Pixels,
        features: int = 4,
        width: int = 64,
        halvings: int = 2,
        beta: float = 1e-3,
        head: Describing | None = None,
    ):
        super().__init__(space)
        self.beta = beta
        self.head: Describing = (head or usual_head(space)).check(space)
        out = (channels_for(self.head, space), space.height, space.width)
        self.encoder = ResidualEncoder(space.shape, 2 * features, width, halvings)
        self.decoder = ResidualDecoder(features, out, width, halvings)
        self.latent = Reals((count("features", features), *self.encoder.grid))

    def encode(self, x: Tensor) -> Distribution:
        """q(z | x): events (features, *grid)."""
        signed = self.space.to_signed(self.space.check(x), self.dtype)
        mean, log_std = self.encoder(signed).chunk(2, dim=1)
        return Independent(Normal(mean, log_std.clamp(-10, 5).exp()), 3)

    def decode(self, z: Tensor) -> Distribution:
        """p(x | z) with independent pixels."""
        return observed(self.head, self.decoder(z), 1, self.space)

    def _parts(self, x: Tensor) -> tuple[Tensor, Tensor]:
        q = self.encode(x)
        zero = torch.zeros_like(q.mean)
        rate = kl_divergence(q, Independent(Normal(zero, zero + 1), 3))
        return -self.decode(q.rsample()).log_prob(x), rate

    def loss(self, x: Tensor) -> Terms:
        """{"distortion", "rate"} in nats, the rate times beta."""
        distortion, rate = self._parts(x)
        return {"distortion": distortion, "rate": self.beta * rate}

    def elbo(self, x: Tensor, samples: int = 1) -> Tensor:
        """The bound with N(0, I) for a prior, in nats, (batch,)."""
        drawn = [self._parts(x) for _ in range(count("samples", samples))]
        return -torch.stack([distortion + rate for distortion, rate in drawn]).mean(0)

    def sample(self, n: int) -> Tensor:
        """Images of standard normal features, which the codec alone is not good at."""
        z = torch.randn(n, *self.latent.shape, device=self.device, dtype=self.dtype)
        return self.decode(z).sample()


class Scale(Component):
    """The deviation of the codes: a mean square over all that was seen."""

    square: Tensor
    batches: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("square", torch.ones(()))
        self.register_buffer("batches", torch.zeros(()))

    @property
    def std(self) -> Tensor:
        """Root of the mean square."""
        return self.square.sqrt()

    def update(self, z: Tensor, *conditions: Tensor) -> Terms:
        """Takes in a batch; {"std"} is what it now is."""
        self.batches += 1
        self.square += (mean(z.square()).mean() - self.square) / self.batches
        return {"std": self.std.clone()}


class LatentDiffusion(Pushforward, Completing):
    """A codec, then a diffusion of its codes.

    Args:
        codec: such as `GridCodec`, or your own: `space` (of the data), `latent` (Reals, of the
            codes), `encode(x)` and `decode(z)`, which give distributions, `loss(x)` (what the
            first stage minimises). Samples are the modes of `decode`.
        diffusion: over `codec.latent`; what it is told, this model is told. The codec sees x alone.
        share: of the steps, for the codec.

    Raises ValueError for a codec that lacks one of these, and when it gives codes of another shape
    than `latent` or data that are not of `space`, such as floats for integers.
    """

    def __init__(self, codec: GridCodec, diffusion: Diffusion, share: float = 0.5):
        _check_codec(codec)
        super().__init__(codec.space, diffusion.given)
        if diffusion.space != codec.latent:
            raise ValueError(f"the diffusion is over {diffusion.space}, not over {codec.latent}")
        if not 0 < share < 1:
            raise ValueError(f"share must be between 0 and 1, not {share!r}")
        keep_apart(codec, diffusion)
        self.codec, self.diffusion, self.share = codec, diffusion, share
        self.scale = Scale()

    def stages(self) -> tuple[Stage, ...]:
        """The codec; then, side by side, the scale of its codes and their diffusion."""
        codec = Player("codec", self.codec, self.codec.loss)
        scale = Player("scale", self.scale, update=self.scale.update)
        diffusion = Player("diffusion", self.diffusion, self._diffusion_loss)
        after = Stage("diffusion", (diffusion, scale), self._codes, 1 - self.share)
        return Stage("codec", (codec,), Alone(unchanged), self.share), after

    def _codes(self, x: Tensor, *conditions: Tensor) -> Batch:
        z = self.codec.encode(x).sample()
        if z.shape[1:] != self.codec.latent.shape:
            told, found = self.codec.latent.shape, tuple(z.shape[1:])
            raise ValueError(f"the codec says that its codes are {told}, but encodes to {found}")
        return (z, *conditions)

    def _diffusion_loss(self, z: Tensor, *conditions: Tensor) -> Terms:
        return self.diffusion.loss(z / self.scale.std, *conditions)

    def latents(self, n: int) -> Tensor:
        """The diffusion's noise."""
        return self.diffusion.latents(n)

    def push(self, z: Tensor, *conditions: Tensor) -> Tensor:
        """The likeliest image of the code at the end of the probability flow from `z`."""
        return self._image(self.diffusion.push(z, *conditions))

    def sample(self, n: int, *conditions: Tensor) -> Tensor:
        """The likeliest images of `n` codes."""
        return self._image(self.diffusion.sample(n, *conditions))

    def complete(self, x: Tensor, known: Tensor, *conditions: Tensor, repeats: int = 5) -> Tensor:
        """Images that agree with `x` where `known` (bool, broadcast to x's shape) is true.

        A cell of the grid of codes is known where all of its pixels are, and is drawn beside as of
        `Diffusion.complete`; known pixels of other cells are put back at the end, and steer
        nothing. The encoder sees a sample where nothing is known, then once what was drawn there.

        Raises ValueError for codes that are no grid of images, and where pixels are known in an
        image of which not one cell is.
        """
        cells = self._cells(known)
        seen = torch.where(known, x, self.sample(len(x), *conditions))
        for _ in range(2):
            code = self.codec.encode(seen).mean / self.scale.std
            drawn = self.diffusion.complete(code, cells, *conditions, repeats=repeats)
            seen = torch.where(known, x, self._image(drawn))
        return seen

    def _cells(self, known: Tensor) -> Tensor:
        """Whether a cell of the codes has known pixels alone, bool (batch, 1, *grid)."""
        grid = self.codec.latent.shape[1:]
        if known.dim() != 4 or len(grid) != 2:
            raise ValueError(
                "images are completed cell by cell of the grid of their codes; here data are of "
                f"shape {tuple(known.shape[1:])} and codes of {self.codec.latent.shape}"
            )
        unknown = (~known).any(1, keepdim=True).to(self.dtype)
        cells = F.adaptive_max_pool2d(unknown, grid) == 0
        if (known.flatten(1).any(1) & ~cells.flatten(1).any(1)).any():
            sides = [math.ceil(a / b) for a, b in zip(known.shape[2:], grid)]
            raise ValueError(
                "of an image of which pixels are known, at least one cell of the grid of codes, "
                f"about {sides[0]}x{sides[1]} pixels, must be known wholly: the codes of others "
                "cannot be told"
            )
        return cells

    def _image(self, code: Tensor) -> Tensor:
        x = self.codec.decode(code * self.scale.std).mode
        try:
            return self.space.check(x)
        except ValueError as wrong:
            raise ValueError(f"what the codec decodes is not of its space: {wrong}") from wrong


def _check_codec(codec: nn.Module) -> None:
    """Raises ValueError where a codec lacks what both stages need of it."""
    needed = ("space", "latent", "encode", "decode", "loss")
    missing = [name for name in needed if not hasattr(codec, name)]
    if missing:
        raise ValueError(
            f"a codec has space, latent, encode, decode and loss, but {type(codec).__name__} has "
            f"no {', '.join(missing)}"
        )
    if not isinstance(codec.latent, Reals):
        raise ValueError(f"a diffusion is over codes in Reals, not in {codec.latent}")


system(
    "latent-diffusion",
    lecture=13,
    title="Latent diffusion",
    paper="Rombach et al., 2022, arXiv:2112.10752",
)


@example(data="bars", slow=True)
def latent_diffusion() -> LatentDiffusion:
    """The smallest instance: 4x4 images as a 2x2 grid."""
    codec = GridCodec(Pixels(1, 4, 4, levels=2), features=2, width=16, halvings=1)
    net = UNet(2, width=8, multipliers=(1,), blocks=1, attention=0)
    return LatentDiffusion(codec, DDPM(codec.latent, net, steps=20, sampler=DDIM(5)))

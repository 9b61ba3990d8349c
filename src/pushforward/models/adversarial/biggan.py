"""BigGAN: SAGAN made large, with noise at every scale, and a dial between variety and fidelity.

    critic:     E relu(1 - D(x, y)) + E relu(1 + D(G(z, y), y))
    generator:  -E D(G(z, y), y) + beta sum_W |W W^T * (1 - I)|^2
    sampling:   z ~ N(0, I), where |z_i| > t drawn again

Noise near its mode is what the generator has seen most of. Truncating it trades variety for
fidelity after training, where the generator is smooth enough: its filters are kept from pointing
the same way (not from having any norm), so that nothing but noise that it knows is mapped to data.

Large Scale GAN Training for High Fidelity Natural Image Synthesis (Brock, Donahue and Simonyan,
2019), arXiv:1809.11096, section 3, eq. 3, appendices B and C: latent 120 in 6 parts and width 96
for 128x128, beta = 1e-4, two critic turns, Adam(betas=(0, 0.999)) with 5e-5 for the generator and
2e-4 for the critic, an average of the weights (0.9999) with statistics of its own (`settle`).
Differs from the paper: sizes from 8x8 up; attention where SAGAN here has it (theirs is at 64x64);
the deep variant is not here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from ...core.catalogue import example, system
from ...core.contract import Terms
from ...core.given import spaces_of, told
from ...core.spaces import Labels, Pixels, Space, count
from ...nn.biggan import BigGANGenerator, orthogonal
from ...nn.resnet_gan import ResNetCritic
from ...nn.spectral import SpectrallyNormalised
from ...objectives.adversarial import Hinge
from .gan import GAN
from .sagan import attention_for, images


def overlap(weight: Tensor) -> Tensor:
    """Squared inner products of different filters (outputs, ...), summed: () (eq. 3)."""
    filters = weight.flatten(1)
    products = filters @ filters.mT
    return products.square().sum() - products.diagonal().square().sum()


class BigGAN(GAN):
    """A class-conditional game whose samples can be truncated: `sample(n, y, truncation=0.5)`.

    Args:
        space: images whose sides can be halved evenly down to 4 .. 7.
        latent: length of the noise, a multiple of the number of its parts.
        width: channels at full size (`nn/resnet_gan.py`).
        embedding: length of the embedding of the classes, which all blocks share.
        attention: the height of the features that attend to one another, in both networks; 0 is
            nowhere, None is as in SAGAN.
        orthogonality: beta; 0 is none.
        classes: number of labels that both networks are told; 0 is none.
        turns: the critic's moves for each of the generator's.
    """

    generator: BigGANGenerator

    def __init__(
        self,
        space: Space,
        latent: int = 120,
        width: int = 96,
        embedding: int = 128,
        attention: int | None = None,
        orthogonality: float = 1e-4,
        classes: int = 0,
        turns: int = 2,
    ):
        space = images(space, "BigGAN")
        if not 0 <= orthogonality < float("inf"):
            raise ValueError(f"orthogonality must be a weight of at least 0, not {orthogonality!r}")
        given, shape = told(count("classes", classes, 0)), space.shape
        attention = attention_for(space) if attention is None else attention
        generator = BigGANGenerator(latent, shape, width, classes, embedding, attention)
        critic = SpectrallyNormalised(orthogonal(ResNetCritic(shape, width, classes, attention)))
        super().__init__(space, generator, critic, latent, Hinge(), turns, given)
        self.orthogonality = orthogonality

    def generator_loss(self, x: Tensor, *conditions: Tensor) -> Terms:
        """What the generator minimises: the game's term (batch,), and "orthogonality", ()."""
        terms = super().generator_loss(x, *conditions)
        if not self.orthogonality:
            return terms
        matrices = [p for p in self.generator.net.parameters() if p.dim() > 1]
        total = torch.stack([overlap(p) for p in matrices]).sum()
        return {**terms, "orthogonality": self.orthogonality * total}

    @torch.no_grad()
    def settle(self, passes: int = 16, size: int = 64) -> BigGAN:
        """Replaces running statistics by the mean of those of `passes` batches; returns itself.

        For averaged weights, which the running statistics of the trained ones do not fit: standing
        statistics (appendix C.1). Labels are drawn evenly.
        """
        with _counting(self.generator):
            for _ in range(count("passes", passes)):
                self.push(self.latents(count("size", size, 2)), *self._labels(size))
        return self

    def _labels(self, n: int) -> tuple[Tensor, ...]:
        """Labels drawn evenly, where there are any."""
        told = (space for space in spaces_of(self.given) if isinstance(space, Labels))
        return tuple(torch.randint(s.classes, (n,), device=self.device) for s in told)


@contextmanager
def _counting(net: nn.Module) -> Iterator[None]:
    """Within it, normalisations take the mean of the statistics of all batches that they see."""
    norms = [m for m in net.modules() if isinstance(m, nn.BatchNorm2d)]
    before = [(m.momentum, m.training) for m in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
        norm.train()
    try:
        yield
    finally:
        for norm, (momentum, training) in zip(norms, before):
            norm.momentum = momentum
            norm.train(training)


system("biggan", lecture=11, title="BigGAN", paper="arXiv:1809.11096")


@example(data="digits?labels=True", slow=True)
def biggan() -> BigGAN:
    """The smallest instance: what the laws test and the gallery draws."""
    return BigGAN(Pixels(1, 8, 8, levels=17), latent=8, width=8, embedding=8, classes=10, turns=1)

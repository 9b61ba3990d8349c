"""InfoGAN: a few numbers of the noise must be readable from the image, and come to mean something.

    min_{G, Q} max_D  V(D, G) - lambda E log Q(c | G(z, c)),        c ~ categories and U[-1, 1]

E log Q(c | x) + H(c) bounds the mutual information I(c; x) from below, and is equal to it at the
best Q. A generator that hides its codes cannot be read, so that the codes take what is easiest to
see: the digit, its slant, its thickness. Which code takes what is left to chance.

InfoGAN: Interpretable Representation Learning by Information Maximizing Generative Adversarial Nets
(Chen et al., 2016), arXiv:1606.03657, eqs. 5-6, sections 5-6, appendix C: lambda = 1 for
categories, and for continuous codes smaller, which a Gaussian Q of learned deviation needs not.
Differs: Q is a network of its own (theirs shares the critic's layers), so that any critic may stand
here.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...core.catalogue import example, system
from ...core.contract import Player, Terms
from ...core.spaces import Labels, Pixels, Space, count
from ...nn.outputs import read
from ...objectives.adversarial import AdversarialLoss, NonSaturating
from .gan import GAN, critic_for, generator_for


def recogniser_for(space: Space, outputs: int, width: int | None = None) -> nn.Module:
    """The usual Q: the usual critic with more outputs. To (batch, outputs)."""
    from ...nn.conv import ConvEncoder
    from ...nn.mlp import MLP

    if isinstance(space, Pixels):
        return ConvEncoder(space.shape, outputs, width or 32)
    return MLP(space.dims, outputs, width or 128, 3)


class InfoGAN(GAN):
    """A game in which codes can be read from what the generator draws.

    The latent vector is (noise, one-hot codes of each kind, continuous codes side by side):
    `coded(n, ...)` makes one with codes of one's own, `codes(x)` reads them.

    Args:
        space: images or real vectors.
        generator: of (batch, noise + sum(kinds) + continuous); the usual one where None.
        critic: as in `GAN`.
        recogniser: Q, of floats as the critic sees them to (batch, sum(kinds) + 2 continuous):
            logits of each kind, then means and log-deviations; the usual one where None.
        noise: numbers that nobody reads.
        kinds: how many categories each discrete code has.
        continuous: how many codes are uniform on [-1, 1].
        weight: lambda.
        objective: the loss on scores.
        turns: the critic's moves for each of the generator's.
    """

    def __init__(
        self,
        space: Space,
        generator: nn.Module | None = None,
        critic: nn.Module | None = None,
        recogniser: nn.Module | None = None,
        noise: int = 62,
        kinds: tuple[int, ...] = (10,),
        continuous: int = 2,
        weight: float = 1.0,
        objective: AdversarialLoss = NonSaturating(),  # noqa: B008 (it is frozen)
        turns: int = 1,
    ):
        if not 0 < weight < math.inf:
            raise ValueError(f"the weight lambda must be a positive number, not {weight!r}")
        if not isinstance(kinds, tuple | list):
            raise ValueError(f"kinds must be a tuple, such as (10,), not {kinds!r}")
        kinds = tuple(count("categories of a kind", kind, 2) for kind in kinds)
        if not count("continuous", continuous, 0) and not kinds:
            raise ValueError(
                "InfoGAN needs a code: kinds such as (10,), or continuous of 1 or more"
            )
        latent = count("noise", noise, 0) + sum(kinds) + continuous
        super().__init__(space, generator, critic, latent, objective, turns)
        self.noise, self.kinds, self.continuous, self.weight = noise, kinds, continuous, weight
        outputs = sum(kinds) + 2 * continuous
        self.recogniser = recogniser or recogniser_for(space, outputs)

    def players(self) -> tuple[Player, ...]:
        """The critic; then the generator, together with who reads its codes."""
        critic, generator, *others = super().players()
        both = nn.ModuleList([self.generator, self.recogniser])
        return critic, Player(generator.name, both, generator.loss), *others

    def generator_loss(self, x: Tensor, *conditions: Tensor) -> Terms:
        """What generator and reader minimise, terms of (batch,)."""
        z = self.latents(len(x))
        fake = self._generate(z)
        terms = self.objective.generator(
            self.scores(self.seen(fake)), lambda: self.scores(self.seen(self.floats(x)))
        )
        return {**terms, "codes": -self.weight * self.readable(fake, z)}

    def readable(self, x: Tensor, z: Tensor) -> Tensor:
        """log Q(c | x) in nats, (batch,), of floats as the critic sees them and their latents."""
        logits, mean, log_std = self._read(x)
        codes = z[:, self.noise :].split([*self.kinds, self.continuous], 1)
        logs = [(code * F.log_softmax(row, 1)).sum(1) for code, row in zip(codes, logits)]
        far = (codes[-1] - mean) / log_std.exp()
        gaussian = -0.5 * far**2 - log_std - 0.5 * math.log(2 * math.pi)
        return gaussian.sum(1) + sum(logs)

    def _read(self, x: Tensor) -> tuple[tuple[Tensor, ...], Tensor, Tensor]:
        """Logits of each kind; means, and log-deviations kept within e^-4 .. e^2."""
        lengths = [*self.kinds, self.continuous, self.continuous]
        out = read("the recogniser", self.recogniser(x), sum(lengths))
        *logits, mean, log_std = out.split(lengths, 1)
        return tuple(logits), mean, log_std.clamp(-4, 2)

    def latents(self, n: int) -> Tensor:
        """Normal noise, categories drawn evenly, and uniform codes: (n, latent)."""
        return self.coded(n)

    def starting_noise(
        self, n: int, temperature: float = 1.0, truncation: float | None = None
    ) -> Tensor:
        """The latents that `n` samples begin with, of which only what nobody reads is changed."""
        z = self.latents(n)
        z[:, : self.noise] = super().starting_noise(n, temperature, truncation)[:, : self.noise]
        return z

    def coded(
        self, n: int, kinds: Tensor | None = None, continuous: Tensor | None = None
    ) -> Tensor:
        """Latents (n, latent) with codes of one's own: kinds (n, len(kinds)) int64, or drawn;
        continuous (n, continuous), or drawn. Raises ValueError for codes of another shape, and
        for categories that a kind has not.
        """
        free = torch.empty(n, self.noise + self.continuous, device=self.device, dtype=self.dtype)
        drawn = [torch.randint(k, (n,), device=self.device) for k in self.kinds]
        if kinds is not None:
            kinds = _of_shape("kinds", kinds, (n, len(self.kinds))).to(self.device)
            drawn = [_category(c, k) for c, k in zip(kinds.unbind(1), self.kinds)]
        normal, uniform = free[:, : self.noise].normal_(), free[:, self.noise :].uniform_(-1, 1)
        if continuous is not None:
            uniform = _of_shape("continuous", continuous, (n, self.continuous)).to(uniform)
        hot = [F.one_hot(c, k).to(self.dtype) for c, k in zip(drawn, self.kinds)]
        return torch.cat([normal, *hot, uniform], 1)

    @torch.no_grad()
    def codes(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """What is read from data: kinds (batch, kinds) int64, continuous (batch, continuous)."""
        logits, mean, _ = self._read(self.floats(self.space.check(x)))
        kinds = [row.argmax(1) for row in logits]
        return torch.stack(kinds, 1) if kinds else torch.empty(
            len(x), 0, dtype=torch.long, device=mean.device
        ), mean

    @torch.no_grad()
    def information(self, n: int = 1_000) -> Tensor:
        """A lower bound on I(c; x) in nats for each draw of `n`, (n,): E log Q(c | x) + H(c).

        H is log K for a kind of K categories, and log 2 for a uniform code on [-1, 1].
        """
        z = self.latents(count("n", n))
        entropy = sum(math.log(k) for k in self.kinds) + self.continuous * math.log(2)
        return self.readable(self._generate(z), z) + entropy


def _of_shape(name: str, codes: Tensor, shape: tuple[int, ...]) -> Tensor:
    if tuple(codes.shape) != shape:
        raise ValueError(f"{name} must have shape {shape}, not {tuple(codes.shape)}")
    return codes


def _category(codes: Tensor, kind: int) -> Tensor:
    return Labels(kind).check(codes, f"a code of {kind} categories")


system("info-gan", lecture=8, title="InfoGAN", paper="arXiv:1606.03657")


@example(data="digits", slow=True)
def info_gan() -> InfoGAN:
    """The smallest instance: what the laws test and the gallery draws."""
    space = Pixels(1, 8, 8, levels=17)
    networks = generator_for(space, 19, 8), critic_for(space, 8), recogniser_for(space, 14, 8)
    return InfoGAN(space, *networks, noise=7, kinds=(10,), continuous=2)

"""CycleGAN: from one kind of image to another and back, learned from pictures that nobody paired.

    critics:     (D_B(b) - 1)^2 + D_B(G(a))^2            and the same for D_A, of F(b)
    generators:  (D_B(G(a)) - 1)^2 + (D_A(F(b)) - 1)^2
                 + lambda (|F(G(a)) - a|_1 + |G(F(b)) - b|_1) + mu (|G(b) - b|_1 + |F(a) - a|_1)

Critics alone ask only that G(a) looks like some b. That F must find its way back ties the two: what
is drawn must remember what it was drawn from.

As a model: x is of kind B, and what it is told is an image of kind A, of the same batch and of no
relation to x. So `sample(n, a)` translates a, and `back(b)` the other way.

Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks (Zhu, Park, Isola
and Efros, 2017), arXiv:1703.10593, eqs. 1-3, section 4: lambda = 10, mu = lambda / 2 where it is
used (section 5.2), least squares, Adam(2e-4, betas=(0.5, 0.999)); residual networks between one
halving and one doubling. Differs: critics see the newest fakes (theirs, a pool of 50 earlier ones);
smaller networks by default.
"""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...core.blueprint import Component
from ...core.catalogue import example, system
from ...core.contract import Generative, Player, Terms
from ...core.spaces import Pixels, Space, count
from ...nn.conv import ConvEncoder
from ...nn.outputs import made, scored
from ...objectives.adversarial import AdversarialLoss, LeastSquares
from .gan import loss_of
from .sagan import images
from .stylegan import weight_of

LEAST = 3  # pixels a side: normalised features need more than one place


class Residual(nn.Module):
    """Two convolutions with instance normalisation beside a shortcut."""

    def __init__(self, width: int):
        super().__init__()
        layers = [nn.Conv2d(width, width, 3, padding=1, padding_mode="reflect") for _ in range(2)]
        self.first, self.second = layers

    def forward(self, h: Tensor) -> Tensor:
        """Features of the same shape."""
        inner = F.instance_norm(self.first(h)).relu()
        return h + F.instance_norm(self.second(inner))


class Translator(Component):
    """Images (batch, inputs, height, width) to (batch, outputs, height, width), before a tanh.

    Args:
        inputs: channels of what is translated.
        outputs: channels of what it becomes.
        width: channels at full size; twice as many at half.
        blocks: residual ones, at half of the sides.
    """

    def __init__(self, inputs: int, outputs: int, width: int = 32, blocks: int = 3):
        super().__init__()
        width = count("width", width)
        self.enter = nn.Conv2d(inputs, width, 7, padding=3)
        self.down = nn.Conv2d(width, 2 * width, 3, stride=2, padding=1)
        self.blocks = nn.Sequential(*(Residual(2 * width) for _ in range(count("blocks", blocks))))
        self.up = nn.Conv2d(2 * width, width, 3, padding=1)
        self.leave = nn.Conv2d(width, outputs, 7, padding=3)

    def forward(self, x: Tensor) -> Tensor:
        """The translated floats."""
        h = F.instance_norm(self.enter(x)).relu()
        h = F.instance_norm(self.down(h)).relu()
        h = F.interpolate(self.blocks(h), tuple(x.shape[2:]))
        return self.leave(F.instance_norm(self.up(h)).relu())


class CycleGAN(Generative):
    """Two translators and two critics; told an image of kind A, it draws one of kind B.

    Args:
        space: images of kind B.
        source: images of kind A, of the same sides; the same as `space` where None.
        forth: A to B, of floats in [-1, 1]; its tanh is added here. The usual one where None.
        back: B to A, likewise.
        critics: of B and of A, to (batch, 1) or (batch,); the usual ones where None.
        cycle: lambda.
        identity: mu; 0 is none, and the only choice where the channels differ.
        width: channels of the usual networks.
        objective: the loss on scores.
    """

    space: Pixels
    given: Pixels

    def __init__(
        self,
        space: Space,
        source: Pixels | None = None,
        forth: nn.Module | None = None,
        back: nn.Module | None = None,
        critics: tuple[nn.Module, nn.Module] | None = None,
        cycle: float = 10.0,
        identity: float = 0.0,
        width: int = 32,
        objective: AdversarialLoss = LeastSquares(),  # noqa: B008 (it is frozen)
    ):
        space, source = images(space, "CycleGAN"), images(source or space, "CycleGAN")
        if source.shape[1:] != space.shape[1:]:
            raise ValueError(f"both kinds must have the same sides, not {source} and {space}")
        if identity and source.channels != space.channels:
            raise ValueError("identity must be 0 where the kinds have other numbers of channels")
        if min(space.shape[1:]) < LEAST and None in (forth, back):
            raise ValueError(
                f"the usual translators need sides of at least {LEAST}, not {space}: pass others"
            )
        if critics is not None and len(critics) != 2:
            raise ValueError(f"there must be two critics, of B and of A, not {len(critics)}")
        super().__init__(space, source)
        a, b = source.channels, space.channels
        self.forth = forth or Translator(a, b, width)
        self.back_again = back or Translator(b, a, width)
        usual = ConvEncoder(space.shape, 1, width), ConvEncoder(source.shape, 1, width)
        self.critics = nn.ModuleList(critics or usual)
        self.cycle, self.identity = weight_of("cycle", cycle), weight_of("identity", identity)
        self.objective = loss_of(objective)

    def players(self) -> tuple[Player, ...]:
        """Both critics, then both translators."""
        translators = nn.ModuleList([self.forth, self.back_again])
        return (
            Player("critics", self.critics, self.critics_loss),
            Player("translators", translators, self.translators_loss),
        )

    def critics_loss(self, x: Tensor, source: Tensor) -> Terms:
        """What both critics minimise, terms of (batch,)."""
        b, a = self._floats(x, source)
        pairs = ("target", b, self._forth(a)), ("source", a, self._back(b))
        terms: Terms = {}
        for (kind, real, fake), critic in zip(pairs, self.critics):
            scores = self._scores(critic, real), self._scores(critic, fake.detach())
            terms |= {f"{kind}_{k}": t for k, t in self.objective.critic(*scores).items()}
        return terms

    def translators_loss(self, x: Tensor, source: Tensor) -> Terms:
        """What both translators minimise, terms of (batch,)."""
        b, a = self._floats(x, source)
        as_b, as_a = self._forth(a), self._back(b)
        there = _apart(self._back(as_b), a) + _apart(self._forth(as_a), b)
        terms: Terms = {"cycle": self.cycle * there}
        if self.identity:
            same = _apart(self._forth(b), b) + _apart(self._back(a), a)
            terms["identity"] = self.identity * same
        pairs = ("target", b, as_b), ("source", a, as_a)
        for (kind, real, fake), critic in zip(pairs, self.critics):
            known = partial(self._scores, critic, real)
            scored = self.objective.generator(self._scores(critic, fake), known)
            terms |= {f"{kind}_{k}": t for k, t in scored.items()}
        return terms

    def sample(self, n: int, source: Tensor) -> Tensor:
        """The images of kind A (n, ...) translated, (n, *space.shape)."""
        return self.space.from_signed(self._forth(self.given.to_signed(source, self.dtype)))

    @torch.no_grad()
    def back(self, x: Tensor) -> Tensor:
        """Images of kind B translated to kind A."""
        self.space.check(x)
        return self.given.from_signed(self._back(self.space.to_signed(x, self.dtype)))

    def _floats(self, x: Tensor, source: Tensor) -> tuple[Tensor, Tensor]:
        return self.space.to_signed(x, self.dtype), self.given.to_signed(source, self.dtype)

    def _forth(self, a: Tensor) -> Tensor:
        return made("forth", self.forth(a), self.space).tanh()

    def _back(self, b: Tensor) -> Tensor:
        return made("back", self.back_again(b), self.given).tanh()

    def _scores(self, critic: nn.Module, x: Tensor) -> Tensor:
        return scored("a critic", critic(x), len(x))


def _apart(x: Tensor, y: Tensor) -> Tensor:
    """The mean absolute difference of every image, (batch,)."""
    return (x - y).abs().flatten(1).mean(1)


system("cycle-gan", lecture=11, title="CycleGAN", paper="arXiv:1703.10593")


@example(data="unpaired?negative=True", slow=True)
def cycle_gan() -> CycleGAN:
    """The smallest instance: digits from the negatives of others."""
    return CycleGAN(Pixels(1, 8, 8, levels=17), width=8)

"""GAN: a generator against a critic that tells its data from real data.

    min_G max_D  E log D(x) + E log(1 - D(G(z))),    D = sigmoid(critic),    z ~ N(0, I)

Nothing needs a density: to be fooled by samples is enough. At the best D the game's value is
2 JSD(data, model) - log 4.

Generative Adversarial Networks (Goodfellow et al., 2014), arXiv:1406.2661, eq. 1, algorithm 1,
theorem 1. Differs from the paper: the loss is an argument (their non-saturating one by default), as
are penalties on the critic's slope; no maxout, no dropout; Gaussian noise. Networks by default are
an MLP, or pyramids of convolutions (`nn/conv.py`), which are no paper's.

What the game is told (`given`: labels, a vector) both networks are told, as one vector c of floats
(labels one-hot): generator(z, c) and critic(x, c), as in `conditional_gan.py`. Fakes are made for
the conditions of the batch.

Images: critics see integers scaled to [-1, 1] and the generator's floats, which are rounded only in
`push`. A critic could therefore tell few-levelled data by its levels alone, which a smooth one
hardly does.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ...core.blueprint import Component
from ...core.catalogue import example, system
from ...core.checks import warmed
from ...core.contract import Player, Pushforward, Terms
from ...core.given import Given, spaces_of
from ...core.shares import number
from ...core.spaces import Pixels, Reals, Space, count
from ...nn.conditions import as_vector, width_of
from ...nn.conv import ConvDecoder, ConvEncoder
from ...nn.mlp import MLP
from ...nn.norms import largest_norm
from ...nn.outputs import made, scored
from ...nn.told import check_told
from ...objectives.adaptive_augmentation import AdaptiveAugmentation
from ...objectives.adversarial import AdversarialLoss, NonSaturating, Saturating, gradient_norm
from ...objectives.augmentations import Augmentation
from ...objectives.penalties import Penalty, normalised_over_batch
from ...probability.truncated_normal import truncated_normal

COLLAPSED = 0.02  # of the data's spread: fakes are nearly one
SURE = 7.0  # a logit on either side: one error in a thousand
ADAPTED = 4  # steps from one look at how sure the critic is to the next


def generator_for(
    space: Space, latent: int, width: int | None = None, given: Given = None
) -> Component:
    """The usual generator: convolutions for images, else an MLP. Of (batch, latent)."""
    context = _context(given)
    if isinstance(space, Pixels):
        return ConvDecoder(latent, space.shape, width or 32, context)
    return MLP(latent, _length(space), width or 128, 3, context)


def critic_for(space: Space, width: int | None = None, given: Given = None) -> Component:
    """The usual critic: convolutions for images, else an MLP. To (batch, 1)."""
    context = _context(given)
    if isinstance(space, Pixels):
        return ConvEncoder(space.shape, 1, width or 32, context)
    return MLP(_length(space), 1, width or 128, 3, context)


def _context(given: Given) -> int:
    if any(len(condition.shape) == 3 for condition in spaces_of(given)):
        raise ValueError(
            f"the usual networks are told labels and vectors, not images, as in {given}: "
            "pass generator and critic"
        )
    return width_of(given)


def _length(space: Space) -> int:
    if not isinstance(space, Reals) or len(space.shape) != 1:
        raise ValueError(
            f"there are no usual networks for {space}: pass generator and critic, "
            "or use a space of images or of vectors"
        )
    return space.dims


def penalties_for(critic: nn.Module, penalties: tuple[Penalty, ...]) -> tuple[Penalty, ...]:
    """Returns the penalties; each must have a name of its own. Warns where a slope is none."""
    if not isinstance(penalties, tuple | list):
        raise ValueError(f"penalties must be a tuple, such as (R1(),), not {penalties!r}")
    names = [p.name for p in penalties]
    if len(set(names)) < len(names):
        raise ValueError(f"every penalty must be given once, not {names}")
    if penalties and normalised_over_batch(critic):
        warnings.warn(
            f"the critic normalises over the batch, and {', '.join(names)} needs its slope at each "
            "datum alone: use a critic without batch normalisation",
            stacklevel=4,
        )
    return tuple(penalties)


def loss_of(objective: AdversarialLoss) -> AdversarialLoss:
    """Returns the loss on scores; raises ValueError where it is none."""
    if not all(callable(getattr(objective, who, None)) for who in ("critic", "generator")):
        raise ValueError(f"objective must be a loss on scores, such as Hinge(), not {objective!r}")
    return objective


def spread(x: Tensor) -> Tensor:
    """The root of the mean squared distance of data (batch, ...) to their mean, ()."""
    flat = x.flatten(1)
    return (flat - flat.mean(0)).square().sum(1).mean().sqrt()


class GAN(Pushforward):
    """min_G max_D E log D(x) + E log(1 - D(G(z))), or another loss on the critic's scores.

    Args:
        space: images or real vectors.
        generator: (batch, latent) to (batch, *space.shape); for images its outputs are squashed
            to [-1, 1] by tanh here. By default `generator_for(space, latent, given=given)`.
        critic: (batch, *space.shape), scaled to [-1, 1] for images, to (batch, 1) or (batch,).
            By default `critic_for(space, given=given)`.
        latent: length of the noise.
        objective: the loss on scores, such as `Hinge()`.
        turns: the critic's moves for each of the generator's.
        given: what both networks are told as a second argument, c (batch, width): a space such as
            `Labels(10)`; None is nothing.
        penalties: what the critic minimises besides, such as `R1()` (`objectives/penalties.py`).
        augment: what is done to data and fakes before the critic sees them, such as
            `InstanceNoise()` or `AdaptiveAugmentation()`; None is nothing.

    Raises ValueError where a network cannot be told it. Warns of penalties on the slope of a critic
    with batch normalisation.
    """

    space: Pixels | Reals

    def __init__(
        self,
        space: Space,
        generator: nn.Module | None = None,
        critic: nn.Module | None = None,
        latent: int = 128,
        objective: AdversarialLoss = NonSaturating(),  # noqa: B008 (it is frozen)
        turns: int = 1,
        given: Given = None,
        penalties: tuple[Penalty, ...] = (),
        augment: Augmentation | None = None,
    ):
        if not isinstance(space, Pixels | Reals):
            raise ValueError(f"a generator needs a space to differentiate in, not {space}")
        super().__init__(space, given)
        self.latent, self.turns = count("latent", latent), count("turns", turns)
        self.generator = generator or generator_for(space, latent, given=given)
        self.critic = critic or critic_for(space, given=given)
        check_told("the generator", self.generator, width_of(given))
        check_told("the critic", self.critic, width_of(given))
        self.objective, self.augment = loss_of(objective), augment
        self.penalties = penalties_for(self.critic, penalties)

    def players(self) -> tuple[Player, ...]:
        """The critic, `turns` times; then the generator, and what adapts its augmentation."""
        return (
            Player("critic", self.critic, self.critic_loss, turns=self.turns),
            Player("generator", self.generator, self.generator_loss),
            *self._adapting(),
        )

    def _adapting(self) -> tuple[Player, ...]:
        if not isinstance(self.augment, AdaptiveAugmentation):
            return ()
        return (Player("augmentation", self.augment, update=self.adapt, every=ADAPTED),)

    def adapt(self, x: Tensor, *conditions: Tensor) -> Terms:
        """Moves the augmentation's p by how sure the critic is of data; says both."""
        augment = self.augment
        assert isinstance(augment, AdaptiveAugmentation)
        scores = self.scores(self.seen(self.floats(x)), self.vector(*conditions))
        augment.update(scores, ADAPTED * round(number(x)))
        return {"p": augment.p.clone(), "sign": augment.sign.clone()}

    def critic_loss(self, x: Tensor, *conditions: Tensor) -> Terms:
        """What the critic minimises, terms of (batch,)."""
        c = self.vector(*conditions)
        real, fake = self.seen(self.floats(x)), self.seen(self.fake(len(x), c).detach())
        terms = self.objective.critic(self.scores(real, c), self.scores(fake, c))
        penalties = {p.name: p(lambda u: self.scores(u, c), real, fake) for p in self.penalties}
        return {**terms, **penalties}

    def generator_loss(self, x: Tensor, *conditions: Tensor) -> Terms:
        """What the generator minimises, terms of (batch,)."""
        c = self.vector(*conditions)
        fake = self.scores(self.seen(self.fake(len(x), c)), c)
        return self.objective.generator(fake, lambda: self.scores(self.seen(self.floats(x)), c))

    def diagnostics(self, x: Tensor, *conditions: Tensor) -> Terms:
        """{"D(real)", "D(fake)", "slope", "spread", "sigma"}, () each.

        Mean scores; the critic's mean slope at data; how far fakes are apart over how far data are
        (0: all are one); the largest singular value of the critic's layers.
        """
        c = self.vector(*conditions)
        real, fake = self.floats(x), self.fake(len(x), c)
        return {
            "D(real)": self.scores(real, c).mean(),
            "D(fake)": self.scores(fake, c).mean(),
            "slope": gradient_norm(lambda u: self.scores(u, c), real).mean(),
            "spread": spread(fake) / spread(real).clamp(min=1e-12),
            "sigma": largest_norm(self.critic),
        }

    def alarm(self, diagnostics: Mapping[str, float]) -> str | None:
        """Where all fakes are nearly one; where a logistic critic is sure of every datum."""
        if diagnostics["spread"] < COLLAPSED:
            return (
                "fakes are hardly apart (their spread is {spread:.1%} of the data's): the "
                "generator has collapsed. A slower generator, more critic turns or Packed help"
            ).format(**diagnostics)
        sure = min(diagnostics["D(real)"], -diagnostics["D(fake)"])
        if isinstance(self.objective, Saturating) and sure > SURE:
            return (
                "the critic has won (mean scores {D(real):.1f} of data, {D(fake):.1f} of fakes): "
                "slopes vanish. A slower critic, R1(), instance noise or augmentation help"
            ).format(**diagnostics)
        return None

    def vector(self, *conditions: Tensor) -> Tensor | None:
        """The conditions as the networks are told them, (batch, width); None for none."""
        return as_vector(self.given, conditions, self.dtype)

    def scores(self, x: Tensor, c: Tensor | None = None) -> Tensor:
        """The critic's scores of floats, told `c`, (batch,)."""
        return scored("the critic", self.critic(x) if c is None else self.critic(x, c), len(x))

    def seen(self, x: Tensor) -> Tensor:
        """Floats as the critic is shown them: augmented, where that was asked for."""
        return x if self.augment is None else self.augment(x, self.progress)

    def floats(self, x: Tensor) -> Tensor:
        """Data as the critic sees them: images in [-1, 1], vectors as they are."""
        return self.space.to_signed(x, self.dtype) if isinstance(self.space, Pixels) else x

    def fake(self, n: int, c: Tensor | None = None) -> Tensor:
        """`n` new data as the critic sees them, told `c`, with gradients."""
        return self._generate(self.latents(n), c)

    def _generate(self, z: Tensor, c: Tensor | None = None) -> Tensor:
        x = self.generator(z) if c is None else self.generator(z, c)
        made("the generator", x, self.space)
        return x.tanh() if isinstance(self.space, Pixels) else x

    def latents(self, n: int) -> Tensor:
        """Standard normal noise, (n, latent)."""
        return torch.randn(n, self.latent, device=self.device, dtype=self.dtype)

    def starting_noise(
        self, n: int, temperature: float = 1.0, truncation: float | None = None
    ) -> Tensor:
        """The noise that `n` samples begin with; what is beyond `truncation` is drawn again.

        So `sample(n, truncation=0.5)` trades variety for fidelity. A temperature scales the noise
        instead. Raises ValueError where the threshold is not positive.
        """
        if truncation is None:
            z = self.latents(n)
        else:
            z = truncated_normal((n, self.latent), truncation, self.device, self.dtype)
        return warmed(z, temperature)

    def handles(self, z: Tensor, *conditions: Tensor) -> Tensor:
        """What of noise one turns to change a datum: here the noise itself, (batch, ...)."""
        return z

    def painted(self, handles: Tensor, *conditions: Tensor) -> Tensor:
        """The data that handles stand for as floats, before any rounding, with gradients."""
        return self._generate(handles, self.vector(*conditions))

    def push(self, z: Tensor, *conditions: Tensor) -> Tensor:
        """The data that `z` stands for, given the conditions: integers for images."""
        x = self._generate(z, self.vector(*conditions))
        return self.space.from_signed(x) if isinstance(self.space, Pixels) else x


system("gan", lecture=8, title="Generative adversarial network", paper="arXiv:1406.2661")


@example(data="gaussians8")
def gan() -> GAN:
    """The smallest instance: what the laws test and the gallery draws."""
    space = Reals((2,))
    return GAN(space, generator_for(space, 4, 32), critic_for(space, 32), latent=4)

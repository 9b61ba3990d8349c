"""FQ-GAN: a critic whose features may only be words of a dictionary.

    h = early(x),   q(h) = nearest codeword at each place,   score = late(q(h))
    critic:     its loss on q(h) + beta |h - sg(q(h))|^2 of data and fakes
    dictionary: moving means of the features of data and fakes that chose each word

What a critic may compare by is its features; over small batches their statistics are noise that the
generator chases. Words that both data and fakes have used for long are steadier, and a fake is
matched to data where it uses the same words. Gradients pass straight through to the generator.

Feature Quantization Improves GAN Training (Zhao, Li, Yu, Gao and Chen, 2020), arXiv:2004.02088,
section 3, eqs. 3-7. The dictionary is VQ-VAE's (`probability/quantisation.py`), with dead words
begun anew, which theirs has not; one layer is quantised here, and the networks are SNGAN's
(theirs: those of BigGAN, StyleGAN and U-GAT-IT).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ...core.catalogue import example, system
from ...core.contract import Player, Terms
from ...core.given import told
from ...core.spaces import Pixels, Space, count
from ...nn.quantised_features import Halves, halves_for
from ...nn.sngan import SNGANGenerator
from ...objectives.adversarial import AdversarialLoss, Hinge
from ...probability.quantisation import VectorQuantiser
from .gan import GAN
from .sagan import images
from .stylegan import weight_of


class FQGAN(GAN):
    """A game whose critic sees its own features through a dictionary.

    Args:
        space: images whose sides can be halved evenly down to 4 .. 7.
        generator: as in `GAN`; SNGAN's where None.
        critic: `Halves`, whose early one gives (batch, features, height, width); SNGAN's, of
            spectral norm one, where None.
        quantiser: the dictionary, of as many numbers in a word as features have channels; one of
            256 words where None.
        latent: length of the noise.
        commitment: beta.
        width: channels of the usual networks.
        classes: number of labels that both usual networks are told; 0 is none.
        objective: the loss on scores.
        turns: the critic's moves for each of the generator's.
    """

    critic: Halves

    def __init__(
        self,
        space: Space,
        generator: nn.Module | None = None,
        critic: Halves | None = None,
        quantiser: VectorQuantiser | None = None,
        latent: int = 128,
        commitment: float = 0.25,
        width: int = 64,
        classes: int = 0,
        objective: AdversarialLoss = Hinge(),  # noqa: B008 (it is frozen)
        turns: int = 1,
    ):
        space = images(space, "FQGAN")
        shape, context = space.shape, count("classes", classes, 0)
        generator = generator or SNGANGenerator(latent, shape, width, context)
        critic = critic or halves_for(shape, width, context)
        super().__init__(space, generator, critic, latent, objective, turns, told(context))
        self.quantiser = quantiser or VectorQuantiser(256, width, decay=0.9)
        self.commitment = weight_of("commitment", commitment)
        _check_width(self.critic, self.quantiser, space)

    def players(self) -> tuple[Player, ...]:
        """Critic and generator; then the dictionary, by moving means."""
        dictionary = Player("dictionary", self.quantiser, update=self.move_dictionary)
        return (*super().players(), dictionary)

    def features(self, x: Tensor) -> Tensor:
        """What is quantised of floats, (batch, height, width, features)."""
        return self.critic.early(x).movedim(1, -1)

    def scores(self, x: Tensor, c: Tensor | None = None) -> Tensor:
        """The critic's scores of floats by the words for their features, told `c`, (batch,)."""
        words = self.quantiser(self.features(x)).movedim(-1, 1)
        scores = self.critic.late(words) if c is None else self.critic.late(words, c)
        return scores.reshape(len(x))

    def critic_loss(self, x: Tensor, *conditions: Tensor) -> Terms:
        """What the critic minimises: the loss's terms and "commitment", (batch,) each."""
        fake = self.fake(len(x), self.vector(*conditions)).detach()
        committed = self._committed(self.floats(x)) + self._committed(fake)
        terms = super().critic_loss(x, *conditions)
        return {**terms, "commitment": self.commitment * committed}

    def _committed(self, x: Tensor) -> Tensor:
        """The mean squared distance of features from their words, (batch,)."""
        h = self.features(self.seen(x))
        words = self.quantiser.lookup(self.quantiser.nearest(h))
        return (h - words.detach()).square().flatten(1).mean(1)

    def move_dictionary(self, x: Tensor, *conditions: Tensor) -> Terms:
        """Moves the words to the features of data and fakes: error, perplexity, restarts."""
        fake = self.fake(len(x), self.vector(*conditions))
        both = [self.features(self.seen(floats)) for floats in (self.floats(x), fake)]
        return self.quantiser.update(torch.stack(both, 1))


def _check_width(critic: Halves, quantiser: VectorQuantiser, space: Pixels) -> None:
    if not isinstance(critic, Halves):
        raise ValueError(f"the critic must be in two Halves(early, late), not {type(critic)!r}")
    weight = next(critic.parameters())
    with torch.no_grad():
        seen = critic.early(torch.zeros(1, *space.shape, dtype=weight.dtype, device=weight.device))
    if seen.dim() != 4 or seen.shape[1] != quantiser.features:
        raise ValueError(
            f"words of {quantiser.features} numbers cannot stand for features of shape "
            f"{tuple(seen.shape[1:])}: the early half must give (features, height, width)"
        )


system("feature-quantised-gan", lecture=11, title="Feature-quantised GAN", paper="arXiv:2004.02088")


@example(data="digits", slow=True)
def fq_gan() -> FQGAN:
    """The smallest instance: what the laws test and the gallery draws."""
    quantiser = VectorQuantiser(16, 8, decay=0.9)
    return FQGAN(Pixels(1, 8, 8, levels=17), quantiser=quantiser, latent=8, width=8)

"""StyleGAN: a generator whose layers are told a style each, and growing networks.

    critic:     softplus(D(G(z))) + softplus(-D(x)) + gamma / 2 |grad D(x)|^2
    generator:  softplus(-D(G(z)))
    G(z) = g(f(z); noise)

What is said once for an image (pose) and what is left to chance (hairs) enter at different places,
and at each size by itself. What the layers are told can be mixed, and its mean is the mean face.

A Style-Based Generator Architecture for GANs (Karras, Laine and Aila, 2019), arXiv:1812.04948:
networks in `nn/stylegan.py`, appendix C: latent and styles of 512 numbers, eight layers of f,
gamma = 10, Adam(1e-3, betas=(0, 0.99)), an average of the weights. Differs from the paper: the
penalty is lazy (every 16th step, 16 times as much: arXiv:1912.04958, section 3.1), growth begins at
the smallest size (theirs at 8x8), and labels may be told.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from ...core.catalogue import example, system
from ...core.contract import Player
from ...core.spaces import Pixels, Space, count
from ...nn.stylegan import StyleGANCritic, StyleGANGenerator
from ...objectives.adversarial import NonSaturating
from .pggan import Growing, padded
from .sagan import images
from .styling import Styling


class StyleGAN(Styling, Growing):
    """A logistic game of growing networks; `sample(n, truncation=0.7)`, `mixed(w1, w2, layer)`.

    Args:
        space: images whose sides, padded, can be halved evenly down to 4 .. 7.
        latent: length of the noise.
        width: channels at full size; they double as sides halve, up to `most`.
        most: channels at most.
        style: length of w.
        mapping: layers of f.
        classes: number of labels that both networks are told; 0 is none.
        gamma: weight of the penalty on the critic's slope at data; 0 is none.
        mixing: probability that an image is of two styles, while it learns.
        turns: the critic's moves for each of the generator's.
        fading: the share of a stage in which its size fades in.
        padding: places that networks see on every side of an image.
    """

    def __init__(
        self,
        space: Space,
        latent: int = 512,
        width: int = 64,
        most: int = 512,
        style: int = 512,
        mapping: int = 8,
        classes: int = 0,
        gamma: float = 10.0,
        mixing: float = 0.9,
        turns: int = 1,
        fading: float = 0.5,
        padding: int = 0,
    ):
        space = images(space, "StyleGAN")
        shape, context = padded(space, padding), count("classes", classes, 0)
        generator = StyleGANGenerator(latent, shape, width, most, style, mapping, context, mixing)
        critic = StyleGANCritic(shape, width, most, context)
        super().__init__(
            space, generator, critic, latent, NonSaturating(), turns, (), classes, fading, padding
        )
        self.gamma = weight_of("gamma", gamma)

    def players(self) -> tuple[Player, ...]:
        """The critic, the generator; and the critic's slope, every 16th step."""
        return (*super().players(), *self.lazily(self.gamma))

    def grown(self) -> tuple[Any, ...]:
        """The level, and how far it has faded in."""
        return self.level()

    def finished(self, x: Tensor) -> Tensor:
        """Images of the data's size, whatever was grown to."""
        return self.full(x)


def weight_of(name: str, weight: float) -> float:
    """Returns a weight of at least 0; else raises ValueError."""
    if not 0 <= weight < float("inf"):
        raise ValueError(f"{name} must be a weight of at least 0, not {weight!r}")
    return weight


system("stylegan", lecture=11, title="StyleGAN", paper="arXiv:1812.04948")


@example(data="digits", slow=True)
def stylegan() -> StyleGAN:
    """The smallest instance: what the laws test and the gallery draws."""
    return StyleGAN(Pixels(1, 8, 8, levels=17), 8, width=8, most=16, style=16, mapping=2)

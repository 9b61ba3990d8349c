"""StyleGAN2: weights instead of features are styled, nothing grows, and paths have one length.

    critic:     softplus(D(G(z))) + softplus(-D(x)) + gamma / 2 |grad D(x)|^2
    generator:  softplus(-D(G(z))) + beta E (|J_w^T y| - a)^2,    y ~ N(0, I)
    a:          running mean of |J_w^T y|

A step in w should change the image by as much wherever it is taken: such generators are smooth, and
can be inverted. Both penalties are lazy: every 16th and 4th step, so many times as much.

Analyzing and Improving the Image Quality of StyleGAN (Karras et al., 2020), arXiv:1912.04958:
networks in `nn/stylegan2.py`, section 3.2 and appendix B: beta = 2, a moves by 1 % each time,
Adam(2e-3, betas=(0, 0.99)). Augmentation by `augment`:
`AdaptiveAugmentation()` (arXiv:2006.06676), or `DiffAugment()`, which is simpler. Differs from the
paper: the path penalty takes half of the batch, as their code does; a begins at the first lengths.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ...core import shares
from ...core.catalogue import example, system
from ...core.contract import Player, Terms
from ...core.given import told
from ...core.spaces import Pixels, Space, count
from ...nn.stylegan2 import ResidualCritic, SkipGenerator
from ...objectives.adaptive_augmentation import AdaptiveAugmentation
from ...objectives.adversarial import NonSaturating
from ...objectives.augmentations import Augmentation
from .sagan import images
from .stylegan import weight_of
from .styling import Styling

PATHS = 4  # steps from one penalty on the lengths of paths to the next
FOLLOWED = 0.01  # how fast their mean is followed


class StyleGAN2(Styling):
    """A logistic game with styled weights; `sample(n, truncation=0.7)`, `mixed(w1, w2, layer)`.

    Args:
        space: images whose sides can be halved evenly down to 4 .. 7.
        latent: length of the noise.
        width: channels at full size; they double as sides halve, up to `most`.
        most: channels at most.
        style: length of w.
        mapping: layers of f.
        classes: number of labels that both networks are told; 0 is none.
        gamma: weight of the penalty on the critic's slope at data; 0 is none.
        beta: weight of the penalty on the lengths of paths; 0 is none.
        mixing: probability that an image is of two styles, while it learns.
        turns: the critic's moves for each of the generator's.
        augment: what is done to images before the critic sees them; None is nothing.
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
        beta: float = 2.0,
        mixing: float = 0.9,
        turns: int = 1,
        augment: Augmentation | None = None,
    ):
        space = images(space, "StyleGAN2")
        given, shape = told(count("classes", classes, 0)), space.shape
        generator = SkipGenerator(latent, shape, width, most, style, mapping, classes, mixing)
        critic = ResidualCritic(shape, width, most, classes)
        loss = NonSaturating()
        super().__init__(space, generator, critic, latent, loss, turns, given, augment=augment)
        self.gamma, self.beta = weight_of("gamma", gamma), weight_of("beta", beta)

    def players(self) -> tuple[Player, ...]:
        """Critic, generator, what augments; the critic's slope and the lengths of paths, lazily."""
        paths = Player("paths", self.generator, self.path_loss, every=PATHS)
        return (
            *super().players(),
            *self.lazily(self.gamma),
            *((paths,) if self.beta else ()),
        )

    def _generate(self, z: Tensor, c: Tensor | None = None) -> Tensor:
        return self.generator(z, c)  # no tanh: theirs is linear

    def path_loss(self, x: Tensor, *conditions: Tensor) -> Terms:
        """beta E (|J_w^T y| - a)^2, (), over half of the batch; PATHS times as much."""
        with shares.thinned(2) as half:
            z, c = self.latents(len(x[half])), self.vector(*(y[half] for y in conditions))
            lengths = self.path_lengths(self.generator.styles(z, c))
        mean = self.generator.length
        # From 0, which theirs begins at, it would first ask for paths of no length: for one image.
        pace = torch.where(mean > 0, FOLLOWED, 1.0).to(mean)
        now = mean.lerp(shares.mean(lengths.detach()).to(mean), pace)
        if self.generator.training:
            mean.copy_(now)
        return {"paths": self.beta * PATHS * shares.mean((lengths - now) ** 2)}

    def path_lengths(self, styles: Tensor) -> Tensor:
        """|J_w^T y| of images at styles (batch, style) for one normal image y each, (batch,).

        y is scaled by its number of places, so that lengths do not grow with them; of the styles of
        all layers, each layer's gradient counts, averaged.
        """
        shape = self.space.shape
        y = torch.randn(len(styles), *shape).to(styles) / (shape[1] * shape[2]) ** 0.5
        with torch.enable_grad():
            each = self.generator.each(styles)
            each = each if each.requires_grad else each.detach().requires_grad_()
            seen = (self.generator.draw(each, fixed=False) * y).sum()
            (slope,) = torch.autograd.grad(seen, each, create_graph=True)
        return slope.square().sum(2).mean(1).sqrt()


system("stylegan2", lecture=11, title="StyleGAN2 with ADA", paper="arXiv:1912.04958")


@example(data="digits", slow=True)
def stylegan2() -> StyleGAN2:
    """The smallest instance, with adaptive augmentation."""
    sizes = {"width": 8, "most": 16, "style": 16, "mapping": 2}
    return StyleGAN2(Pixels(1, 8, 8, levels=17), 8, **sizes, augment=AdaptiveAugmentation())

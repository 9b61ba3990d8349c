"""PixelCNN++: logistic mixtures, whole pixels, shortcuts across resolutions.

    p(x) = prod_i p(x_i | x_<i),    p(x_i | x_<i) = sum_k pi_k prod_c P(x_ic; m_kc(x_i,<c), s_kc)

A pixel's channels are drawn together: each component's mean moves linearly with the channels before
(`DiscretizedLogisticMixture`), so that the network need not mask by colour. The network is a causal
U-net of two streams, its weights normalised and started by the first batch.

PixelCNN++ (Salimans, Karpathy, Chen & Kingma, 2017), arXiv:1701.05517, eqs. 1-3, sections 2.1-2.6.
The averaged weights of its evaluation are `Recipe(ema=0.9995)`.

Differs from the paper: the likelihood of a bin is exact where the official code approximates it.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from ...core.catalogue import example, system
from ...core.contract import Completing, Density
from ...core.given import told
from ...core.spaces import Pixels, Space, count
from ...nn.causal_unet import Level
from ...nn.causal_unet_run import LevelRun
from ...nn.conditions import as_vector, width_of
from ...nn.weight_norm import WeightNormConv
from ...probability.discretized import DiscretizedLogisticMixture
from .factorised import blank, check_known


def drawn(mixture: DiscretizedLogisticMixture) -> Tensor:
    """One draw of every pixel."""
    return mixture.sample()


class PixelCNNpp(Density, Completing):
    """An exact density over images, given a class, a vector, both or nothing.

    Args:
        space: Pixels, with sides that can be halved `halvings` times.
        width: features of each stream; the paper has 160.
        layers: residual layers on the way up at each resolution (and one more on the way down).
        components: of the mixture.
        halvings: of the sides.
        classes: number of labels to condition on; 0 is none.
        dropout: in training.
        context: length of a vector to condition on, after the label; 0 is none.
    """

    space: Pixels

    def __init__(
        self,
        space: Space,
        width: int = 128,
        layers: int = 5,
        components: int = 10,
        halvings: int = 2,
        classes: int = 0,
        dropout: float = 0.5,
        context: int = 0,
    ):
        if not isinstance(space, Pixels):
            raise ValueError(f"PixelCNNpp models Pixels, not {space}")
        if space.height % 2**halvings or space.width % 2**halvings:
            raise ValueError(f"{halvings} halvings need sides that are multiples of {2**halvings}")
        given = told(classes, context)
        super().__init__(space, given)
        inputs = space.channels + 1
        self.above = WeightNormConv(inputs, width, (2, 3), (1, 1, 2, -1))
        self.near = WeightNormConv(inputs, width, (1, 3), (1, 1, 1, -1))
        self.left = WeightNormConv(inputs, width, (2, 1), (1, -1, 1, 0))
        self.body = Level(count("width", width), layers, halvings, width_of(given), dropout)
        outputs = DiscretizedLogisticMixture.outputs(space.channels, components)
        self.leave = WeightNormConv(width, outputs, scale=0.1)

    def mixture(self, x: Tensor, *conditions: Tensor) -> DiscretizedLogisticMixture:
        """The conditionals of all pixels, each given the pixels before it."""
        seen = self.features(x)
        s = self.near(seen) + self.left(seen)
        _, s = self.body(self.above(seen), s, self.vector(*conditions))
        return self._mixture(self.leave(F.elu(s)))

    def features(self, x: Tensor) -> Tensor:
        """x scaled to [-1, 1], and a channel of ones by which the edges are told."""
        return F.pad(self.space.to_signed(x, self.dtype), (0, 0, 0, 0, 0, 1), value=1.0)

    def vector(self, *conditions: Tensor) -> Tensor | None:
        """The conditions side by side, (batch, width)."""
        return as_vector(self.given, conditions, self.dtype)

    def log_prob(self, x: Tensor, *conditions: Tensor) -> Tensor:
        """log p(x | conditions) in nats, (batch,)."""
        return self.mixture(x, *conditions).log_prob(x)

    def sample(self, n: int, *conditions: Tensor) -> Tensor:
        """`n` new images, given their conditions."""
        x = blank(self.space, n, self.device, self.dtype)
        return self._draw(_Walk(self, n, self.vector(*conditions)), x)

    @torch.no_grad()
    def likeliest(self, n: int, *conditions: Tensor) -> Tensor:
        """`n` images whose every pixel is the mode of its likeliest component."""
        x = blank(self.space, count("n", n), self.device, self.dtype)
        run = _Walk(self, n, self.vector(*self.told(n, *conditions)))
        return self._draw(run, x, choose=lambda mixture: mixture.mode)

    @torch.no_grad()
    def sample_naively(self, n: int, *conditions: Tensor) -> Tensor:
        """The textbook's sampler: the same draws as `sample`, with a whole pass per pixel."""
        x = blank(self.space, count("n", n), self.device, self.dtype)
        return self._draw(_Naive(self, x, self.vector(*self.told(n, *conditions))), x)

    def complete(self, x: Tensor, known: Tensor, *conditions: Tensor) -> Tensor:
        """Images that agree with `x` where `known` (bool, broadcast to x's shape) is true.

        Whole pixels are known or not, since their channels are drawn together: else ValueError is
        raised. What a drawn pixel is conditioned on, and what is refused, is as for
        `Factorised.complete`.
        """
        given = known.all(1)
        if (known.any(1) != given).any():
            raise ValueError("a pixel's channels are drawn together: know all of them or none")
        check_known(given.flatten(1))
        run = _Walk(self, len(x), self.vector(*conditions))
        return self._draw(run, x.clone(), given)

    def _mixture(self, parameters: Tensor) -> DiscretizedLogisticMixture:
        return DiscretizedLogisticMixture(parameters, self.space.channels, self.space.levels)

    def _draw(
        self,
        run: _Walk | _Naive,
        x: Tensor,
        known: Tensor | None = None,
        choose: Callable[[DiscretizedLogisticMixture], Tensor] = drawn,
    ) -> Tensor:
        for row in range(self.space.height):
            for column in range(self.space.width):
                pixel = choose(self._mixture(run.parameters(row, column)))[:, :, 0, 0]
                if known is not None:
                    kept = known[:, row, column, None]
                    pixel = torch.where(kept, x[:, :, row, column], pixel)
                x[:, :, row, column] = pixel
                run.know(row, column, pixel)
        return x


class _Naive:
    """A whole pass for every pixel; it looks at the image under way itself."""

    def __init__(self, model: PixelCNNpp, x: Tensor, c: Tensor | None):
        self.model, self.x, self.c = model, x, c

    def parameters(self, row: int, column: int) -> Tensor:
        """Parameters (n, outputs, 1, 1) of a pixel."""
        seen = self.model.features(self.x)
        s = self.model.near(seen) + self.model.left(seen)
        _, s = self.model.body(self.model.above(seen), s, self.c)
        return self.model.leave(F.elu(s))[:, :, row : row + 1, column : column + 1]

    def know(self, row: int, column: int, pixel: Tensor) -> None:
        """The image has it already."""


class _Walk:
    """Along the rows, every feature once. The image has two rows and a column of margin."""

    def __init__(self, model: PixelCNNpp, n: int, c: Tensor | None):
        self.model, size = model, model.space.shape
        self.body = LevelRun(model.body, n, size[2], c)
        self.seen = model.progress.new_zeros(n, size[0] + 1, 2 + size[1], 1 + size[2] + 1)
        self.weights = {c: c.weight() for c in (model.above, model.near, model.left)}

    def parameters(self, row: int, column: int) -> Tensor:
        """Parameters (n, outputs, 1, 1) of a pixel, once those before it are known."""
        model = self.model
        if column == 0:
            rows = self.seen[:, :, row : row + 2]
            above, near = self._of(model.above, rows), self._of(model.near, rows[:, :, 1:])
            self.near = near
            self.body.next_row(above)
        left = self._of(model.left, self.seen[:, :, row + 1 : row + 3, column : column + 1])
        s = (self.near[:, :, 0, column] + left[:, :, 0, 0]).t()
        h = F.elu(self.body.at(s, column)).t()
        return model.leave(h[:, :, None, None])

    def know(self, row: int, column: int, pixel: Tensor) -> None:
        """Takes the values (n, channels) of a pixel."""
        image = self.model.features(pixel[:, :, None, None])
        self.seen[:, :, 2 + row, 1 + column] = image[:, :, 0, 0]

    def _of(self, conv: WeightNormConv, rows: Tensor) -> Tensor:
        return F.conv2d(rows, self.weights[conv], conv.bias)


@example(data="bars?height=2&width=2", slow=True)
def pixelcnn_pp() -> PixelCNNpp:
    """One layer at two resolutions on the tiniest images: the density can be summed."""
    return PixelCNNpp(Pixels(1, 2, 2, levels=2), 8, 1, components=2, halvings=1, dropout=0.0)


system(
    "pixelcnn++",
    lecture=2,
    title="PixelCNN++: logistic mixtures and shortcuts",
    paper="https://arxiv.org/abs/1701.05517",
)

"""A convolutional network at full size whose normalisation knows the level of noise.

    z_k = gamma_ik (x_k - mu_k) / s_k + beta_ik + alpha_ik (mu_k - m) / v

is conditional instance normalisation "plus" of channel k at level i: mu, s are a feature map's mean
and deviation, m, v those of mu over channels. The third term keeps what plain instance norm loses:
the level of each map, hence the colour.

Generative Modeling by Estimating Gradients of the Data Distribution (Song & Ermon, 2019),
arXiv:1907.05600, appendix A.1.
Differs from the paper: dilated residual blocks alone, without the RefineNet around them; classes
and a vector, where the network is told them, shift the first feature maps.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F

from ..core.blueprint import Component
from ..core.given import Given
from ..core.spaces import count
from .embedding import Told


class ConditionalInstanceNorm(nn.Module):
    """(batch, channels, h, w) and levels (batch,) int64 to the same shape."""

    def __init__(self, channels: int, levels: int):
        super().__init__()
        self.gamma, self.alpha, self.beta = (nn.Embedding(levels, channels) for _ in range(3))
        nn.init.normal_(self.gamma.weight, 1.0, 0.02)
        nn.init.normal_(self.alpha.weight, 1.0, 0.02)
        nn.init.zeros_(self.beta.weight)

    def forward(self, x: Tensor, level: Tensor) -> Tensor:
        """The normalised feature maps."""
        means = x.mean((2, 3))
        apart = means - means.mean(1, keepdim=True)
        variance = apart.square().sum(1, keepdim=True) / max(means.shape[1] - 1, 1)
        plus = apart / (variance + 1e-5).sqrt()
        shift = self.beta(level) + self.alpha(level) * plus
        return F.instance_norm(x) * self.gamma(level)[:, :, None, None] + shift[:, :, None, None]


class DilatedNet(Component):
    """Images (batch, channels, h, w) and times in [0, 1) -> the same shape.

    Args:
        channels: of the images.
        levels: how many parts of [0, 1) have normalisations of their own; 1 does not read the time,
            as in NCSNv2.
        width: feature channels.
        dilations: of the residual blocks.
        classes: how many classes `y` may name; 0 takes no `y`.
        context: length of a vector that is told after the class; 0 is none.
    """

    def __init__(
        self,
        channels: int,
        levels: int = 10,
        width: int = 64,
        dilations: Sequence[int] = (1, 1, 2, 4),
        classes: int = 0,
        context: int = 0,
    ):
        super().__init__()
        self.levels = count("levels", levels)
        self.enter = nn.Conv2d(count("channels", channels), count("width", width, 2), 3, padding=1)
        self.norms = nn.ModuleList(
            ConditionalInstanceNorm(width, levels) for _ in range(2 * len(dilations) + 1)
        )
        self.convolutions = nn.ModuleList(
            nn.Conv2d(width, width, 3, padding=d, dilation=d) for d in dilations for _ in range(2)
        )
        self.leave = nn.Conv2d(width, channels, 3, padding=1)
        self.told = Told(width, classes, context)

    @property
    def given(self) -> Given:
        """What it is told beside the time."""
        return self.told.given

    def forward(self, x: Tensor, t: Tensor, *conditions: Tensor) -> Tensor:
        """The outputs for the float images `x` at times `t`."""
        level = (t * self.levels).long().clamp(0, self.levels - 1)
        h, layers = self.enter(x), list(zip(self.norms, self.convolutions))
        h = h + self.told.added(h.new_zeros(len(h), h.shape[1]), *conditions)[:, :, None, None]
        for (norm, conv), (norm_2, conv_2) in zip(layers[::2], layers[1::2]):
            inner = conv(F.elu(norm(h, level)))
            h = h + conv_2(F.elu(norm_2(inner, level)))
        return self.leave(F.elu(self.norms[-1](h, level)))

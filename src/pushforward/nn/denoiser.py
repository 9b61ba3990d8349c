"""A residual multilayer perceptron that is told the time: a denoiser of vectors."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from ..core.blueprint import Component
from ..core.given import Given
from ..core.spaces import count
from .embedding import Embedding


class TimeMLP(Component):
    """(batch, features), times (batch,) -> (batch, outputs).

    Args:
        features: length of the input.
        outputs: length of the output; None is `features`.
        width: hidden units, an even number.
        layers: residual layers.
        classes: how many classes `y` may name; 0 takes no `y`.
        context: length of a vector that is told after the class; 0 is none.
    """

    def __init__(
        self,
        features: int,
        outputs: int | None = None,
        width: int = 128,
        layers: int = 3,
        classes: int = 0,
        context: int = 0,
    ):
        super().__init__()
        self.embed = Embedding(width, classes, context)
        self.enter = nn.Linear(count("features", features), width)
        self.hidden = nn.ModuleList(nn.Linear(width, width) for _ in range(layers))
        self.times = nn.ModuleList(nn.Linear(width, width) for _ in range(layers))
        self.leave = nn.Linear(width, outputs or features)

    @property
    def given(self) -> Given:
        """What it is told beside the time."""
        return self.embed.given

    def forward(self, x: Tensor, t: Tensor, *conditions: Tensor) -> Tensor:
        """The outputs for `x` at times `t` in [0, 1]."""
        h, e = self.enter(x), F.silu(self.embed(t, *conditions))
        for hidden, time in zip(self.hidden, self.times):
            h = h + F.silu(hidden(h) + time(e))
        return self.leave(F.silu(h))

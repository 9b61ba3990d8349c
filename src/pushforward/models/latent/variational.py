"""What models with an amortised posterior share: an objective and bounds, all of one draw.

    log p(x) >= E_q[log p(x | z)] - KL(q(z | x) || p(z))

A subclass says how it draws latents for data; what is minimised is the objective's business.
"""

from __future__ import annotations

from abc import abstractmethod

from torch import Tensor

from ...core.contract import Terms, Weighted
from ...objectives.variational import Draw, Objective


class Variational(Weighted):
    """A model that is trained by its `objective`, which asks it to `draw`."""

    objective: Objective

    @abstractmethod
    def draw(self, x: Tensor, samples: int = 1) -> Draw:
        """`samples` latents for each datum at once, with log p(x|z), log q(z|x), log p(z), KL."""

    def loss(self, x: Tensor) -> Terms:
        """The objective's terms, in nats: {"distortion", "rate"} for the ELBO."""
        return self.objective(self, x)

    def log_weights(self, x: Tensor, samples: int = 1) -> Tensor:
        """Log p(x, z) / q(z | x) for z ~ q, in nats, (samples, batch)."""
        return self.draw(x, samples).log_weights

    def elbo(self, x: Tensor, samples: int = 1) -> Tensor:
        """The bound in nats, (batch,), with the exact KL where there is one; beta is 1."""
        draw = self.draw(x, samples)
        return draw.log_x.mean(0) - draw.rate.sum(1)

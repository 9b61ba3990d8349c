"""Energy-based models: the likelihood's gradient without the normalising constant.

    p(x) = exp(-E(x)) / Z,    grad log p_theta(x) = -grad E(x) + E_{x' ~ p_theta} grad E(x')

Learning pushes the energy down at the data and up where the model itself puts its mass; the
samples x' come from Langevin dynamics, which needs the slope of E alone.

Training Products of Experts by Minimizing Contrastive Divergence (Hinton, 2002), eq. 2.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from pushforward.core.catalogue import system

system(
    "energy-gradient",
    lecture=13,
    kind="theory",
    title="Energy-based models: the gradient of an unnormalised likelihood",
    paper="Hinton (2002), eq. 2",
)


def contrastive_loss(energy: Callable[[Tensor], Tensor], data: Tensor, drawn: Tensor) -> Tensor:
    """A number whose gradient is that of -E log p over `data`, for `drawn` from the model.

    Its value says nothing: it is no likelihood. `drawn` is held fixed.
    """
    return energy(data).mean() - energy(drawn.detach()).mean()

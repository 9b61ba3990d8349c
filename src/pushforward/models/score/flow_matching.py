"""Flow matching along straight lines: regress the velocity from data to noise.

    x_t = (1 - t) x_0 + t eps,    E_t E |v(x_t, t) - (eps - x_0)|^2

The velocity of each line depends on both its ends, but its mean given x_t does not, and the ODE
dx/dt = E[eps - x_0 | x_t] carries noise to data just as well: a continuous normalising flow that is
trained without solving it.

Flow Matching for Generative Modeling (Lipman et al., 2023), arXiv:2210.02747, eqs. 14, 20-23; Flow
Straight and Fast: Learning to Generate and Transfer Data with Rectified Flow (Liu et al., 2023),
arXiv:2209.03003, eq. 1.
Differs from the papers: time runs from data to noise, as in all diffusions here; what the velocity
says of images is clipped to [-1, 1] in sampling, unless `clipped=False`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ...core.catalogue import example, system
from ...core.contract import Terms
from ...core.spaces import Pixels, Reals
from ...nn.denoiser import TimeMLP
from ...probability.diffusion_paths import Rectified
from ...solvers.samplers import DDIM, Sampler
from .continuous import Continuous
from .diffusion import spread, stratified


class FlowMatching(Continuous):
    """A velocity field. DDIM along this path is Euler's rule.

    Args:
        space: Pixels, or Reals of about unit scale.
        network: v, called (x, t in [0, 1]), and with the conditions after t.
        sampler: what `sample` uses.
        clipped: whether the denoised of Pixels are clipped to [-1, 1] in sampling.
    """

    def __init__(
        self,
        space: Pixels | Reals,
        network: nn.Module,
        sampler: Sampler = DDIM(50),  # noqa: B008 (it is frozen)
        clipped: bool = True,
    ):
        predicts = "the velocity of straight lines"
        super().__init__(space, Rectified(), sampler, network, predicts, clipped)
        self.network = network

    def times(self, steps: int) -> list[float]:
        """Evenly spread, from 1 to just above 0."""
        return torch.linspace(1, 1e-3, steps + 1, dtype=torch.float64).tolist()

    def _velocity(self, x: Tensor, t: Tensor, *conditions: Tensor) -> Tensor:
        return self.network(x, t, *conditions)

    def denoise_at(self, x: Tensor, t: Tensor, *conditions: Tensor) -> Tensor:
        """E[x_0 | x_t = x] at the times `t`, (batch,)."""
        return x - spread(t, x) * self._velocity(x, t, *conditions)

    def terms(self, x: Tensor, *conditions: Tensor) -> Terms:
        """{"velocity": mean squared error}."""
        x0 = self.to_float(x)
        return self.between(x0, torch.randn_like(x0), *conditions)

    def between(self, x0: Tensor, eps: Tensor, *conditions: Tensor) -> Terms:
        """The same for given pairs of data, in the model's float scale, and noise."""
        t = stratified(len(x0), self.device, self.dtype)
        noisy = (1 - spread(t, x0)) * x0 + spread(t, x0) * eps
        wrong = self._velocity(noisy, t, *conditions) - (eps - x0)
        return {"velocity": wrong.square().flatten(1).mean(1)}


system(
    "flow-matching",
    lecture=13,
    title="Flow matching",
    paper="Lipman et al., 2023, arXiv:2210.02747",
)


@example(data="moons")
def flow_matching() -> FlowMatching:
    """The smallest instance, in the plane."""
    return FlowMatching(Reals((2,)), TimeMLP(2, width=32, layers=2), DDIM(10))


@example(data="moons?labels=True&along=True")
def flow_matching_of_classes() -> FlowMatching:
    """Told which moon, and how far along it."""
    net = TimeMLP(2, width=32, layers=2, classes=2, context=1)
    return FlowMatching(Reals((2,)), net, DDIM(10))

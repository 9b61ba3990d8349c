"""Diffusions of Gaussian data, of which everything is known in closed form."""

from __future__ import annotations

from torch import Tensor

from pushforward.core.blueprint import Component
from pushforward.probability.diffusion_schedules import LinearSchedule, Schedule

MEAN, STD = (0.5, -0.3), (0.4, 1.5)


class GaussianEps(Component):
    """The best prediction of eps for data N(mean, std^2), one coordinate at a time."""

    def __init__(self, steps: int, schedule: Schedule = LinearSchedule()):  # noqa: B008
        super().__init__()
        self.steps = steps
        self.signal = schedule.signal(steps)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        """E[eps | x_t = x]."""
        signal = self.signal[(t * self.steps).round().long()][:, None].to(x.dtype)
        mean, std = x.new_tensor(MEAN), x.new_tensor(STD)
        noise = (1 - signal).sqrt()
        return noise * (x - signal.sqrt() * mean) / (signal * std**2 + 1 - signal)


def flowed(z: Tensor, alpha: float, sigma: float) -> Tensor:
    """Where the probability flow takes the noisy `z` of one level: a scaling of the Gaussian."""
    mean, std = z.new_tensor(MEAN), z.new_tensor(STD)
    return mean + std * (z - alpha * mean) / (alpha**2 * std**2 + sigma**2).sqrt()

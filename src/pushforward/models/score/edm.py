"""EDM: a denoiser whose network always sees, and predicts, numbers of unit scale.

    D(x, sigma) = c_skip x + c_out F(c_in x, c_noise)
    E[lambda(sigma) |D(x_0 + sigma eps, sigma) - x_0|^2]

    c_skip = s^2 / (sigma^2 + s^2)            c_out = sigma s / sqrt(sigma^2 + s^2)
    c_in = 1 / sqrt(sigma^2 + s^2)            c_noise = log(sigma) / 4
    lambda = 1 / c_out^2                      log sigma ~ N(mean, spread^2) in training

with s the deviation of the data. Little noise: D is nearly the input, much noise: nearly the
network, so errors are never amplified. Noise levels are then chosen where learning is useful, and
the sampler's steps where its curvature is: sigma_i^(1/rho) falls evenly.

Elucidating the Design Space of Diffusion-Based Generative Models (Karras et al., 2022),
arXiv:2206.00364, eqs. 5, 7, 8, table 1, algorithms 1 and 2.
Differs from the paper: no augmentation; what the denoiser says of images is clipped to [-1, 1] in
sampling, unless `clipped=False`.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ...core.catalogue import example, system
from ...core.contract import Terms
from ...core.spaces import Pixels, Reals
from ...nn.denoiser import TimeMLP
from ...nn.dit import DiT
from ...probability.diffusion_paths import NoiseLevel
from ...solvers.samplers import HeunSampler, Sampler
from .continuous import Continuous
from .diffusion import spread


class EDM(Continuous):
    """A preconditioned denoiser.

    Args:
        space: Pixels, or Reals.
        network: F, called (x, t), and with the conditions after t.
        data_std: s: about 0.5 for images in [-1, 1].
        least, most: the noise levels between which is sampled.
        rho: how the sampler's steps crowd at little noise.
        log_mean, log_std: of the noise levels in training.
        sampler: what `sample` uses; algorithm 2 is HeunSampler(churn=...).
        clipped: whether the denoised of Pixels are clipped to [-1, 1] in sampling.
    """

    def __init__(
        self,
        space: Pixels | Reals,
        network: nn.Module,
        data_std: float = 0.5,
        least: float = 0.002,
        most: float = 80.0,
        rho: float = 7.0,
        log_mean: float = -1.2,
        log_std: float = 1.2,
        sampler: Sampler = HeunSampler(),  # noqa: B008 (it is frozen)
        clipped: bool = True,
    ):
        if not 0 < least < most < math.inf or not 0 < data_std < math.inf:
            raise ValueError(
                "noise levels and data_std must be positive, least below most: was given "
                f"least={least}, most={most}, data_std={data_std}"
            )
        if not (rho > 0 and log_std > 0):
            raise ValueError(f"rho and log_std must be positive, not {rho!r} and {log_std!r}")
        predicts = f"EDM's F of data_std {data_std:g}"
        super().__init__(space, NoiseLevel(most), sampler, network, predicts, clipped)
        self.network, self.data_std = network, data_std
        self.least, self.most, self.rho = least, most, rho
        self.log_mean, self.log_std = log_mean, log_std

    def times(self, steps: int) -> list[float]:
        """Noise levels from `most` to `least`, eq. 5."""
        first, last = (v ** (1 / self.rho) for v in (self.most, self.least))
        return (torch.linspace(first, last, steps + 1, dtype=torch.float64) ** self.rho).tolist()

    def denoise_at(self, x: Tensor, t: Tensor, *conditions: Tensor) -> Tensor:
        """D(x, sigma) at the noise levels `t`, (batch,)."""
        sigma, s = spread(t.to(x.dtype), x), self.data_std
        norm = (sigma**2 + s**2).sqrt()
        # Embeddings count time in thousandths of [0, 1]; c_noise is told in hundredths.
        noise = t.to(x.dtype).log() / 400
        out = self.network(x / norm, noise, *conditions)
        return (s / norm) ** 2 * x + sigma * s / norm * out

    def terms(self, x: Tensor, *conditions: Tensor) -> Terms:
        """{"denoising": weighted squared error, a mean over dimensions}."""
        x0 = self.to_float(x)
        normal = torch.randn(len(x), device=self.device, dtype=self.dtype)
        t = (self.log_mean + self.log_std * normal).exp()
        sigma = spread(t, x0)
        wrong = self.denoise_at(x0 + sigma * torch.randn_like(x0), t, *conditions) - x0
        weight = (t**2 + self.data_std**2) / (t * self.data_std) ** 2
        return {"denoising": weight * wrong.square().flatten(1).mean(1)}


system(
    "edm",
    lecture=13,
    title="Elucidated diffusion (EDM)",
    paper="Karras et al., 2022, arXiv:2206.00364",
)


@example(data="moons")
def edm() -> EDM:
    """The smallest instance, in the plane."""
    net = TimeMLP(2, width=32, layers=2)
    return EDM(Reals((2,)), net, data_std=0.7, most=10.0, log_mean=-1.0, sampler=HeunSampler(8))


@example(data="bars?labels=True")
def edm_transformer() -> EDM:
    """A tiny diffusion Transformer on 4x4 images, told their class."""
    net = DiT(1, patch=2, width=16, layers=2, heads=2, classes=2)
    sampler = HeunSampler(6)
    return EDM(Pixels(1, 4, 4, levels=2), net, data_std=0.9, most=10.0, sampler=sampler)

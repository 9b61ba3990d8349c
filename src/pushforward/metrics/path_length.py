"""Perceptual path length: how far does the image move for a small step in the latent space?

    PPL = E[ d( G(path(z1, z2; t)), G(path(z1, z2; t + e)) ) / e^2 ],    t uniform on [0, 1)

Karras et al. (2019), arXiv:1812.04948, eqs. 2-3: slerp in Z, lerp in W, e = 1e-4, d a squared
feature distance, so a smooth generator gives a number that does not depend on e. As in the paper's
code, the lowest and highest percent of distances are left out.

Differs from the paper: the features are those of any extractor, not VGG's; nothing is cropped.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ..core.spaces import count
from .features import Features, checked, label
from .measurement import Measurement

Path = Callable[[Tensor, Tensor, Tensor], Tensor]


def lerp(a: Tensor, b: Tensor, t: Tensor) -> Tensor:
    """The point (batch, latent) at share t (batch, 1) of the straight line from a to b."""
    return a + (b - a) * t


def slerp(a: Tensor, b: Tensor, t: Tensor) -> Tensor:
    """The point at share t of the great circle from a/|a| to b/|b|, of length 1."""
    a, b = (v / v.norm(dim=1, keepdim=True) for v in (a, b))
    cosine = (a * b).sum(1, keepdim=True).clamp(-1, 1)
    across = b - a * cosine
    across = across / across.norm(dim=1, keepdim=True).clamp(min=1e-30)
    angle = t * cosine.acos()
    return a * angle.cos() + across * angle.sin()


def trimmed(values: Tensor, share: float) -> Tensor:
    """Without the lowest and the highest `share` of the values."""
    if not 0 <= share < 0.5:
        raise ValueError(f"the share trimmed at either end must be in [0, 0.5), not {share}")
    cut = int(len(values) * share)
    return values.sort().values[cut : len(values) - cut]


@torch.no_grad()
def perceptual_path_length(
    generate: Callable[[Tensor], Tensor],
    latents: Callable[[int], Tensor],
    extractor: Features,
    path: Path = slerp,
    samples: int = 10_000,
    batch: int = 100,
    step: float = 1e-4,
    trim: float = 0.01,
) -> Measurement:
    """PPL of `generate` (latents to images) over pairs that `latents(n)` (n, latent) draws.

    Images should be floats: a step of 1e-4 hardly moves an integer. Raises ValueError for a step
    that is not in (0, 1), or for NaN.
    """
    if not 0 < step < 1:
        raise ValueError(f"step must be in (0, 1), not {step}")
    found = []
    for start in range(0, count("samples", samples, 2), count("batch", batch)):
        n = min(batch, samples - start)
        z1, z2 = latents(n), latents(n)
        t = torch.rand(n, 1, dtype=z1.dtype, device=z1.device) * (1 - step)
        ends = [checked(extractor(generate(path(z1, z2, u)))) for u in (t, t + step)]
        found.append((ends[0] - ends[1]).double().square().sum(1) / step**2)
    values = trimmed(torch.cat(found), trim)
    stderr = (values.std() / len(values) ** 0.5).item()
    about = {**label(extractor), "settings": f"{path.__name__}, step {step:g}, trim {trim:g}"}
    return Measurement("PPL", values.mean().item(), stderr, samples, **about)

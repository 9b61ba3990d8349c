"""Perceptual path length: how far does the image move for a small step in the latent space?

    PPL = E[ d( G(path(z1, z2; t)), G(path(z1, z2; t + e)) ) / e^2 ],    t uniform on [0, 1)

Karras et al. (2019), arXiv:1812.04948, eqs. 2-3, e = 1e-4, d a squared feature distance, so a
smooth generator gives a number that does not depend on e. As in the paper's code, the lowest and
highest percent of distances are left out.

The walk keeps to where the generator was trained. Normal noise of d dimensions lies near a sphere
of radius sqrt(d): a line between two draws cuts through its empty inside, an arc does not (White,
2016, arXiv:1609.04468). So latents of independent normals of one variance go by `slerp` at their
own norms, all others (a mapped w, uniform noise) by `lerp`. StyleGAN's z has its norm taken away
before it is used, and so has the paper's eq. 2: that is `unit_slerp`, and its case alone.

Differs from the paper: the features are those of any extractor, not VGG's; nothing is cropped.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ..core.spaces import Pixels, count
from .features import Extractor, Features, checked, label
from .measurement import Measurement

Path = Callable[[Tensor, Tensor, Tensor | float], Tensor]
ERRORS = 6  # standard errors by which moments may differ from those of normal noise
DRAWS, NUMBERS = 2_000, 2**22  # latents that these moments are taken of, and numbers in them


def lerp(a: Tensor, b: Tensor, t: Tensor | float) -> Tensor:
    """The point (batch, latent) at share t (batch, 1) of the straight line from a to b."""
    return a + (b - a) * t


def slerp(a: Tensor, b: Tensor, t: Tensor | float) -> Tensor:
    """The point (batch, latent) at share t (batch, 1) of the arc from a to b around the origin.

    (sin((1 - t) w) a + sin(t w) b) / sin w, w the angle between them: of vectors of one norm that
    of the great circle; a line where they point the same way. (Shoemake, 1985)

    >>> slerp(torch.tensor([[2.0, 0.0]]), torch.tensor([[0.0, 2.0]]), 0.5)
    tensor([[1.4142, 1.4142]])
    """
    angle = torch.cosine_similarity(a, b, dim=1).clamp(-1, 1).acos()[:, None]
    whole = angle.sin()
    near = whole < torch.finfo(a.dtype).eps ** 0.5
    whole = torch.where(near, 1.0, whole)
    ways = (torch.as_tensor(share).to(a) for share in (1 - t, t))
    first, second = (torch.where(near, way, (way * angle).sin() / whole) for way in ways)
    return first * a + second * b


def unit_slerp(a: Tensor, b: Tensor, t: Tensor | float) -> Tensor:
    """The point at share t of the great circle from a/|a| to b/|b|, of length 1."""
    first, second = (v / v.norm(dim=1, keepdim=True) for v in (a, b))
    return slerp(first, second, t)


def path_for(z: Tensor) -> Path:
    """`slerp` for draws (n, latent) of independent normals of one variance, `lerp` for others.

    Normal are they whose mean is 0, whose fourth moment is 3, and whose squared norms vary as chi
    squared does, to within six standard errors. In one dimension there is no arc.
    """
    n, d = z.shape
    z = z.double() / z.double().square().mean().sqrt()
    kurtosis, spread = z.pow(4).mean(), z.square().sum(1).var()
    alike = (
        abs(z.mean()) < ERRORS / math.sqrt(n * d)
        and abs(kurtosis - 3) < ERRORS * math.sqrt(24 / (n * d))
        and abs(spread - 2 * d) < ERRORS * math.sqrt((8 * d**2 + 48 * d) / n)
    )
    return slerp if alike and d > 1 else lerp


def _some(latents: Callable[[int], Tensor]) -> Tensor:
    """Draws enough to know them by, (n, numbers)."""
    few = latents(2)
    return latents(max(64, min(DRAWS, NUMBERS // few[0].numel()))).flatten(1)


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
    path: Path | None = None,
    samples: int = 10_000,
    batch: int = 100,
    step: float = 1e-4,
    trim: float = 0.01,
) -> Measurement:
    """PPL of `generate` (latents to images) over pairs that `latents(n)` (n, ...) draws.

    `path` None is that of the latents' own distribution, by `path_for` of up to 2,000 draws. Images
    should be floats: a step of 1e-4 hardly moves an integer. Raises ValueError for a step that is
    not in (0, 1), or for NaN.
    """
    if not 0 < step < 1:
        raise ValueError(f"step must be in (0, 1), not {step}")
    way = path or path_for(_some(latents))
    found = []
    for start in range(0, count("samples", samples, 2), count("batch", batch)):
        n = min(batch, samples - start)
        z1, z2 = latents(n), latents(n)
        t = torch.rand(n, 1, dtype=z1.dtype, device=z1.device) * (1 - step)
        walked = (way(z1.flatten(1), z2.flatten(1), u).view_as(z1) for u in (t, t + step))
        ends = [checked(extractor(generate(z))) for z in walked]
        found.append((ends[0] - ends[1]).double().square().sum(1) / step**2)
    values = trimmed(torch.cat(found), trim)
    stderr = (values.std() / len(values) ** 0.5).item()
    about = {**label(extractor), "settings": f"{way.__name__}, step {step:g}, trim {trim:g}"}
    return Measurement("PPL", values.mean().item(), stderr, samples, **about)


def path_lengths(model: Any, extractor: Features, **settings: Any) -> dict[str, Measurement]:
    """PPL of a game's generator: of its noise, "z", and of its styles, "w", where it has any.

    Images are taken as the generator paints them, in [-1, 1], for rounding would drown so small a
    step; noise that a StyleGAN adds at every place is held.

    Args:
        model: a `GAN` that is told nothing, in eval mode: it has `latents`, `handles`, `painted`.
        extractor: what `looking.extractor_for` finds, or a function of such floats.
        settings: as of `perceptual_path_length`.

    Raises ValueError where the model is told something, or paints nothing; and for an extractor of
    whole numbers alone, such as Inception's.
    """
    if not hasattr(model, "painted") or model.given is not None:
        raise ValueError(
            f"path lengths are of generators that are told nothing, not of this "
            f"{type(model).__name__}: give `perceptual_path_length` a function of noise alone"
        )
    look = _of_floats(extractor, model)

    def painted(z: Tensor) -> Tensor:
        return model.painted(model.handles(z))

    found = {"z": perceptual_path_length(painted, model.latents, look, **settings)}
    if hasattr(model, "styles"):
        found["w"] = perceptual_path_length(
            model.painted, lambda n: model.styles(model.latents(n)), look, **settings
        )
    return found


def _of_floats(extractor: Features, model: Any) -> Features:
    """The extractor for images in [-1, 1], which it must find the same in as in whole numbers."""
    if not isinstance(extractor, Extractor) or not isinstance(model.space, Pixels):
        return extractor
    look, x = replace(extractor, prepare=torch.Tensor.float), model.push(model.latents(2))
    if not torch.allclose(extractor(x), look(model.space.to_signed(x)), rtol=1e-3, atol=1e-3):
        raise ValueError(
            f"{extractor} takes whole numbers alone: give a function of images in [-1, 1]"
        )
    return look

"""Pictures of data as PNG: grids, densities, neighbours, walks."""

from __future__ import annotations

import base64
import io
import math
from html import escape
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..core.contract import Generative, Pushforward
from ..core.spaces import Pixels, Reals, Space

GAP = 1


def as_rgb(x: Tensor, space: Pixels) -> np.ndarray:
    """Images (batch, channels, height, width) as uint8 (batch, height, width, 3)."""
    unit = space.to_unit(space.check(x)).mul(255).round().to(torch.uint8).cpu().numpy()
    return (
        np.repeat(unit, 3, 1).transpose(0, 2, 3, 1)
        if space.channels == 1
        else unit.transpose(0, 2, 3, 1)
    )


def grid(x: Tensor, space: Pixels, columns: int = 8, scale: int | None = None) -> bytes:
    """A PNG of the images in rows of `columns`, each pixel `scale` pixels wide."""
    images = as_rgb(x, space)
    n, height, width, _ = images.shape
    rows = math.ceil(n / columns)
    sheet = np.full((rows * (height + GAP) - GAP, columns * (width + GAP) - GAP, 3), 128, np.uint8)
    for i, image in enumerate(images):
        top, left = (i // columns) * (height + GAP), (i % columns) * (width + GAP)
        sheet[top : top + height, left : left + width] = image
    return png(sheet, scale or max(1, 32 // height))


def png(sheet: np.ndarray, scale: int = 1) -> bytes:
    """The PNG of an RGB array, enlarged without smoothing."""
    from PIL import Image

    image = Image.fromarray(sheet)
    size = (image.width * scale, image.height * scale)
    buffer = io.BytesIO()
    image.resize(size, Image.Resampling.NEAREST).save(buffer, "PNG")
    return buffer.getvalue()


def scatter(x: Tensor, size: int = 300) -> bytes:
    """A PNG of the density of points (batch, 2), darker where there are more."""
    reach = float(x.abs().quantile(0.999)) * 1.1 or 1.0
    edges = np.linspace(-reach, reach, 101)
    across, up = x[:, 0].cpu().numpy(), x[:, 1].cpu().numpy()
    counts, _, _ = np.histogram2d(across, up, bins=[edges, edges])
    shade = 255 - (255 * (counts / max(1.0, counts.max())) ** 0.5).astype(np.uint8)
    return png(np.repeat(shade.T[::-1, :, None], 3, 2), max(1, size // 100))


def drawn(x: Tensor, space: Space, columns: int = 8) -> bytes | None:
    """A picture of data of any space that can be drawn, as PNG; None for the others."""
    if isinstance(space, Pixels):
        return grid(x, space, columns)
    if isinstance(space, Reals) and space.shape == (2,):
        return scatter(x)
    return None


def interleaved(samples: Tensor, neighbours: Tensor) -> Tensor:
    """Samples above their neighbours, for a grid with one column a pair: (2 n, ...)."""
    return torch.cat([samples, neighbours])


@torch.no_grad()
def walk(model: Generative, rows: int = 4, steps: int = 8, seed: int = 0) -> Tensor | None:
    """Data on `rows` walks between pairs of latents, (rows * steps, ...); None without latents.

    Great circles rather than lines: Gaussian noise lives near a sphere (White, 2016).
    """
    if not isinstance(model, Pushforward):
        return None
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        start, end = model.latents(rows), model.latents(rows)
        ways = [slerp(start, end, t) for t in np.linspace(0, 1, steps)]
        return model.push(torch.stack(ways, 1).flatten(0, 1))


def slerp(a: Tensor, b: Tensor, t: float) -> Tensor:
    """The point at `t` on the great circle from `a` to `b`, each (batch, ...) one vector.

    >>> slerp(torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]]), 0.5)
    tensor([[0.7071, 0.7071]])
    """
    flat_a, flat_b = a.flatten(1), b.flatten(1)
    cosine = torch.cosine_similarity(flat_a, flat_b, dim=1).clamp(-1 + 1e-6, 1 - 1e-6)
    angle = torch.acos(cosine)[:, None]
    weights = (torch.sin((1 - t) * angle), torch.sin(t * angle))
    return ((weights[0] * flat_a + weights[1] * flat_b) / torch.sin(angle)).view_as(a)


def inline(content: bytes, described: str) -> str:
    """An <img> that carries its PNG."""
    data = base64.b64encode(content).decode()
    return f'<img alt="{escape(described, quote=True)}" src="data:image/png;base64,{data}">'


def write(path: Path, content: bytes | None) -> None:
    """Writes a picture where there is one."""
    if content is not None:
        path.write_bytes(content)

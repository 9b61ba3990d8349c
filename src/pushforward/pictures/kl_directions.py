"""Both directions of the KL: what covers, and what seeks a mode."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..core.contract import Density
from ..presets.divergences import forward_kl, reverse_kl
from ..presets.targets import bumps
from .densities import on_a_grid
from .gallery import learned, picture
from .shown import blank

if TYPE_CHECKING:
    from .notebook import Sheet


@picture
def draw(distance: float = 4.0, start: float = 0.5, steps: int = 1_500) -> Sheet:
    """One Gaussian fitted to two bumps by either KL: the presets forward_kl and reverse_kl.

    Args:
        distance: between the bumps.
        start: of the reverse fit's mean, in both coordinates.
        steps: of training.
    """
    forward = learned(forward_kl(distance, steps))
    reverse = learned(reverse_kl(distance, start, steps))
    return kl_directions(bumps(distance), forward, reverse.model)


def kl_directions(target: Density, forward: Density, reverse: Density, reach: float = 4.0) -> Sheet:
    """Contours of two fits of one family over a shaded target, all over Reals((2,)).

    Raises ValueError for another space.
    """
    for name, density in (("target", target), ("forward", forward), ("reverse", reverse)):
        if density.space.shape != (2,):
            raise ValueError(f"{name} must be a density over Reals((2,)), not {density.space}")
    figure = blank(8, 4)
    titles = (r"forward, KL(p || q): it covers", r"reverse, KL(q || p): it seeks a mode")
    for axis, fit, title in zip(figure.subplots(1, 2), (forward, reverse), titles):
        at, shade = on_a_grid(target, reach)
        axis.contourf(at, at, shade, levels=12, cmap="Blues")
        axis.contour(at, at, on_a_grid(fit, reach)[1], levels=6, colors="firebrick", linewidths=1)
        axis.set(title=title, aspect="equal", xticks=[], yticks=[])
    return figure

"""A picture of what VAEs trade: nats that the code tells against nats that the decoder misses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..metrics.surgery import Surgery, rate_distortion
from ..presets.latent import beta_digits
from ..training.fit import fit
from .gallery import picture
from .shown import blank

if TYPE_CHECKING:
    from .notebook import Sheet


@picture
def draw(
    betas: tuple[float, ...] = (0.1, 0.3, 1.0, 3.0, 8.0), steps: int = 400, seed: int = 0
) -> Sheet:
    """The same VAE of the 8x8 digits under weights on its rate, one point for each.

    Along a dotted line the ELBO is the same; only beta = 1 asks for the best one. The smaller bars
    are the mutual information on the 200 images, which can show log 200 = 5.3 nats of it at most.
    """
    return curve(swept(betas, steps, seed))


def swept(betas: tuple[float, ...], steps: int, seed: int = 0) -> dict[float, Surgery]:
    """Surgery on 200 test images after `steps` under each beta. Raises ValueError for none."""
    import torch

    if not betas:
        raise ValueError("betas must hold one weight or more")
    found = {}
    for beta in betas:
        torch.manual_seed(seed)
        experiment = beta_digits(beta=beta, steps=steps)
        model = fit(experiment.model, experiment.data, experiment.recipe, quiet=True)
        found[beta] = rate_distortion([model], experiment.data.test.first(200))[0]
    return found


def curve(found: dict[float, Surgery]) -> Sheet:
    """Rate and distortion of each, in nats."""
    figure = blank(5.6, 4.2)
    axis = figure.subplots()
    points = sorted((s.rate, s.distortion, beta) for beta, s in found.items())
    rates, distortions, _ = zip(*points)
    axis.plot(rates, distortions, marker="o")
    for rate, distortion, beta in points:
        axis.annotate(f" beta {beta:g}", (rate, distortion))
        axis.axline((rate, distortion), slope=-1, color="gray", linestyle=":", linewidth=0.6)
    told = sorted((s.information, s.distortion) for s in found.values())
    axis.plot(*zip(*told), marker="|", linestyle="none", markersize=12, color="tab:orange")
    axis.set(xlabel="rate, nats (orange: information on the set)", ylabel="distortion, nats")
    axis.margins(0.15)
    return figure

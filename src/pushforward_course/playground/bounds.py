"""The two terms of the ELBO while a VAE learns, and what makes its posterior collapse.

-log p(x) <= distortion + rate,    minimised is distortion + beta rate
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

import pushforward as pf
from pushforward.models.latent.vae import dense_decoder, dense_encoder
from pushforward.objectives.variational import Linear
from pushforward.probability.posteriors import DiagonalGaussian

from .panels import DATA, MODEL, OTHER, named, panel
from .running import Run, started

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from pushforward.metrics.surgery import Surgery
    from pushforward.pictures.notebook import Sheet

TITLE = "ELBO and collapse"
LEAD = r"""
**A code costs nats, and saves nats.** A VAE learns 4 × 4 bars and stripes with two latents. *Rate*
is what its code costs, $\mathrm{KL}(q(z|x)\,\|\,p(z))$; *distortion* is what the code leaves open.
There are 30 images, so that a code that says all of them costs at least about $\log 30\approx3.4$
nats.

*Try*: let the decoder see the pixels before, and watch the rate. Then lower the weight of the KL,
or let it grow. With the weak decoder raise the weight until nothing is said any more.

*See*: a decoder that can describe images by itself has no use for a code: the rate falls to 0, the
ellipses of all images become the prior's circle, and the copies have nothing to do with what was
encoded. The bound may be as good as before. With a weight below 1 it is the rate that is spent,
and the sum is no bound's best.
"""
LATENT, WIDTH, STEPS, LOOKS = 2, 64, 300, 20
DECODERS = {
    "weak: each pixel by itself": None,
    "middle: sees half of the pixels before": 0.5,
    "strong: sees all pixels before": 0.0,
}
WEAK, MIDDLE, STRONG = DECODERS
RUNS, COLUMNS = ("tab:orange", "tab:purple"), 8


@dataclass(frozen=True)
class Learned:
    """A VAE that has learned, and its bound on test data on the way: (step, distortion, rate)."""

    run: Run
    curve: tuple[tuple[int, float, float], ...]


def vae(data: pf.core.dataset.Dataset, decoder: str, beta: float, grows: bool) -> pf.VAE:
    """A VAE on `data` with one of `DECODERS`; `grows` lets the weight begin at 0."""
    blind = DECODERS[decoder]
    encoder = dense_encoder(data.space, DiagonalGaussian(LATENT), WIDTH)
    objective = pf.ELBO(Linear(0.7, beta) if grows else beta)
    if blind is None:
        return pf.VAE(encoder, dense_decoder(data.space, LATENT, WIDTH), objective=objective)
    density = pf.MADE(data.space, width=WIDTH, context=LATENT, blind=blind)
    return pf.VAE(encoder, pf.AutoregressiveDecoder(density), objective=objective)


@lru_cache(64)
def learned(decoder: str, beta: float, grows: bool = False, steps: int = STEPS) -> Learned:
    """Trains such a VAE, and looks at its bound after each twentieth of the steps."""
    data = pf.data.bars(labels=True)
    started()
    recipe = pf.Recipe(steps, 128, pf.Adam(2e-2), schedule=pf.Cosine())
    run = Run(vae(data, decoder, beta, grows), data, recipe)
    curve = [_look(run)]
    for _ in range(LOOKS):
        curve.append(_look(run.go(max(1, steps // LOOKS))))
    return Learned(run, tuple(curve))


def _look(run: Run) -> tuple[int, float, float]:
    found = surgery(run, 2)
    return run.training.step, -found.reconstruction, found.rate


def surgery(run: Run, samples: int = 16) -> Surgery:
    """What the bound consists of, on the test data."""
    return pf.elbo_surgery(run.model, run.data.test, samples)


def panels(found: Learned) -> list[Sheet]:
    """The bound over the steps, the posteriors, and copies."""
    return [_terms(found), _posteriors(found.run), _copies(found.run)]


def _terms(found: Learned) -> Sheet:
    steps, distortion, rate = zip(*found.curve)
    figure, axis = panel(f"−ELBO at the end: {distortion[-1] + rate[-1]:.2f} nats")
    axis.stackplot(steps, rate, distortion, colors=(MODEL, DATA), alpha=0.6)
    axis.axhline(math.log(30), color="0.3", linestyle="--", linewidth=1)
    for n, (name, values) in enumerate({"rate": rate, "distortion": distortion}.items()):
        axis.plot([], [], color=(MODEL, DATA)[n], linewidth=6, label=f"{name} {values[-1]:.2f}")
    axis.set(xlabel="step", ylabel="nats", ylim=(0, 12), xlim=(0, steps[-1]))
    named(axis)
    return figure


def _posteriors(run: Run) -> Sheet:
    known = surgery(run).information
    figure, axis = panel(f"q(z|x) of each image: they tell {known:.2f} nats")
    x, rows = run.data.test.tensors
    with torch.no_grad():
        q = run.model.encode(x).base_dist
    for which, name in enumerate(("columns", "rows")):
        mine = rows == which
        _ellipses(axis, q.loc[mine], q.scale[mine], RUNS[which], name)
    _ellipses(axis, torch.zeros(1, 2), torch.ones(1, 2), OTHER, "prior")
    axis.set(xlim=(-4, 4), ylim=(-4, 4), aspect="equal")
    named(axis, loc="upper right")
    return figure


def _ellipses(axis: Axes, means: Tensor, scales: Tensor, colour: str, name: str) -> None:
    from matplotlib.collections import EllipseCollection

    at, size = torch.cat([means, scales], 1).unique(dim=0).numpy().reshape(-1, 2, 2).swapaxes(0, 1)
    look: dict[str, Any] = {"facecolor": "none", "edgecolor": colour, "units": "xy"}
    where: dict[str, Any] = {"offsets": at, "offset_transform": axis.transData}
    wide, high = 2 * size.T
    axis.add_collection(EllipseCollection(wide, high, 0 * wide, **where, **look))
    axis.plot([], [], color=colour, label=name)


def copies(run: Run, n: int = COLUMNS) -> tuple[Tensor, Tensor]:
    """`n` different test images (n, 1, 4, 4), and draws of x for a code of each."""
    x = run.data.test.tensors[0].unique(dim=0)[2 :: max(1, 28 // n)][:n]
    torch.manual_seed(0)
    with torch.no_grad():
        return x, run.model.decode(run.model.encode(x).sample()).sample()


def _copies(run: Run) -> Sheet:
    figure, axis = panel("above: encoded; below: drawn from the code")
    pairs = torch.nn.functional.pad(torch.stack(copies(run)).float(), (1, 1, 3, 3), value=0.25)
    tiles = pairs[:, :, 0].permute(0, 2, 1, 3).reshape(20, -1)
    axis.imshow(tiles.numpy(), cmap="gray_r", vmin=0, vmax=1)
    axis.set_axis_off()
    return figure

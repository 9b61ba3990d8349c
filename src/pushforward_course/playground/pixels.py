"""A digit, drawn pixel by pixel: each is asked for given those before."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import torch
from torch import Tensor

import pushforward as pf

from .panels import MODEL, panel
from .running import Run, started

if TYPE_CHECKING:
    from pushforward.pictures.notebook import Sheet

TITLE = "Pixels in order"
LEAD = r"""
**An image is written like a sentence.** A MADE has learned, a moment ago, the probability of ink
in each pixel of an 8 × 8 digit given all pixels before it, row by row. On the left the drawing so
far, the next pixel framed; in the middle how probable ink was when each pixel was drawn; on the
right sixteen finished digits.

*Try*: move *pixels drawn* slowly across a whole row. Then turn the temperature down to 0.1, and up
to 2.

*See*: the first pixels are nearly certain, since the rim is always blank; the top of a digit
decides much, and the rest follows it. Cold draws are all alike, which is no longer what was
learned; hot ones lose the stroke.
"""
WIDTH, STEPS, SIDE, SHOWN = 256, 400, 8, 16


@dataclass(frozen=True)
class Written:
    """Digits (n, 64) of 0 and 1, and the probability of ink when each pixel was drawn, (n, 64)."""

    ink: Tensor
    chance: Tensor


@lru_cache(4)
def learned(steps: int = STEPS) -> Run:
    """The network, told which digit is to be written."""
    data = pf.data.digits(labels=True, levels=2)
    started()
    recipe = pf.Recipe(steps, 128, pf.Adam(3e-3), schedule=pf.Cosine())
    return Run(pf.MADE(data.space, width=WIDTH, classes=10), data, recipe).go(steps)


@lru_cache(64)
def written(digit: int, temperature: float, seed: int = 0, steps: int = STEPS) -> Written:
    """Sixteen digits of one kind. The chance of each pixel's choice depends on `seed` alone."""
    model = learned(steps).model
    generator = torch.Generator().manual_seed(seed)
    luck = torch.rand(SHOWN, SIDE**2, generator=generator)
    told = torch.nn.functional.one_hot(torch.full((SHOWN,), digit), 10).float()
    ink, chance = torch.zeros(SHOWN, SIDE**2), torch.zeros(SHOWN, SIDE**2)
    for i in range(SIDE**2):
        with torch.no_grad():
            logits = model.conditionals(ink, 0, told)[:, i, 0]
        chance[:, i] = (logits / temperature).sigmoid()
        ink[:, i] = (luck[:, i] < chance[:, i]).float()
    return Written(ink, chance)


def nats(found: Written, digit: int, steps: int = STEPS) -> float:
    """The mean of -log p of the digits by what was learned, in nats."""
    images = found.ink.view(SHOWN, 1, SIDE, SIDE).to(torch.uint8)
    with torch.no_grad():
        return -learned(steps).model.log_prob(images, torch.full((SHOWN,), digit)).mean().item()


def panels(found: Written, digit: int, drawn: int, steps: int = STEPS) -> list[Sheet]:
    """The drawing so far, how sure each pixel was, and finished digits."""
    return [_so_far(found, drawn), _chances(found, drawn), _finished(found, digit, steps)]


def _so_far(found: Written, drawn: int) -> Sheet:
    from matplotlib.patches import Rectangle

    said = "finished" if drawn >= SIDE**2 else f"next: ink with {found.chance[0, drawn]:.0%}"
    figure, axis = panel(f"{drawn} of {SIDE**2} pixels; {said}")
    known = torch.where(torch.arange(SIDE**2) < drawn, found.ink[0], 0.3).view(SIDE, SIDE)
    axis.imshow(known.numpy(), cmap="gray_r", vmin=0, vmax=1)
    if drawn < SIDE**2:
        corner = (drawn % SIDE - 0.5, drawn // SIDE - 0.5)
        axis.add_patch(Rectangle(corner, 1, 1, fill=False, edgecolor=MODEL, linewidth=3))
    axis.set_axis_off()
    return figure


def _chances(found: Written, drawn: int) -> Sheet:
    figure, axis = panel("probability of ink, when it was drawn")
    seen = torch.where(torch.arange(SIDE**2) <= drawn, found.chance[0], torch.nan)
    shade = axis.imshow(seen.view(SIDE, SIDE).numpy(), cmap="Reds", vmin=0, vmax=1)
    figure.colorbar(shade, ax=axis, shrink=0.8)
    axis.set_axis_off()
    return figure


def _finished(found: Written, digit: int, steps: int) -> Sheet:
    figure, axis = panel(f"sixteen draws: {nats(found, digit, steps):.1f} nats each")
    tiles = torch.nn.functional.pad(found.ink.view(4, 4, SIDE, SIDE), (1, 1, 1, 1), value=0.15)
    whole = tiles.permute(0, 2, 1, 3).reshape(40, 40)
    axis.imshow(whole.numpy(), cmap="gray_r", vmin=0, vmax=1)
    axis.set_axis_off()
    return figure

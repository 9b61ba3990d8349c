"""A codebook that moves: vectors of the plane become the nearest of K codewords."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import torch
from torch import Tensor

import pushforward as pf
from pushforward.core.contract import Generative, Player, Terms

from .panels import DATA, MODEL, dots, panel, square
from .running import Run, started

if TYPE_CHECKING:
    from pushforward.pictures.notebook import Sheet

TITLE = "Codes"
LEAD = r"""
**A codebook says each point by the name of the nearest codeword.** The cells are what one name
stands for. Codewords (red; grey where they are dead) follow the mean of the points that chose
them. They begin in a corner, where a badly started encoder would leave them.

*Try*: go on with the steps while *restarts* is off; then turn it on. Then take more codes.

*See*: without restarts a few codewords win all points, and the others, which no point ever
chooses, never move: a book of 32 says hardly more than one of 4. With restarts all are in use. On
the checkerboard, which fills its squares, twice the codes then cost one bit more and halve the
error; on the moons, which are nearly lines, it falls faster.
"""
SETS = {
    "two moons": pf.data.moons,
    "pinwheel": pf.data.pinwheel,
    "eight bumps": pf.data.gaussians8,
    "checkerboard": pf.data.checkerboard,
}
BATCH, DECAY, REACH, CORNER = 256, 0.9, 4.4, (-3.6, 3.6)


class Codes(Generative):
    """Points of the plane by a codebook alone: no encoder, no decoder, one player.

    Args:
        codes: size of the codebook.
        restarts: whether codewords that are hardly used are put on a datum.
    """

    def __init__(self, codes: int, restarts: bool):
        super().__init__(pf.Reals((2,)))
        self.quantiser = pf.VectorQuantiser(codes, 2, DECAY, 0.1 if restarts else 0.0)

    def players(self) -> tuple[Player, ...]:
        """The codebook, which no gradient moves."""
        return (Player("codebook", self.quantiser, update=self.update),)

    def update(self, x: Tensor) -> Terms:
        """One step of the moving averages on a batch."""
        return self.quantiser.update(x)

    def sample(self, n: int) -> Tensor:
        """`n` codewords, drawn as often as they are used."""
        return self.quantiser.lookup(torch.multinomial(self.quantiser.usage, n, replacement=True))

    def cornered(self) -> Codes:
        """Puts all codewords into a corner, each as used as the others. Returns itself."""
        book = self.quantiser.codebook
        with torch.no_grad():
            book.mul_(0.35).add_(torch.tensor(CORNER))
            self.quantiser.usage.fill_(1 / len(book))
            self.quantiser.sums.copy_(book / len(book))
        return self


@lru_cache(64)
def learned(codes: int, restarts: bool, steps: int, data: str = "two moons") -> Run:
    """A codebook after so many steps."""
    started()
    found = SETS[data](4_000)
    run = Run(Codes(codes, restarts).cornered(), found, pf.Recipe(max(1, steps), BATCH))
    return run.go(steps)


def used(run: Run) -> Tensor:
    """How many test points choose each codeword, (codes,)."""
    quantiser = run.model.quantiser
    return torch.bincount(quantiser.nearest(run.data.test.tensors[0]), minlength=quantiser.codes)


def error(run: Run) -> float:
    """The mean squared distance of test points to their codewords."""
    x, quantiser = run.data.test.tensors[0], run.model.quantiser
    return (x - quantiser.lookup(quantiser.nearest(x))).square().sum(1).mean().item()


def panels(run: Run) -> list[Sheet]:
    """Cells, points and codewords; and the error over the steps."""
    return [_cells(run), _errors(run)]


def _cells(run: Run) -> Sheet:
    alive = used(run) > 0
    title = f"{int(alive.sum())} of {len(alive)} codewords are in use"
    figure, axis = square(title, REACH)
    at = torch.linspace(-REACH, REACH, 221)
    names = run.model.quantiser.nearest(torch.cartesian_prod(at, at)).reshape(221, 221).T
    axis.pcolormesh(
        at.numpy(), at.numpy(), (names % 20).numpy(), cmap="tab20", alpha=0.25, rasterized=True
    )
    dots(axis, run.data.test.tensors[0], DATA)
    book = run.model.quantiser.codebook.detach()
    dots(axis, book[~alive], "0.4", size=30)
    dots(axis, book[alive], MODEL, size=40)
    return figure


def _errors(run: Run) -> Sheet:
    figure, axis = panel(f"squared error: {error(run):.3f}")
    if run.history:
        steps = range(1, len(run.history) + 1)
        axis.plot(steps, run.terms("codebook/quantisation"), color=MODEL)
    axis.set(xlabel="step", yscale="log", ylim=(0.01, 50), xlim=(0, max(10, len(run.history))))
    return figure

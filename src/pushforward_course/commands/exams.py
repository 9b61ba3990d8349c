"""exam: tickets to print, and the examiner's page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

from tyro.conf import arg

Out = Annotated[Path, arg(aliases=["-o"])]


def tickets(
    count: int = 30,
    seed: int = 0,
    lectures: tuple[int, ...] = (),
    pdf: bool = False,
    out: Out = Path("exam"),
) -> None:
    """Writes tickets of 26 points: to print, with answers, and the examiner's page.

    Args:
        count: how many.
        seed: the same seed gives the same tickets.
        lectures: of these alone, at least four; all where none are given.
        pdf: prints them as PDF too, which needs Chromium.
        out: folder that receives them.
    """
    from ..exam.printing import written
    from ..exam.tickets import tickets as made

    for file in written(made(count, seed, lectures), out, seed, pdf):
        print(file)


def bank(out: Out = Path("bank.html")) -> None:
    """Writes all questions with model answers and rubrics.

    Args:
        out: an HTML page.
    """
    from ..exam.bank import bank as every
    from ..exam.printing import listed
    from ..pages import write

    print(write(out, listed(every())))


COMMANDS: dict[str, Callable] = {"tickets": tickets, "bank": bank}

"""Which model validated best, and whether training went on for too long."""

from __future__ import annotations

import warnings
from pathlib import Path

from ..core.checkpoint import load
from ..core.contract import Bounded, Density, Estimated, Generative
from .loop import Training
from .reports import Report, logged_until

BEST = "best.safetensors"
ADVICE = "keep the best by keep_best=True (--keep-best), or train for fewer steps"
TIMES = 3  # validations in a row that a rise is seen in: one is noise
RISE = 0.01, 0.05  # of the least loss, and of how far it had fallen: from there a rise is told


class Best:
    """Follows what a training validates to, and keeps the best model in a file of its own.

    Args:
        training: what is followed.
        folder: where `best.safetensors` is written; None keeps nothing.
        log: of the same training, from where it was put down; None where it begins here.
    """

    def __init__(self, training: Training, folder: Path | None, log: Path | None = None):
        self.training, self.folder = training, folder
        self.first: Report | None = None
        self.least: Report | None = None
        self.last: Report | None = None
        self.since: list[float] = []  # losses after the least
        for report in logged_until(log, training.step) if log else ():
            self._note(report)

    def see(self, report: Report) -> None:
        """Keeps the model as it is, where no earlier one validated as well."""
        if self._note(report) and self.folder is not None:
            self.training.write(self.folder / BEST)

    def _note(self, report: Report) -> bool:
        """Whether a report validates better than all others of its stage."""
        if report.validation_loss is None:
            return False
        if self.last is None or self.last.stage != report.stage:
            self.first, self.least = report, None  # another game, with a loss of its own
        self.last = report
        if self.least is not None and _held(report) >= _held(self.least):
            self.since.append(_held(report))
            return False
        self.least, self.since = report, []
        return True

    @property
    def result(self) -> Generative:
        """The model to use: the best, where it was kept, else the last."""
        if self.folder is None or not (self.folder / BEST).exists():
            return self.training.result
        return load(self.folder / BEST, self.training.model.device)

    def tell(self) -> None:
        """A warning where what bounds a likelihood was least on held-out data, and rose again."""
        known = isinstance(self.training.model, Density | Bounded | Estimated)
        if not known or self.first is None or self.least is None or self.last is None:
            return
        first, least, last = map(_held, (self.first, self.least, self.last))
        rise = max(RISE[0] * abs(least), RISE[1] * (first - least))
        if len(self.since) >= TIMES and min(self.since[-TIMES:]) - least > rise:
            kept = f"that model is in {self.folder / BEST}" if self.folder else ADVICE
            warnings.warn(
                f"the validation loss was least, {least:.4g}, at step {self.least.step}, and rose "
                f"to {last:.4g}: the model learns its data by heart; {kept}",
                stacklevel=3,
            )


def _held(report: Report) -> float:
    assert report.validation_loss is not None
    return report.validation_loss

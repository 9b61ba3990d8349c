"""A measured number, with all that it depends on printed beside it.

Two numbers of one metric can be compared only if they were measured alike: with the same
extractor (name and weights), the same resizing, as many samples, and the same settings. A FID of
10,000 samples is larger than that of 50,000 of the same model: the estimate is biased by its count
(Chong and Forsyth, 2020, arXiv:1911.07023), and another resize moves it by more than a better model
does (Parmar et al., 2022, arXiv:2104.11222).
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import NamedTuple

ALIKE = ("name", "extractor", "resize", "samples", "references", "settings")
ROUNDING = 1e-9  # of a value: what means of equal numbers differ by


class Interval(NamedTuple):
    """Where a number lies with probability `level`, and by which method that was found.

    >>> print(Interval(0.738, 0.827))
    95% interval 0.738 to 0.827 by bootstrap
    """

    low: float
    high: float
    level: float = 0.95
    method: str = "bootstrap"

    def __str__(self) -> str:
        return f"{self.level:.0%} interval {self.low:.4g} to {self.high:.4g} by {self.method}"


@dataclass(frozen=True)
class Measurement:
    """A value, its standard error and interval (None where none was estimated), its circumstances.

    `samples` and `references` are counts (0: the metric has none), `settings` what the metric was
    given (`k=3`), `notes` what a reader must know (a rank-deficient covariance).

    >>> print(Measurement("FID", 12.5, 0.25, samples=1000, references=1000, extractor="pixels"))
    FID 12.50 +- 0.25 (1000 samples, 1000 references, extractor pixels, resize none)
    >>> Measurement("SAP", 0.25, 1e-17).figure()
    '0.25'
    """

    name: str
    value: float
    stderr: float | None = None
    samples: int = 0
    references: int = 0
    extractor: str = "features as given"
    resize: str = "none"
    settings: str = ""
    notes: tuple[str, ...] = ()
    higher_is_better: bool = False
    interval: Interval | None = None

    def __post_init__(self) -> None:
        if math.isnan(self.value):
            raise ValueError(f"{self.name} is not a number: look for NaN in what was measured")

    def __str__(self) -> str:
        notes = "".join(f" [{note}]" for note in self.notes)
        reach = f", {self.interval}" if self.interval else ""
        return f"{self.name} {self.figure()}{reach} ({', '.join(self._about())}){notes}"

    def circumstances(self) -> str:
        """All that the number depends on, and what a reader must know, in a line."""
        return "; ".join([", ".join(self._about()), *self.notes])

    def _about(self) -> list[str]:
        counts = f"{self.samples} samples"
        counts += f", {self.references} references" if self.references else ""
        about = [counts, f"extractor {self.extractor}", f"resize {self.resize}"]
        return about + ([self.settings] if self.settings else [])

    def figure(self) -> str:
        """The number with as many digits as its standard error allows.

        An error of rounding's size is none: draws that agreed are told as one number.
        """
        if not self.stderr or self.stderr < ROUNDING * abs(self.value):
            return f"{self.value:.6g}"
        if not math.isfinite(self.stderr):
            return f"{self.value:.6g} +- {self.stderr}"
        digits = max(0, 1 - math.floor(math.log10(self.stderr)))
        return f"{self.value:.{digits}f} +- {self.stderr:.{digits}f}"

    def differences(self, other: Measurement) -> list[str]:
        """In what the circumstances of two measurements differ; empty where they agree."""
        pairs = ((field, getattr(self, field), getattr(other, field)) for field in ALIKE)
        return [f"{field}: {a!r} and {b!r}" for field, a, b in pairs if a != b]

    def compare(self, other: Measurement) -> tuple[float, float | None]:
        """This value less the other's, and the standard error of that where both have one.

        Raises ValueError when the two were not measured alike.
        """
        if differences := self.differences(other):
            raise ValueError(
                "these numbers cannot be compared, they differ in " + "; ".join(differences)
            )
        gap = self.value - other.value
        if self.stderr is None or other.stderr is None:
            return gap, None
        return gap, math.hypot(self.stderr, other.stderr)

    def __lt__(self, other: Measurement) -> bool:
        return self.compare(other)[0] < 0

    def __gt__(self, other: Measurement) -> bool:
        return self.compare(other)[0] > 0

    def record(self) -> dict:
        """What goes into a JSON file."""
        interval = self.interval._asdict() if self.interval else None
        return asdict(self) | {"notes": list(self.notes), "interval": interval}

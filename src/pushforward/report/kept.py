"""A row of the comparison that was measured once and lies in the checkpoint's own file.

What a model of the zoo reached is shown in a moment, also where drawing its samples anew would take
an hour; `pushforward evaluate` measures again.
"""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import Any

from torch import Tensor

from ..core.likelihood import Kind, Likelihood
from ..media.trained import ROW, Trained
from ..metrics.measurement import Interval, Measurement
from ..metrics.samples import SampleQuality
from ..metrics.surgery import Levels, Surgery
from ..training.reports import Report
from .row import Row

TENSORS = ("samples", "neighbours", "walk")
CURVE = 60  # reports of the training that are kept


def kept(row: Row, measured: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """A row as JSON and tensors, as a checkpoint's file holds them; `measured` says where."""
    every = max(1, len(row.history) // CURVE)
    record = {
        **row.record(),
        "about": row.about,
        "dims": row.likelihood.dims if row.likelihood else None,
        "history": [asdict(report) for report in row.history[::every]],
        "measured": measured,
    }
    found = {ROW + name: getattr(row, name) for name in TENSORS}
    return record, {name: tensor for name, tensor in found.items() if tensor is not None}


def revived(trained: Trained) -> Row | None:
    """The row that a checkpoint's file holds; None where it holds none."""
    record, shown = trained.record.get("row"), trained.shown
    if record is None:
        return None
    numbers = [_measurement(told) for told in record["numbers"].values()]
    own = len(SampleQuality._fields)
    return Row(
        name=trained.name,
        model=record["model"],
        family=record["family"],
        about=f"{record['about']} {record['measured']}".strip(),
        data=record["data"],
        likelihood=_likelihood(record["likelihood"], record["dims"]),
        quality=SampleQuality(*numbers[:own]),
        parameters=record["parameters"],
        train_seconds=record["train_seconds"],
        samples_per_second=record["samples_per_second"],
        seed=record["seed"],
        samples=shown["samples"],
        neighbours=shown["neighbours"],
        walk=shown.get("walk"),
        history=[Report(**report) for report in record["history"]],
        title=record["title"],
        further=tuple(numbers[own:]),
        surgery=_surgery(record["surgery"]),
        annealed=_likelihood(record["ais"], record["dims"]),
        measured_here=False,
    )


def _measurement(told: dict[str, Any]) -> Measurement:
    ends = told["interval"]
    interval = None if ends is None else Interval(**ends)
    return Measurement(**{**told, "notes": tuple(told["notes"]), "interval": interval})


def _likelihood(told: dict[str, Any] | None, dims: int | None) -> Likelihood | None:
    """A likelihood from its record, in the unit that it was told in."""
    if told is None or dims is None:
        return None
    scale = Likelihood(0.0, Kind(""), 0.0, 1, dims, told["unit"]).scale
    ends = None if told["interval"] is None else tuple(end / scale for end in told["interval"])
    name, _, inside = told["kind"].partition(" (")
    return Likelihood(
        told["value"] / scale,
        Kind(name, noun=inside.removesuffix(")")),
        told["stderr"] / scale,
        told["examples"],
        dims,
        told["unit"],
        ends,
    )


def _surgery(told: dict[str, Any] | None) -> Surgery | Levels | None:
    if told is None:
        return None
    kind: Any = Levels if "rates" in told else Surgery
    known = {f.name: told[f.name] for f in fields(kind)}
    return kind(**known | ({"rates": tuple(told["rates"])} if "rates" in told else {}))

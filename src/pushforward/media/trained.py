"""A checkpoint that was opened: the model, what it learned from and how, and what its samples are.

It is opened, verified and built once; whoever needs more of the same file is handed this.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from ..core import checkpoint
from ..core.blueprint import decode
from ..core.checkpoint import CheckpointError
from ..core.contract import Generative
from ..core.dataset import Dataset
from ..core.values import BlueprintError
from ..data.names import recorded_data
from . import medium_of
from .medium import Medium
from .zoo import PREFIX, is_zoo, located

ROW = "row."
"""Tensors of what was measured of a model (`report.kept`) are named so."""


@dataclass(frozen=True)
class Trained:
    """The model of the file `name` ("zoo:NAME" too), in eval mode, and the record beside it.

    `shown` are tensors of what was measured of it, where the file holds such.
    """

    name: str
    model: Any
    record: dict[str, Any]
    shown: dict[str, Tensor] = field(default_factory=dict)

    def beside(self, name: str) -> Path:
        """Where `name`, which is made from the model, belongs: beside its file, for one of the zoo
        in a folder of runs.
        """
        if is_zoo(self.name):
            return Path("runs") / self.name.removeprefix(PREFIX) / name
        return Path(self.name).with_name(name)

    @property
    def about(self) -> dict[str, Any]:
        """What the file says of the data that the model learned from; empty where nothing."""
        return self.record.get("data", {})

    @property
    def preset(self) -> str | None:
        """The preset that was trained, where it was one."""
        return self.record.get("preset")

    @property
    def recipe(self) -> Any:
        """The recipe that it was trained by; None for a model that was saved without one."""
        try:
            return decode(self.record["recipe"]) if "recipe" in self.record else None
        except BlueprintError as error:
            raise CheckpointError(f"the recipe in {self.name} makes no sense: {error}") from error

    @property
    def seconds(self) -> float | None:
        """How long it was trained, where that is known."""
        return self.record.get("training", {}).get("seconds")

    @property
    def medium(self) -> Medium:
        """How its samples are shown."""
        return medium_of(self.model.space, self.about)

    def data(self) -> Dataset:
        """The data that it learned from, as the model is told them.

        Raises ValueError where the file names none.
        """
        return recorded_data(self.name, self.about).told(self.model.given)


def opened(path: str | Path) -> Trained:
    """Opens a checkpoint: a file, or "zoo:NAME".

    Raises CheckpointError, as `pf.load` does, and for weights that are not finite; Usage for what
    the zoo has not.
    """
    file = checkpoint.read(located(path))
    model = checkpoint.restored(file)
    if not isinstance(model, Generative):
        raise CheckpointError(
            f"{path} holds a {type(model).__name__}, which is no generative model"
        )
    if (name := checkpoint.not_finite(model)) is not None:
        raise CheckpointError(
            f"the weight {name!r} in {path} is not finite: the model diverged, and has nothing to "
            "show. Train it again, with a lower learning rate or Recipe(clip=1.0)"
        )
    return Trained(str(path), model, file.record, file.part(ROW))

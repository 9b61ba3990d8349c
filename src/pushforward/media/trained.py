"""A checkpoint that was opened: the model, what it learned from and how, and what its samples are.

It is opened, verified and built once; whoever needs more of the same file is handed this.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core import checkpoint
from ..core.blueprint import decode
from ..core.checkpoint import CheckpointError
from ..core.contract import Generative
from ..core.dataset import Dataset
from ..core.values import BlueprintError
from ..data.names import recorded_data
from . import medium_of
from .medium import Medium


@dataclass(frozen=True)
class Trained:
    """The model of the file `name`, in eval mode, and the record that lies beside it."""

    name: str
    model: Any
    record: dict[str, Any]

    @property
    def path(self) -> Path:
        """Where the file is."""
        return Path(self.name)

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
    """Opens a checkpoint. Raises CheckpointError, as `pf.load` does, and for weights that are not
    finite.
    """
    file = checkpoint.read(path)
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
    return Trained(str(path), model, file.record)

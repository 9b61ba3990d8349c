"""Presets: functions that return an Experiment, found here by their names."""

from ..core.catalogue import presets as _presets
from ..core.names import found_later as _found_later


def _homes() -> dict[str, str]:
    return {
        name: preset.build.__module__.removeprefix(f"{__name__}.")
        for name, preset in _presets().items()
        if preset.build.__module__.startswith(f"{__name__}.")
    }


__getattr__, __dir__ = _found_later(__name__, _homes)

"""`pushforward zoo`: the checkpoints that were trained already, and where their files are."""

from __future__ import annotations

import json

from .flags import JSON


def zoo(as_json: JSON = False) -> None:
    """What the zoo has: sample, evaluate, compare and draw take zoo:NAME where they take a file."""
    from ..core.catalogue import presets
    from ..media.zoo import entries
    from .listing import reached

    known = presets()
    if as_json:
        print(json.dumps({name: entry._asdict() for name, entry in entries().items()}, indent=1))
        return
    for name, entry in entries().items():
        numbers = [vars(number) for number in known[name].reached] if name in known else []
        print(f"  {entry.bytes / 1e6:4.1f} MB  {reached(name, numbers)}")

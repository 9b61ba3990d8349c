"""`pushforward cache`: what is kept to be quick, and how to make it less."""

from __future__ import annotations

import json

from .flags import JSON


def cache(
    older_than: float | None = None, most: float | None = None, as_json: JSON = False
) -> None:
    """What the cache holds (decoded images, downloads, references); --older-than and --most prune.

    Args:
        older_than: remove what was not used for so many days.
        most: remove what is longest unused, until so many gigabytes are left; 0 empties the cache.
    """
    from ..data.cache import cache_folder
    from ..data.pruning import entries, pruned

    folder = cache_folder()
    removed = pruned(folder, older_than, None if most is None else round(most * 1e9))
    kept = entries(folder)
    if as_json:
        told = {
            what: [{"path": str(e.path), "bytes": e.size, "days": e.days} for e in found]
            for what, found in (("kept", kept), ("removed", removed))
        }
        print(json.dumps({"folder": str(folder), **told}, indent=1))
        return
    for entry in kept:
        place = entry.path.relative_to(folder)
        print(f"{entry.size / 1e6:10,.1f} MB  used {entry.days:.0f} days ago  {place}")
    freed = sum(entry.size for entry in removed) / 1e6
    print(f"{sum(entry.size for entry in kept) / 1e6:10,.1f} MB in {folder}")
    if removed:
        print(f"{freed:10,.1f} MB removed: {len(removed)} of {len(removed) + len(kept)}")

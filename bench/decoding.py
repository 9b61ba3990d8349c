"""How long MNIST takes to load: decoded from parquet (cold) and from the cache.

python bench/decoding.py
"""

from __future__ import annotations

import os
import statistics
import tempfile

from harness import seconds, write

import pushforward as pf


def main(repeats: int = 3) -> None:
    """Loads MNIST cold and cached in turn, each time from a new cache; writes the medians."""
    cold, cached = [], []
    for _ in range(repeats):
        with tempfile.TemporaryDirectory() as folder:
            os.environ["PUSHFORWARD_CACHE"] = folder
            cold.append(seconds(pf.data.mnist)[0])
            cached.append(seconds(pf.data.mnist)[0])
    record = {
        "images": 70_000,
        "cold_seconds": round(statistics.median(cold), 3),
        "cached_seconds": round(statistics.median(cached), 3),
        "times_faster": round(statistics.median(cold) / statistics.median(cached), 1),
        "repeats": repeats,
    }
    write("decoding", record, ("pyarrow", "pillow"))


if __name__ == "__main__":
    main()

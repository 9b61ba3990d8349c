"""`make torture`: hostile inputs of every kind, in processes of their own; docs/robustness.md.

    python tests/torture [KIND ...] [--seed 0] [--only SUBSTRING] [--show] [--write FILE]

A trial is held where it ends in 30 s, in 2 GB, with the right answer, or a refusal in words and a
documented exit code, and starts no program; never by a traceback or a signal.
"""

from __future__ import annotations

import argparse
import importlib
import os
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["HF_HUB_OFFLINE"] = "1"

from harness import held, tried

KINDS = {
    "images": 300,
    "arrays": 100,
    "sounds": 100,
    "texts": 100,
    "checkpoints": 200,
    "commands": 200,
    "kills": 200,
    "disks": 50,
}


def tortured(kind: str, n: int, options: argparse.Namespace) -> tuple[int, int, float]:
    """Tries `n` inputs of a kind: how many were tried and held, and in how many seconds."""
    start, count, good = time.monotonic(), 0, 0
    draw = random.Random(f"{kind} {options.seed}")
    top = Path(tempfile.mkdtemp(prefix="torture-"))
    os.environ["PUSHFORWARD_CACHE"] = str(top / "cache")
    os.chdir(top)
    try:
        for i, trial in enumerate(importlib.import_module(f"{kind}").trials(draw, n)):
            if options.only and options.only not in trial.name:
                continue
            end = tried(trial, top / f"{i}")
            why = held(trial, end)
            count, good = count + 1, good + (why is None)
            if why is not None or options.show:
                told = f"{end.seconds:.1f} s, {end.memory / 2**20:.0f} MB, exit {end.code}"
                print(f"{kind} {i} ({trial.name}): {why or 'held'} [{told}]", flush=True)
                if options.show:
                    print("    " + end.said.strip().replace("\n", "\n    ")[-1500:])
            shutil.rmtree(top / f"{i}", ignore_errors=True)
            shutil.rmtree(top / "cache", ignore_errors=True)
    finally:
        os.chdir("/")
        shutil.rmtree(top, ignore_errors=True)
    return count, good, time.monotonic() - start


def main() -> None:
    """Tries what was asked for, and prints and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kinds", nargs="*", choices=[[], *KINDS], metavar="KIND")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--n", type=int, help="so many of each kind")
    parser.add_argument("--only", help="trials whose names have this in them")
    parser.add_argument("--show", action="store_true", help="what every trial said")
    options = parser.parse_args()
    from pushforward.core.catalogue import discover

    discover()
    failed = 0
    print("| inputs | tried | held | seconds |\n|---|---|---|---|")
    for kind in options.kinds or KINDS:
        count, good, seconds = tortured(kind, options.n or KINDS[kind], options)
        failed += count - good
        print(f"| {kind} | {count} | {good} | {seconds:.0f} |", flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()

"""Time two ways of doing one thing side by side in one run, and write down what was seen.

ratio = harness.alternate(ours, theirs, repeats=5)
harness.write("frechet", {"against scipy": ratio})
"""

from __future__ import annotations

import gc
import json
import os
import platform
import resource
import shlex
import sys
import time
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from statistics import median

import torch

REST = 0.2  # seconds before a turn: idle threads of another BLAS spin on the cores for a while
ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "results"


def seconds(run: Callable[[], object]) -> tuple[float, float]:
    """How long one call takes by the clock, the device's queue included, and of the processor.

    Garbage is collected before and not during it, as Python's `timeit` has it.
    """
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    gc.collect()
    time.sleep(REST)
    gc.disable()
    try:
        start, worked = time.perf_counter(), time.process_time()
        run()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        return time.perf_counter() - start, time.process_time() - worked
    finally:
        gc.enable()


def alternate(
    ours: Callable[[], object], theirs: Callable[[], object], repeats: int = 5, warmup: int = 1
) -> dict:
    """Runs A B A B ...; how many times faster `ours` is: median of the pairs, and their spread.

    On a machine that others use, processor time (of all threads) says more than the clock.
    """
    for _ in range(warmup):
        ours(), theirs()
    pairs = [(seconds(ours), seconds(theirs)) for _ in range(repeats)]
    clock, processor = ([(a[i], b[i]) for a, b in pairs] for i in (0, 1))
    return {**ratio(clock), "processor": ratio(processor), "repeats": repeats}


def against_slow(
    ours: Callable[[], object], theirs: Callable[[], object], runs: int = 5, rounds: int = 1
) -> dict:
    """Ours several times in a row, theirs (minutes) once in each round: ratios to ours' mean."""
    ours()
    pairs = []
    for _ in range(rounds):
        turns = sorted(seconds(lambda: [ours() for _ in range(runs)]) for _ in range(3))
        pairs.append(([t / runs for t in turns[1]], seconds(theirs)))
    clock, processor = ([(a[i], b[i]) for a, b in pairs] for i in (0, 1))
    repeats = [3 * runs * rounds, rounds]
    return {**ratio(clock), "processor": ratio(processor), "repeats": repeats}


def ratio(pairs: list[tuple[float, float]]) -> dict:
    """Median and spread of theirs / ours over pairs of seconds, and the medians of both."""
    ratios = [b / max(a, 1e-9) for a, b in pairs]
    return {
        "times_faster": round(median(ratios), 3),
        "spread": [round(min(ratios), 3), round(max(ratios), 3)],
        "our_seconds": round(median(a for a, _ in pairs), 4),
        "their_seconds": round(median(b for _, b in pairs), 4),
    }


def peak_memory() -> int:
    """The largest resident memory of this process so far, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def hardware() -> dict:
    """What it ran on, and how busy that was."""
    names = Path("/proc/cpuinfo")
    lines = names.read_text().splitlines() if names.exists() else []
    cpu = next((line.split(": ")[1] for line in lines if line.startswith("model name")), "")
    return {
        "cpu": cpu or platform.processor(),
        "cores": os.cpu_count(),
        "torch_threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "load_average": [round(x, 2) for x in os.getloadavg()],
    }


def versions(*names: str) -> dict[str, str]:
    """Versions of Python, torch and the packages named."""
    from importlib.metadata import version

    return {"python": platform.python_version(), **{n: version(n) for n in ("torch", *names)}}


def _seen_from_here(argument: str) -> str:
    """A path into this repository as it is called from its root; all else as it stands."""
    path = Path(argument).absolute()
    return str(path.relative_to(ROOT)) if path.exists() and path.is_relative_to(ROOT) else argument


def write(name: str, record: dict, packages: tuple[str, ...] = ()) -> Path:
    """Writes results/NAME.json: the record with command, time, hardware and versions."""
    about = {
        "command": shlex.join(["python", *map(_seen_from_here, sys.argv)]),
        "when": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "hardware": hardware(),
        "versions": versions(*packages),
    }
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps({**about, **record}, indent=2) + "\n")
    print(path.read_text())
    return path

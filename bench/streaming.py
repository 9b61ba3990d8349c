"""Streamed images against the same images in memory: steps a second, and resident memory.

    python bench/streaming.py make FOLDER --n 200000     # generated images, in tars
    python bench/streaming.py measure FOLDER             # writes results/streaming.json

Both trainings are of one model by one recipe, by turns. Memory is that of this process and of its
readers: each page counts once (PSS, Linux), as they share what they were forked with.
"""

from __future__ import annotations

import argparse
import io
import os
import tarfile
import time
from pathlib import Path
from statistics import median

import harness
import numpy as np
import torch
from PIL import Image

import pushforward as pf

SIDE, SHARD = 32, 10_000


def make(top: Path, n: int) -> None:
    """`n` smooth colour images as JPEG, in tars of `SHARD`."""
    top.mkdir(parents=True, exist_ok=True)
    for first in range(0, n, SHARD):
        with tarfile.open(top / f"part-{first // SHARD:04}.tar", "w") as tar:
            for i in range(first, min(n, first + SHARD)):
                content = _image(i)
                info = tarfile.TarInfo(f"{i:08}.jpg")
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))


def _image(i: int) -> bytes:
    coarse = np.random.RandomState(i).randint(256, size=(4, 4, 3)).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(coarse).resize((SIDE, SIDE), Image.Resampling.BICUBIC).save(stream, "JPEG")
    return stream.getvalue()


def training(data: pf.Dataset, steps: int) -> pf.Training:
    """A small diffusion, which is what large sets of images are trained with."""
    torch.manual_seed(0)
    net = pf.UNet(3, width=16, multipliers=(1, 2), blocks=1)
    recipe = pf.Recipe(steps, 64, report_every=max(1, steps // 10), validate_every=0)
    return pf.Training(pf.DDPM(data.space, net, 1000), data, recipe)


def pss() -> float:
    """MB of this process and its children."""
    mine = os.getpid()
    children = Path(f"/proc/{mine}/task/{mine}/children").read_text().split()
    return sum(_pss(pid) for pid in (str(mine), *children))


def _pss(pid: str) -> float:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("Pss:")).split()[1]) / 1024


def stretch(data: pf.Dataset, steps: int) -> dict:
    """Steps a second of a training behind its first report, and memory in MB at each report."""
    memory, times = [], []
    for _ in training(data, steps):
        memory.append(round(pss()))
        times.append(time.perf_counter())
    return {
        "steps_per_second": round(steps * (1 - 1 / len(times)) / (times[-1] - times[0]), 3),
        "memory_mb": memory,
    }


def measure(top: Path, steps: int, repeats: int) -> dict:
    """Streamed and in memory by turns; how long the first look at all images takes."""
    begin, ways = time.perf_counter(), {}
    ways["streamed"] = pf.data.shards(top, size=SIDE, stream=True)
    looked = time.perf_counter() - begin
    found: dict[str, list] = {"streamed": [], "in memory": []}
    found["streamed"].append(stretch(ways["streamed"], steps))  # before anything else is in memory
    ways["in memory"] = pf.data.shards(top, size=SIDE, stream=False)
    for _ in range(repeats):
        for way, data in ways.items():
            found[way].append(stretch(data, steps))
    speed = {way: median(r["steps_per_second"] for r in runs) for way, runs in found.items()}
    return {
        "examples": sum(
            len(getattr(ways["streamed"], part)) for part in ("train", "validation", "test")
        ),
        "batch": 64,
        "first look seconds": round(looked, 1),
        "throughput of that in memory": round(speed["streamed"] / speed["in memory"], 3),
        "runs": found,
    }


def main() -> None:
    """Makes images, or measures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("make", "measure"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--n", type=int, default=200_000)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    if given.what == "make":
        make(given.folder, given.n)
        return
    harness.write("streaming", measure(given.folder, given.steps, given.repeats), ("pillow",))


if __name__ == "__main__":
    main()

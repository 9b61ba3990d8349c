"""Disks that are full: while images are decoded, a training saves, samples and pages are written.

As root, on a tmpfs of a few pages, which is made larger afterwards; else under a limit on the size
of files, which the system tells in the same way.
"""

from __future__ import annotations

import os
import random
import resource
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from harness import End, Trial, as_command, command, looked_at, tried
from PIL import Image

SAID = ("No space left on device", "File too large", "is full", "os error 28", "os error 27")
Deed = Callable[[Path, Path], Callable[[], None]]


def can_mount() -> bool:
    """Whether this user may have disks of their own."""
    try:
        with disk(Path("probe"), 64):
            return True
    except (OSError, subprocess.CalledProcessError):
        return False


@contextmanager
def disk(place: Path, kilobytes: int) -> Iterator[Path]:
    """A tmpfs at a place."""
    place.mkdir(parents=True, exist_ok=True)
    _system("mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(place))
    try:
        yield place
    finally:
        _system("umount", str(place))


def _system(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True)


def photographs(top: Path) -> None:
    """Forty images that nothing compresses."""
    top.mkdir(exist_ok=True)
    noise = np.random.RandomState(0)
    for i in range(40):
        Image.fromarray(noise.randint(0, 256, (48, 48, 3), np.uint8)).save(top / f"{i}.png")


def decode(top: Path, space: Path) -> Callable[[], None]:
    """Decodes into a cache on the disk."""

    def act() -> None:
        os.environ["PUSHFORWARD_CACHE"] = str(space / "cache")
        looked_at(f"folder:{top / 'photographs'}?size=32")()

    return act


def train(top: Path, space: Path) -> Callable[[], None]:
    """Trains into a folder on the disk, or goes on there."""
    return as_command(lambda: _fit(space / "run"))


def _fit(out: Path) -> None:
    import pushforward as pf
    from pushforward.training.fit import CHECKPOINT

    torch.manual_seed(0)
    data, model = pf.data.digits(), pf.Independent(pf.data.digits().space)
    recipe = pf.Recipe(20, 32, report_every=1, save_every=2, validate_every=0)
    pf.fit(model, data, recipe, out, quiet=True, resume=(out / CHECKPOINT).exists())


def draw_samples(top: Path, space: Path) -> Callable[[], None]:
    """Draws samples to the disk."""
    checkpoint = str(top / "run" / "checkpoint.safetensors")
    return command("sample", checkpoint, "--n", "4000", "--out", str(space / "out" / "x"))


def measure(top: Path, space: Path) -> Callable[[], None]:
    """Writes a page to the disk, and references to a cache there."""

    def act() -> None:
        os.environ["PUSHFORWARD_CACHE"] = str(space / "cache")
        checkpoint = str(top / "run" / "checkpoint.safetensors")
        command("evaluate", checkpoint, "--samples", "50", "--out", str(space / "page"))()

    return act


DEEDS: dict[str, tuple[Deed, int]] = {
    "decoding": (decode, 150),
    "training": (train, 120),
    "sampling": (draw_samples, 300),
    "measuring": (measure, 200),
}
"""What is done, and about how many kilobytes it needs."""


def trials(draw: random.Random, n: int) -> Iterator[Trial]:
    """`n` disks; afterwards there is room, the same is done again, and done."""
    top = Path("made").resolve()
    top.mkdir()
    photographs(top / "photographs")
    tried(Trial("made", train(top, top)), top / "scratch")
    mountable, deeds = can_mount(), list(DEEDS)
    for i in range(n):
        name = deeds[i % len(deeds)]
        room = draw.randrange(4, DEEDS[name][1])
        yield from (_on_disk if mountable else _limited)(top / f"disk{i}", name, room)


def _on_disk(space: Path, name: str, room: int) -> Iterator[Trial]:
    deed = DEEDS[name][0]
    with disk(space, room):
        yield Trial(f"{name} on {room} kB", deed(space.parent, space), _then(space, deed, True))


def _limited(space: Path, name: str, room: int) -> Iterator[Trial]:
    deed = DEEDS[name][0]
    space.mkdir()

    def act() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (room * 256, resource.RLIM_INFINITY))
        deed(space.parent, space)()

    yield Trial(f"{name} with files of {room // 4} kB", act, _then(space, deed, False))


def _then(space: Path, deed: Deed, mounted: bool) -> Callable[[End], str | None]:
    """It was done, or refused for want of room; nothing half is left, and with room it is done."""

    def judge(end: End) -> str | None:
        if end.code and not any(said in end.said for said in SAID):
            return f"it does not say that the disk is full: {end.said.strip()[-300:]}"
        if mounted:
            _system("mount", "-o", "remount,size=64m", str(space))
        left = [str(path) for path in space.rglob(".part-*")]
        if left:
            return f"{left} was left"
        again = tried(Trial("again", deed(space.parent, space)), space.parent / "again")
        if again.code and (end.code or "exists: " not in again.said):
            return f"with room it is not done either: {again.said.strip()[-300:]}"
        return None

    return judge

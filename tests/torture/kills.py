"""Trainings that are killed at random moments, and taken up again until they are done."""

from __future__ import annotations

import hashlib
import random
import shutil
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import torch
from harness import End, Trial, tried

STEPS = 60
GAMES = ("maf", "wgan_gp", "vq_vae", "vae")
"""Maximum likelihood; two players; two stages, with a codebook that counts; a bound with draws."""


def train(kind: str, out: Path) -> None:
    """Trains into a folder, or goes on there; prints what the weights are at the end."""
    import pushforward as pf
    from pushforward.core.catalogue import examples
    from pushforward.training.fit import CHECKPOINT

    torch.set_num_threads(1)
    example = examples()[kind]
    data: Any = pf.data.find(example.data)
    torch.manual_seed(0)
    model = example.build()
    recipe = pf.Recipe(STEPS, 32, ema=0.9, report_every=2, save_every=3, validate_every=15)
    going = (out / CHECKPOINT).exists()
    model = pf.fit(model, data.told(model.given), recipe, out, quiet=True, resume=going)
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(name.encode() + tensor.detach().contiguous().numpy().tobytes())
    print(f"weights {digest.hexdigest()}")


@cache
def expected(kind: str) -> tuple[str, float]:
    """The weights of a training that nobody kills, and how long it takes."""
    start = time.monotonic()
    end = tried(Trial("whole", lambda: train(kind, Path("run"))), Path("whole") / kind)
    return end.said.strip().splitlines()[-1], time.monotonic() - start


def trials(draw: random.Random, n: int) -> Iterator[Trial]:
    """`n` kills, one to four in a row of each training."""
    left = n
    while left > 0:
        kind = GAMES[left % len(GAMES)]
        weights, seconds = expected(kind)
        out = Path(f"run-{kind}-{left}").resolve()
        for _ in range(min(left, draw.randint(1, 4))):
            left -= 1
            yield _killed(kind, out, weights, draw.uniform(0, 0.9 * seconds))


def _killed(kind: str, out: Path, weights: str, moment: float) -> Trial:
    act: Callable[[], None] = lambda: train(kind, out)  # noqa: E731
    return Trial(f"{kind} after {moment:.2f} s", act, _then(kind, out, weights), moment)


def _then(kind: str, out: Path, weights: str) -> Callable[[End], str | None]:
    """A copy of what is left goes on to the same weights, and leaves nothing beside them."""

    def judge(end: End) -> str | None:
        if end.code >= 0:  # it was done before it was killed
            return None if weights in end.said else f"exit {end.code}: {end.said.strip()[-300:]}"
        copy = out.with_name(f"{out.name}-copy")
        if out.exists():
            shutil.copytree(out, copy)
        last = tried(Trial("on", lambda: train(kind, copy)), out.with_name("going-on"))
        if weights not in last.said:
            return f"it did not come to the same weights: {last.said.strip()[-300:]}"
        left, steps = sorted(path.name for path in copy.iterdir()), _steps(copy / "log.jsonl")
        shutil.rmtree(copy)
        if left != ["checkpoint.safetensors", "log.jsonl"]:
            return f"it left {left}"
        return None if steps == list(range(2, STEPS + 1, 2)) else f"its log tells of steps {steps}"

    return judge


def _steps(log: Path) -> list[int]:
    from pushforward.training.reports import logged

    return [report.step for report in logged(log)]

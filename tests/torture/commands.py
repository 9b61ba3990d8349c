"""Command lines that people and machines type: wrong words, values, places, names and terminals."""

from __future__ import annotations

import io
import os
import random
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from harness import NAMES, Trial, command, refused, taken, tried

COMMANDS = (*("train", "sample", "evaluate", "compare", "draw", "list", "show", "check", "cache"),)
FLAGS = (
    *("--n", "--out", "--label", "--partial", "--seed", "--batch-size", "--file", "--force"),
    *("--data", "--k", "--samples", "--features", "--ais", "--steps", "--width", "--resume"),
    *("--device", "--quiet", "--json", "--most", "--older-than", "--classes-from", "--help"),
    *("-h", "--", "-", "--nonsense"),
)
VALUES = (
    *("0", "-1", "1", "3", "1e9", "99999999999999999999", "nan", "inf", "", " ", "None", "True"),
    *("x", "cuda:99", "cpu", "digits", "digits?x=1", "digits?levels=0", "mnist?binarise=x"),
    *("folder:", "folder:nowhere", "folder:/dev", "hub:x", "hub:../..", "text:", "array:x", "[]"),
    *("../..", "/", "/dev/null", "/dev/full", "/proc/self/mem", "a\tb", "🙂", "\udcff"),
)
PLACES = (
    *("nowhere.safetensors", "/dev/null", "/", ".", "..", "", "made/run/checkpoint.safetensors"),
    *("made/x.py", "made/broken.py", "made", "\udcff.safetensors", "a" * 300),
)
FIRST = {
    "train": (
        *("independent_digits", "made_digits", "gmm_moons", "made/x.py:round_one", "nothing"),
        *("made/x.py:nothing", "made/x.py:torch", "x:y", ":", "made/broken.py:x"),
    ),
    "draw": ("kl-directions", "divergences-of-a-shift", "nothing", "traversal"),
    "show": ("independent_digits", "made", "nothing", ""),
}
GOOD = '''
import torch
import pushforward as pf

class Round(pf.Density):
    """One Gaussian."""
    def __init__(self):
        super().__init__(pf.Reals((2,)))
        self.mean = torch.nn.Parameter(torch.full((2,), 3.0))
    def log_prob(self, x):
        return torch.distributions.Normal(self.mean, 1.0).log_prob(x).sum(1)
    def sample(self, n):
        return self.mean + torch.randn(n, 2, device=self.device, dtype=self.dtype)

@pf.example(data="moons?n=200")
def {function}():
    """The smallest."""
    return Round()
'''
EXAMPLE = "import pushforward as pf\n@pf.example(data={data!r})\ndef a():\n    {body}\n"
BROKEN = {
    "half a line": "def (",
    "a name that is none": "x = y",
    "a division by zero": "1 / 0",
    "an exit": "raise SystemExit('enough')",
    "an import of nothing": "import nothing_at_all",
    "much depth": "(" * 500,
    "zeros": "\0",
    "nothing": "",
    "wrong indents": "if 1:\nx",
    "an abstract class": "import pushforward as pf\nclass A(pf.Density):\n    pass\n"
    + EXAMPLE.format(data="moons", body="return A()"),
    "a builder that fails": EXAMPLE.format(data="moons", body="raise KeyError('x')"),
    "a builder of numbers": EXAMPLE.format(data="moons", body="return 3"),
    "data that are none": EXAMPLE.format(data="nothing", body="return pf.GMM(2)"),
    "data of another space": EXAMPLE.format(data="digits", body="return pf.GMM(2)"),
}


def trials(draw: random.Random, n: int) -> Iterator[Trial]:
    """`n` of them: lines with a known end, and random words."""
    made = Path("made").resolve()
    prepare(made)
    known = [*helps(), *files(), *names(made), *terminals(made)]
    yield from known[:n]
    for _ in range(len(known), n):
        words = random_words(draw)
        yield Trial(" ".join(map(repr, words))[:150], _beside(made, words))


def prepare(made: Path) -> None:
    """A checkpoint, and files of the user's."""
    made.mkdir()
    act = command("train", "independent_digits", "--out", str(made / "run"), "--quiet")
    assert tried(Trial("made", act), Path("scratch")).code == 0
    (made / "x.py").write_text(GOOD.format(function="round_one"))
    (made / "broken.py").write_text("x = y\n")


def helps() -> Iterator[Trial]:
    """What tells how to go on."""
    lines = [["--help"], ["-h"], ["list"], ["list", "--json"], ["cache"], []]
    lines += [["show", "independent_digits"], *([name, "--help"] for name in COMMANDS)]
    for words in lines:
        yield Trial(" ".join(words) or "no word", command(*words), taken if words else _any)


def _any(end: object) -> None:
    return None


def files() -> Iterator[Trial]:
    """Files of users that cannot be run, and such that are called like modules of others."""
    for what, text in BROKEN.items():
        for words in (["check", "mine.py"], ["train", "mine.py:a", "--quiet"]):
            yield Trial(
                f"{words[0]} of a file with {what}", _file("mine.py", text, words), refused()
            )
    for name in (
        "random",
        "json",
        "torch",
        "numbers",
        "site",
        "pushforward",
        "typing",
        "a.b",
        "🙂",
    ):
        text = GOOD.format(function="gmm")
        check = _file(f"{name}.py", text, ["check", f"{name}.py"])
        yield Trial(f"check {name}.py, with an example called as one of ours", check, taken)


def _file(name: str, text: str, words: list[str]) -> Callable[[], None]:
    def act() -> None:
        Path(name).write_text(text)
        before = dict(sys.modules)
        try:
            command(*words)()
        finally:
            stem = name.removesuffix(".py")
            assert sys.modules.get(stem) is before.get(stem), f"{stem} was replaced"

    return act


def names(made: Path) -> Iterator[Trial]:
    """Results that are called as nobody expects."""
    checkpoint = str(made / "run" / "checkpoint.safetensors")
    for name in NAMES[:20]:
        words = ("sample", checkpoint, "--n", "2", "--out", f"./{name}")
        yield Trial(f"samples to {name!r}", command(*words), taken)
        out = ("train", "independent_digits", "--quiet", f"--out=./{name}")
        yield Trial(f"a training to {name!r}", command(*out), taken)


def terminals(made: Path) -> Iterator[Trial]:
    """Outputs that know few letters, are closed, or full."""
    checkpoint = str(made / "run" / "checkpoint.safetensors")
    emoji = ["sample", checkpoint, "--n", "2", "--out", "🙂[red]"]
    for encoding in ("ascii", "latin-1", "cp1252", "shift_jis"):
        for words in (["list"], emoji, ["show", "🙂"], ["evaluate", "\udcff"], ["draw"]):
            act = _on(encoding, 1, words)
            yield Trial(f"{words[0]} on a terminal of {encoding}", act)
        train = ["train", "independent_digits", "--out", "🙂[red]"]
        yield Trial(f"train on a terminal of {encoding}", _on(encoding, 1, train), taken)
    yield Trial("a closed output", _closed(["list"]), _any)
    yield Trial("a full output", _on("utf-8", None, ["list"]), _any)


def random_words(draw: random.Random) -> list[str]:
    """A line that is nearly right, or not at all."""
    name = draw.choice([*COMMANDS, *COMMANDS, "tran", "", "-", "🙂"])
    first = FIRST.get(name, PLACES)
    words = [name, *([draw.choice(first)] if draw.random() < 0.9 else [])]
    for _ in range(draw.randint(0, 3)):
        words.append(draw.choice(FLAGS))
        if draw.random() < 0.8:
            words.append(draw.choice(VALUES))
    short = {"train": ["--steps", "2", "--quiet"], "compare": ["--help"]}
    return [*words, *short.get(name, [])]


def _beside(made: Path, words: list[str]) -> Callable[[], None]:
    """A line in a folder where there are copies of the files."""

    def act() -> None:
        shutil.copytree(made, "made")
        command(*words)()

    return act


def _on(encoding: str, stream: int | None, words: list[str]) -> Callable[[], None]:
    """A line whose output goes to a terminal of that encoding, or to a full disk."""

    def act() -> None:
        full = os.open("/dev/full", os.O_WRONLY) if stream is None else stream
        sys.stdout, sys.stderr = (  # as Python opens them
            io.TextIOWrapper(
                io.FileIO(where, "w", closefd=False), encoding, errors, write_through=True
            )
            for where, errors in ((full, "strict"), (2, "backslashreplace"))
        )
        command(*words)()

    return act


def _closed(words: list[str]) -> Callable[[], None]:
    def act() -> None:
        reader, writer = os.pipe()
        os.close(reader)
        os.dup2(writer, 1)
        sys.stdout = io.TextIOWrapper(io.FileIO(1, "w", closefd=False), write_through=True)
        command(*words)()

    return act

"""Breaks formulas of the library one at a time, to see whether a test notices: `make mutants`.

Mutants stand in the text files beside this one, a block each, with an empty line between:

    objectives/variational.py: what is wrong now
    - old text, which is there exactly once
    + new text
    by latent/test_vae.py -k rate

The last line is what pytest is given: the tests that should fail. They are run on the library as it
is first, where they must pass. Each run is a process of its own, forked off one that has imported
torch, in a copy of the repository, without slow tests. The exit status is 1 where less than 95 % of
the mutants are caught.

    python tests/mutants/mutation.py objectives spline  # those that name one of these
"""

from __future__ import annotations

import argparse
import compileall
import importlib
import os
import re
import shlex
import shutil
import signal
import sys
import tempfile
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from py_compile import PycInvalidationMode

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
LIBRARY = Path("src/pushforward")
ENOUGH = 0.95
SECONDS = 300  # what takes longer does not end: a mutant, too, that somebody would notice
PRELOADED = ["torch", "pytest", "einops", "scipy.stats", "scipy.optimize"]
PRELOADED += ["sklearn.mixture", "sklearn.ensemble", "torch.distributions", "torch._dynamo"]
QUIET = ["-x", "-q", "--tb=line", "-p", "no:cacheprovider", "-m", "not slow and not browser"]
PASSED, FAILED, INTERRUPTED = 0, 1, 2  # pytest's exit codes; the last for tests without import


@dataclass(frozen=True)
class Mutant:
    """A text of one of the library's files put in the place of another."""

    room: str
    path: str
    what: str
    old: str
    new: str
    tests: str

    @property
    def file(self) -> Path:
        return LIBRARY / self.path

    @property
    def arguments(self) -> list[str]:
        """What pytest is given: paths, seen from the repository's root, and options."""
        return [f"tests/{a}" if ".py" in a else a for a in shlex.split(self.tests)]

    def mutated(self, text: str) -> str:
        """`text` with the fault. Raises ValueError where the old text is not there just once."""
        if text.count(self.old) != 1 or self.old == self.new:
            found = text.count(self.old)
            raise ValueError(f"{self.path} has this text {found} times, not once:\n{self.old}")
        return text.replace(self.old, self.new)


def mutants() -> list[Mutant]:
    """All of them, file by file."""
    return [
        parsed(file.stem, block)
        for file in sorted(HERE.glob("*.txt"))
        for block in re.split(r"\n{2,}", file.read_text().strip("\n"))
    ]


def parsed(room: str, block: str) -> Mutant:
    """A block of text. Raises ValueError for one of another form."""
    head, *lines = block.split("\n")
    path, _, what = head.partition(": ")
    old, new = ("\n".join(v[2:] for v in lines if v[:2] == sign) for sign in ("- ", "+ "))
    tests = [line[3:] for line in lines if line.startswith("by ")]
    if not (path and what and old and len(tests) == 1):
        raise ValueError(f"{room}.txt has a block that is no mutant:\n{block}")
    return Mutant(room, path, what, old, new, tests[0])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("words", nargs="*", help="of the mutants to run; all where there is none")
    parser.add_argument("--quick", action="store_true", help="believe that the tests pass without")
    parser.add_argument("--after", type=int, default=0, help="leave so many of the mutants out")
    given = parser.parse_args()
    words = given.words
    chosen = [
        m
        for m in mutants()
        if not words or any(w in f"{m.room} {m.path} {m.what} {m.tests}" for w in words)
    ]
    if given.quick:
        SOUND.update((m.tests, True) for m in chosen)
    for name in PRELOADED:
        importlib.import_module(name)
    with tempfile.TemporaryDirectory() as folder:
        copied(Path(folder))
        caught = [tried(mutant, Path(folder)) for mutant in chosen[given.after :]]
    print(f"{sum(caught)} of {len(caught)} mutants were caught")
    return 0 if caught and sum(caught) >= ENOUGH * len(caught) else 1


def copied(folder: Path) -> None:
    """The repository's sources and tests, compiled so that only what changes is compiled again."""
    ignored = shutil.ignore_patterns("__pycache__")
    for part in ("src", "tests", "examples", "results", "docs"):
        shutil.copytree(ROOT / part, folder / part, ignore=ignored)
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, folder)
    mode = PycInvalidationMode.CHECKED_HASH  # times are too coarse for a file changed twice
    compileall.compile_dir(folder / "src", quiet=1, invalidation_mode=mode)


SOUND: dict[str, bool] = {}  # whether tests pass on the library as it is


def tried(mutant: Mutant, folder: Path) -> bool:
    """Prints a line, and says whether a test failed that passes without the mutant."""
    if mutant.tests not in SOUND:
        SOUND[mutant.tests] = run(mutant.arguments, folder)[0] == PASSED
    file = folder / mutant.file
    sound = file.read_text()
    file.write_text(mutant.mutated(sound))
    code, log, seconds = run(mutant.arguments, folder)
    file.write_text(sound)
    caught = SOUND[mutant.tests] and code != PASSED
    found = re.search(r"^(?:FAILED|ERROR) (?:[^\s:]*/)?(\S+)", log, re.MULTILINE)
    how = f"by {found[1]}" if found else f"by exit code {code}"
    how = how if SOUND[mutant.tests] else "NOT RUN: the tests do not pass without it"
    how = "SURVIVED" if code == PASSED else how
    name = f"{mutant.path}: {mutant.what}"
    print(f"{name:<110} {seconds:5.1f} s  {how}", flush=True)
    return caught


def run(arguments: list[str], folder: Path) -> tuple[int, str, float]:
    """pytest in a process of its own: exit code, what it printed, seconds."""
    log, since = folder / "log.txt", time.monotonic()
    child = os.fork()
    if not child:
        tested(arguments, folder, log)
    code = None
    while code is None:
        done, status = os.waitpid(child, os.WNOHANG)
        code = os.waitstatus_to_exitcode(status) if done else None
        if code is None and time.monotonic() - since > SECONDS:
            os.kill(child, signal.SIGKILL)
        time.sleep(0.05)
    if code > INTERRUPTED:
        print(f"pytest could not run {arguments}:\n{log.read_text()}", flush=True)
    return code, log.read_text(), time.monotonic() - since


def tested(arguments: list[str], folder: Path, log: Path) -> None:
    """What the forked process does: never returns."""
    code = 70
    try:
        out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        for stream in (1, 2):
            os.dup2(out, stream)
        os.chdir(folder)
        sys.path.insert(0, str(folder / "src"))
        os.environ["PYTHONPATH"] = str(folder / "src")
        sys.dont_write_bytecode = True
        code = int(importlib.import_module("pytest").main([*QUIET, *arguments]))
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush(), sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    sys.exit(main())

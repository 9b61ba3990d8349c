"""Writes down which tests take seconds, from a run that told how long each took.

    python -m pytest -n 2 --durations=0 tests src > durations.txt
    python tests/seconds.py durations.txt  # of several runs what was slow in one of them

What takes a second or more is left out of `make check` by tests/seconds.txt, and no test is named
there by hand. Of a model that is slow to train all laws are slow which look at it trained:
whichever comes first pays for the others.
"""

import re
import sys
from collections import Counter
from pathlib import Path

from pushforward.laws import LAWS

LIMIT = 1.0  # seconds
TIMED = re.compile(r"([\d.]+)s (?:call|setup)\s+(\S.*?)\s*$")
LAW = re.compile(r"(.*::test_law\[.+)-(\w+)\]")
TRAINED = {name for name, law in LAWS.items() if "trained" in law.__code__.co_names}


def slow(lines):
    """Ids of the tests that took long, sorted."""
    seconds = Counter()
    for found in filter(None, map(TIMED.match, lines)):
        seconds[found[2]] += float(found[1])
    models = {model for name in seconds if (model := _trained(name)) and seconds[name] >= LIMIT}
    laws = {f"{model}-{law}]" for model in models for law in TRAINED}
    return sorted(laws | {name for name, took in seconds.items() if took >= LIMIT})


def _trained(name):
    """The model that a law looked at trained; None for other laws and tests."""
    law = LAW.fullmatch(name)
    return law[1] if law and law[2] in TRAINED else None


if __name__ == "__main__":
    names = sorted(
        {name for log in sys.argv[1:] for name in slow(Path(log).read_text().splitlines())}
    )
    (Path(__file__).parent / "seconds.txt").write_text("\n".join(names) + "\n")
    print(f"{len(names)} tests take seconds")

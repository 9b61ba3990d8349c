"""The mutants that `make mutants` tries are still faults of the library as it is."""

from __future__ import annotations

from collections import Counter

import pytest
from mutation import ROOT, mutants, parsed

EVERY = mutants()


def test_there_are_enough_of_each_kind():
    rooms = Counter(m.room for m in EVERY)
    assert len(EVERY) >= 100
    assert all(rooms[room] >= 20 for room in ("objectives", "probability", "models", "metrics"))
    assert len({(m.path, m.old, m.new) for m in EVERY}) == len(EVERY)


@pytest.mark.parametrize("mutant", EVERY, ids=lambda m: f"{m.path}: {m.what}")
def test_a_mutant_is_python_and_its_tests_are_there(mutant):
    text = (ROOT / mutant.file).read_text()
    compile(mutant.mutated(text), mutant.path, "exec")
    paths = [a.partition("::")[0] for a in mutant.arguments if ".py" in a]
    assert paths
    assert all((ROOT / path).is_file() for path in paths)


def test_what_is_no_mutant_is_refused():
    text = "x = 1\ny = 1\n"
    for old, found in (("1", 2), ("2", 0)):
        mutant = parsed("a", f"file.py: wrong\n- {old}\n+ 3\nby test_file.py")
        with pytest.raises(ValueError, match=f"has this text {found} times"):
            mutant.mutated(text)
    one = parsed("a", "file.py: wrong\n- x = 1\n- y\n+ x = 2\n+ y\nby test_file.py -k y")
    assert one.mutated(text) == "x = 2\ny = 1\n"
    assert one.arguments == ["tests/test_file.py", "-k", "y"]
    with pytest.raises(ValueError, match="no mutant"):
        parsed("a", "file.py: wrong\n- x")

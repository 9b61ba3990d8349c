"""Kills a grading run at random moments, and looks whether a result was lost: `kills.py 200`."""

import random
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import test_grading


def main(kills):
    with tempfile.TemporaryDirectory() as name:
        root, draw, kept = test_grading.a_class(Path(name), 4 * kills), random.Random(0), []
        for number in range(kills):
            found = test_grading.kill_and_go_on(root, draw)
            lost = [line for line in kept if line not in found]
            if lost or found[: len(kept)] != kept:
                raise SystemExit(f"kill {number} lost {lost}")
            kept = found
        done = len(kept) - 1
        print(f"{kills} kills, {done} results recorded meanwhile, none lost")
        students = [line["student"] for line in kept[1:]]
        assert len(students) == len(set(students)), "a submission was graded twice"


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)

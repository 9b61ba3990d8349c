"""What the course's tests share: a submission in a sandbox, and whether there can be one."""

import shutil
import sys

import pytest

from pushforward_course.practice import sandbox
from pushforward_course.practice.asking import Asking

needs_a_sandbox = pytest.mark.skipif(
    sys.platform != "linux" or any(shutil.which(name) is None for name in sandbox.NEEDED),
    reason="no sandbox here: it needs Linux, bubblewrap and util-linux",
)


def asking(*cells, hidden=(), **limits):
    return Asking(
        lambda: sandbox.command(1, sandbox.Limits(**limits), hidden),
        list(cells),
        sandbox.Limits(**limits),
    )

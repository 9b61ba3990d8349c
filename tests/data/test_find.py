from __future__ import annotations

import subprocess
import sys

import pytest

from pushforward.data import find


def test_names() -> None:
    assert find("digits").name == "digits"
    assert find("gaussians25").name == "gaussians25"


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("digit", r"'digit': did you mean digits\?"),
        ("mnits", "did you mean mnist"),
        ("gaussian8", "did you mean gaussians8"),
        ("foldr:pictures", "did you mean folder"),
        ("xyzzy", r"no data set is called 'xyzzy': There are digits, .*hub:OWNER/NAME"),
        ("folder:", "lacks its PATH: write folder:PATH"),
        ("hub", "lacks its OWNER/NAME"),
        ("moons:3", "write 'moons', not 'moons:3'"),
    ],
)
def test_unknown_names(spec: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        find(spec)


def test_importing_is_light() -> None:
    heavy = ["sklearn", "PIL", "pyarrow", "huggingface_hub", "matplotlib", "rich"]
    code = f"import sys, pushforward.data; print([m for m in {heavy} if m in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"

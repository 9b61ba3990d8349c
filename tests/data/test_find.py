from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pushforward.core.dataset import Dataset, identity
from pushforward.data import digits, find, moons, picture
from pushforward.data.specs import SOURCES, findable


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
        ("xyzzy", r"no data set is called 'xyzzy': There are .*digits, .*hub:OWNER/NAME"),
        ("folder:", "lacks its PATH: write folder:PATH"),
        ("hub", "lacks its OWNER/NAME"),
        ("moons:3", "write 'moons', not 'moons:3'"),
        ("mnits?labels=True", "did you mean mnist"),
        ("digits?binarize=dynamic", "digits has no option 'binarize': did you mean binarise"),
        ("digits?levels=many", r"digits\?levels must be int, not 'many'"),
        ("digits?labels=yes", r"digits\?labels must be bool, not 'yes'"),
        ("digits?binarise=sometimes", 'binarise must be None, "dynamic", "fixed" or "threshold"'),
        ("folder:x?path=y", "folder has no option 'path'"),
    ],
)
def test_unknown_names(spec: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        find(spec)


@pytest.mark.parametrize(
    "spec",
    [
        "digits",
        "digits?labels=True",
        "digits?levels=2&binarise=fixed",
        "digits?binarise=dynamic",
        "moons?n=50&noise=0.0",
        "bars?height=3",
    ],
)
def test_a_spec_with_options_comes_back_in_the_record(spec: str) -> None:
    data = find(spec)
    assert data.describe()["spec"] == spec
    again = find(data.origin["spec"])
    assert (again.space, again.name, again.origin) == (data.space, data.name, data.origin)
    assert all(torch.equal(a, b) for a, b in zip(again.test.tensors, data.test.tensors))


def test_loaders_record_what_differs_from_their_defaults(tmp_path: Path) -> None:
    assert digits(False, levels=17).origin["spec"] == "digits"
    assert digits(True, binarise="fixed").origin["spec"] == "digits?labels=True&binarise=fixed"
    file = tmp_path / "odd & name?.png"
    Image.fromarray(np.eye(8, dtype=np.uint8) * 255).save(file)
    data = picture(file, n=100, ink="bright")
    assert data.origin["spec"] == f"picture:{file}?n=100&ink=bright"
    assert torch.equal(find(data.origin["spec"]).test.tensors[0], data.test.tensors[0])
    assert "spec" not in picture(np.eye(8), n=100).origin, "an array has no short name"


def test_an_option_may_hold_any_text() -> None:
    @findable("only here")
    def load(note: str = "", ratio: float | None = None) -> Dataset:
        return replace(moons(n=30), name=note)

    try:
        data = load(note="a&b=c?d%20", ratio=None)
        assert find(data.origin["spec"]).name == "a&b=c?d%20"
        assert find("only here?ratio=2").origin["spec"] == "only here?ratio=2.0"
    finally:
        SOURCES.pop("only here")


def test_a_copy_with_labels_or_in_another_place_is_the_same_examples() -> None:
    one, other = digits().describe(), digits(labels=True).describe()
    assert identity(one) == identity(other)
    assert identity(one) != identity(digits(binarise="fixed").describe())


def test_importing_is_light() -> None:
    heavy = ["sklearn", "PIL", "pyarrow", "huggingface_hub", "matplotlib", "rich"]
    code = f"import sys, pushforward.data; print([m for m in {heavy} if m in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"

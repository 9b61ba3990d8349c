"""Files of users: they may be called as they like, fail as they like, and hold any letter."""

from __future__ import annotations

import io
import random
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import pushforward as pf
from pushforward.cli import main
from pushforward.cli.flags import load_file
from pushforward.core import catalogue

ROUND = '''
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
        return self.mean + torch.randn(n, 2)


@pf.example(data="moons?n=200")
def gmm():
    """Called like an example of the library."""
    return Round()


def trained(steps: int = 2):
    return pf.Experiment(Round(), pf.data.moons(n=200), pf.Recipe(steps, 32))
'''


@pytest.fixture(autouse=True)
def own_examples(monkeypatch):
    """What a user's file registers is forgotten after the test."""
    catalogue.discover()
    monkeypatch.setattr(catalogue, "_examples", dict(catalogue._examples))


def said(capsys, *words: str) -> str:
    with pytest.raises(SystemExit) as stop:
        main(list(words))
    assert stop.value.code in (1, 2)
    return capsys.readouterr().err


@pytest.mark.parametrize("name", ["random", "torch", "typing", "site", "a.b", "my nets", "🙂"])
def test_a_file_replaces_no_module_and_its_models_come_back(tmp_path, capsys, name):
    file, before = tmp_path / f"{name}.py", dict(sys.modules)
    file.write_text(ROUND)
    main(["train", f"{file}:trained", "--quiet", "--out", str(tmp_path / "run")])
    path = str(tmp_path / "run" / "checkpoint.safetensors")
    main(["sample", path, "--n", "3", "--file", str(file)])
    assert {k: v for k, v in sys.modules.items() if k in before} == before
    blueprint = pf.core.checkpoint.read(path).blueprint
    assert blueprint["module"] == name, "what a user types after `import`"
    assert random.Random(0).random() == pytest.approx(0.8444218515250481)


def test_two_files_of_one_name_are_two_modules(tmp_path):
    for folder in "ab":
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "nets.py").write_text(f"here = {folder!r}\n")
    modules = [load_file(str(tmp_path / folder / "nets.py")) for folder in "ab"]
    assert [module.here for module in modules] == ["a", "b"]
    assert modules[0].__name__ != modules[1].__name__


def test_an_example_called_like_one_of_ours_is_checked(tmp_path, capsys):
    (tmp_path / "mine.py").write_text(ROUND)
    main(["check", str(tmp_path / "mine.py")])
    told = capsys.readouterr().out
    assert told.count("gmm: ") >= 8
    assert "BROKEN" not in told


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("def (", "SyntaxError in line 1"),
        ("import os\n\nx = y\n", "NameError in line 3: name 'y' is not defined"),
        ("def f():\n    1 / 0\nf()\n", "ZeroDivisionError in line 2"),
        ("import nothing_at_all\n", "ModuleNotFoundError in line 1"),
        ("\0", "cannot be run: "),
    ],
)
def test_errors_of_a_file_are_told_with_their_line(tmp_path, capsys, text, words):
    file = tmp_path / "mine.py"
    file.write_text(text)
    for command in (["check", str(file)], ["train", f"{file}:f"]):
        told = said(capsys, *command)
        assert f"{file} cannot be run: " in told
        assert words in told
        assert "Traceback" not in told


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("raise KeyError('x')", "a of {file} fails: KeyError in line 4: 'x'"),
        ("return 3", "a of {file} must return a Generative model, not a int"),
        ("return pf.GMM()", "a of {file} fails: TypeError in line 4"),
    ],
)
def test_errors_of_a_function_are_told_with_their_line(tmp_path, capsys, body, words):
    file = tmp_path / "mine.py"
    file.write_text(f"import pushforward as pf\n@pf.example(data='moons')\ndef a():\n    {body}\n")
    told = said(capsys, "train", f"{file}:a", "--quiet", "--out", str(tmp_path / "run"))
    assert words.format(file=file) in told


NAMES = ["[red]a", "[/red]", "a'b", 'a"b', "a:b", "ä🙂", "-a", "a?b=c", "%s", "{x}", "a\nb", "a|b"]


@pytest.mark.parametrize("name", [name.replace("/", "\\") for name in NAMES])
def test_names_may_hold_any_letter(tmp_path, capsys, monkeypatch, name):
    """Of folders, classes and results; they come back in the page and in the record."""
    monkeypatch.setenv("PUSHFORWARD_CACHE", str(tmp_path / "cache"))
    top = tmp_path / name / "photos"
    for kind in (name, "other"):
        (top / kind).mkdir(parents=True)
        for i in range(15):
            pixels = np.random.RandomState(i).randint(0, 256, (4, 4), np.uint8)
            Image.fromarray(pixels).save(top / kind / f"{i}{kind}.png")
    data = pf.data.folder(top, size=4, channels=1, labels=True)
    assert set(data.classes) == {name, "other"}
    out = tmp_path / f"run {name}"
    pf.fit(pf.Independent(data.space), data, pf.Recipe(1, None), out)
    path = str(out / "checkpoint.safetensors")
    page = str(tmp_path / f"page {name}")
    main(["sample", path, "--n", "2", f"--out={tmp_path}/{name}.png"])
    assert (tmp_path / f"{name}.png").is_file()
    main(["evaluate", path, "--samples", "8", f"--out={page}"])
    told = capsys.readouterr().out
    assert "test: negative log-likelihood" in told
    assert path in told


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8"])
def test_any_terminal_is_written_to(tmp_path, encoding):
    code = "from pushforward.cli import main; import sys; main(sys.argv[1:])"
    for words in (["list"], ["show", "🙂ä"], ["sample", "\udcff🙂"]):
        done = subprocess.run(
            [sys.executable, "-c", code, *words],
            env={"PYTHONIOENCODING": encoding, "PATH": "", **_python_path()},
            capture_output=True,
        )
        told = (done.stdout + done.stderr).decode(encoding)
        assert "Traceback" not in told
        assert "codec can't" not in told
        assert done.returncode == (0 if words == ["list"] else 2 if words[0] == "show" else 1)
        assert told.strip()


def _python_path() -> dict[str, str]:
    import os

    return {k: v for k, v in os.environ.items() if k in ("PYTHONPATH", "HOME")}


def test_a_strict_stream_is_told_to_write_numbers_for_letters(monkeypatch, capsys):
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, "ascii", "strict", write_through=True)
    monkeypatch.setattr(sys, "stdout", stream)
    main(["list"])
    print("🙂")
    assert raw.getvalue().endswith(b"\\U0001f642\n")


@pytest.mark.parametrize("n", [3, 5, 14])
def test_few_images_are_learned_and_measured(tmp_path, capsys, monkeypatch, n):
    monkeypatch.setenv("PUSHFORWARD_CACHE", str(tmp_path / "cache"))
    (tmp_path / "few").mkdir()
    for i in range(n):
        pixels = np.random.RandomState(i).randint(0, 256, (4, 4, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / "few" / f"{i}.png")
    data = pf.data.folder(tmp_path / "few", size=4)
    pf.fit(pf.Independent(data.space), data, pf.Recipe(1, None), tmp_path / "run", quiet=True)
    main(["evaluate", str(tmp_path / "run" / "checkpoint.safetensors")])
    told = capsys.readouterr().out
    assert "bits/dim (exact, 1 example, no standard error)" in told
    assert "samples are compared with at least 5 examples, and there are 1" in told

"""A homework in one file, from the shell: trained as a script, and then everything else."""

import re
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import torch

import pushforward as pf
from pushforward.cli import main

HOMEWORK = '''
import sys

import torch.nn.functional as F
from torch import nn

import pushforward as pf


class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.head = nn.Conv2d(1, 4, 3, padding=1), nn.Linear(256, 1)
        self.act = F.leaky_relu

    def forward(self, x):
        return self.head(self.act(self.conv(x)).flatten(1))


def homework(steps: int = 4):
    """A GAN on digits."""
    data = pf.data.digits()
    generator = nn.Sequential(nn.Linear(8, 64), nn.Unflatten(1, (1, 8, 8)))
    model = pf.GAN(data.space, generator, Discriminator(), latent=8)
    return pf.Experiment(model, data, pf.Recipe(steps, 32, validate_every=0))


if __name__ == "__main__":
    one = homework()
    pf.fit(one.model, one.data, one.recipe, sys.argv[1], quiet=True)
'''


@pytest.fixture
def file(tmp_path, monkeypatch):
    path = tmp_path / "gan_homework.py"
    path.write_text(HOMEWORK)
    yield path
    sys.modules.pop("gan_homework", None)


@pytest.mark.slow
def test_what_a_script_trained_is_used_from_the_shell(file, tmp_path, capsys):
    out = tmp_path / "run"
    subprocess.run([sys.executable, str(file), str(out)], check=True)
    path = str(out / "checkpoint.safetensors")
    said = "no imported class is called 'Discriminator' of the module 'gan_homework'.*"
    with pytest.raises(SystemExit, match=said + "--file gan_homework.py"):
        main(["sample", path])
    main(["sample", path, "--n", "3", "--file", str(file)])
    assert "(3, 1, 8, 8)" in capsys.readouterr().out
    main(["evaluate", path, "--file", str(file), "--samples", "50"])
    assert "Frechet" in capsys.readouterr().out
    words = ["--out", str(out), "--quiet", "--steps"]
    main(["train", f"{file}:homework", "--resume", *words, "4"])
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        main(["train", f"{file}:homework", "--resume", *words, "6"])
    assert "the training was of 4 steps and is now of 6" in capsys.readouterr().err


def test_the_shell_takes_up_what_it_put_down(file, tmp_path, capsys):
    from pushforward.cli.flags import load_file

    whole, half = (load_file(str(file)).homework() for _ in range(2))
    torch.manual_seed(0)
    words = ["train", f"{file}:homework", "--quiet", "--device", "cpu", "--out"]
    main([*words, str(tmp_path / "whole")])
    # The same from the same seed, put down half way.
    torch.manual_seed(0)
    half = load_file(str(file)).homework()
    training = pf.Training(half.model, half.data, pf.Recipe(4, 32, validate_every=0))
    next(report for report in training if report.step == 2)
    training.save(tmp_path / "half" / "checkpoint.safetensors")
    main([*words, str(tmp_path / "half"), "--resume"])
    one, other = (
        pf.load(tmp_path / name / "checkpoint.safetensors").state_dict()
        for name in ("whole", "half")
    )
    assert all(torch.equal(tensor, other[name]) for name, tensor in one.items())
    assert whole.model.state_dict().keys() == one.keys()


def test_the_example_of_the_readme_runs(tmp_path, monkeypatch):
    text = (Path(pf.__file__).parents[2] / "README.md").read_text()
    section = text.split("## Your own networks")[1].split("\n## ")[0]
    (code,) = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    assert "steps=2_000" in code
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(code.replace("steps=2_000", "steps=2"), names)
    loaded = pf.load(tmp_path / "gan.safetensors")
    assert loaded.space == names["data"].space
    assert isinstance(loaded.critic, torch.nn.Sequential)

"""A file of the zoo for each family: do its models still give the numbers recorded with them?

`make results` asks it of all of them; these are what every run of the tests can afford.
"""

import shutil
from pathlib import Path

import pytest
import torch

from pushforward.core import checkpoint
from pushforward.media.trained import Trained, opened
from pushforward.media.zoo import CHECKOUT
from pushforward.report.regression import moved, values

FAMILIES = {
    "mixture": "gmm_moons",
    "autoregressive": "made_digits",
    "autoregressive flow": "maf_moons",
    "coupling flow": "realnvp_digits",
    "latent": "vae_digits",
    "discrete": "vq_vae_digits",
    "diffusion": "ddpm_moons",
    "score": "denoising_score_gaussians8",
    "adversarial": "gan_gaussians8",
    "text": "recurrent_sentences",
}
TOOLS = Path(__file__).resolve().parents[2] / "tools"
pytestmark = pytest.mark.skipif(not CHECKOUT.is_dir(), reason="this is no checkout with a zoo")


def recorded(name: str) -> tuple[Trained, torch.Tensor]:
    """A file of the checkout, and the values that it was packed with."""
    path = CHECKOUT / f"{name}.safetensors"
    return opened(path), checkpoint.read(path).tensors["values"]


@pytest.mark.parametrize("name", FAMILIES.values(), ids=FAMILIES)
def test_each_family_gives_the_values_recorded(name: str) -> None:
    """The tolerance, of `report.regression`, is for another processor's rounding."""
    trained, before = recorded(name)
    told = moved(values(trained.model, trained.data(), len(before)), before)
    assert told is None, f"zoo:{name}: {told}"


@pytest.mark.parametrize("name", ["maf_moons", "vae_digits", "gan_gaussians8"])
def test_weights_that_moved_by_a_twentieth_are_noticed(name: str) -> None:
    trained, before = recorded(name)
    with torch.no_grad():
        for parameter in trained.model.parameters():
            parameter.mul_(1.05)
    told = moved(values(trained.model, trained.data(), len(before)), before)
    assert "where" in str(told)


def test_the_example_that_moved_most_is_named() -> None:
    before = torch.linspace(1, 2, 20)
    assert moved(before.clone(), before) is None
    now = before.clone()
    now[[3, 4, 7]] += torch.tensor([0.1, 5.0, -0.2])
    assert "3 of 20 values moved" in str(moved(now, before))
    assert "example 4: 6.211 where 1.211 was recorded" in str(moved(now, before))
    now[[3, 4]], now[7] = before[[3, 4]], torch.nan  # one alone, which no share excuses
    assert "1 of 20 values moved" in str(moved(now, before))
    assert "example 7: nan where" in str(moved(now, before))
    assert moved(before[:19], before) == "19 values where 20 were recorded: these are other data"


def test_the_check_names_the_file(tmp_path, monkeypatch, capsys) -> None:
    """tools/zoo.py check, on a zoo of two of which one was spoilt."""
    monkeypatch.syspath_prepend(str(TOOLS))
    monkeypatch.syspath_prepend(str(TOOLS.parent / "bench"))
    import zoo as tool

    monkeypatch.setattr(tool, "CHECKOUT", tmp_path)
    shutil.copy(CHECKOUT / "gmm_moons.safetensors", tmp_path)
    trained, before = recorded("maf_moons")
    target = tmp_path / "maf_moons.safetensors"
    checkpoint.save(trained.model, target, {"values": before + 0.5}, trained.record)
    with pytest.raises(SystemExit) as left:
        tool.check()
    assert left.value.code == 1
    first, second = capsys.readouterr().out.splitlines()
    assert first == "gmm_moons: as recorded"
    assert second.startswith("maf_moons: 500 of 500 values moved, by 0.5 in the mean")
    with pytest.raises(SystemExit) as left:
        tool.check("gmm_moons")
    assert left.value.code == 0

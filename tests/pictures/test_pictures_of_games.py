"""Pictures of games: modes, mixtures of styles, walks."""

from __future__ import annotations

import pytest
import torch

from pushforward.core import checkpoint
from pushforward.core.catalogue import Usage
from pushforward.metrics.mode_counts import modes
from pushforward.models.adversarial.gan import gan
from pushforward.models.adversarial.stylegan2 import stylegan2
from pushforward.pictures import interpolation_film, style_mixing
from pushforward.pictures.gallery import drawings
from pushforward.pictures.modes import Panel, draw, mixture, panels_of
from pushforward.presets.modes import in_the_plane


@pytest.mark.parametrize(("name", "of"), [("ring", 8), ("grid", 25)])
def test_the_modes_of_a_mixture_are_those_of_its_data(name, of):
    from pushforward.data import gaussians8, gaussians25

    data = {"ring": gaussians8, "grid": gaussians25}[name]()
    centres, radius = mixture(name)
    found = modes(data.train.tensors[0], centres.double().to(data.train.tensors[0]), radius)
    assert (found.covered, found.of) == (of, of)
    assert found.good > 0.98  # 1 - exp(-4.5) within three standard deviations


def test_a_panel_a_game_and_the_rest_are_empty():
    centres, radius = mixture("ring")
    points = centres[:4].repeat(50, 1)
    found = modes(points, centres, radius)
    figure = panels_of({f"game {i}": Panel(points, found) for i in range(7)}, centres)
    shown = [axis for axis in figure.axes if axis.get_visible()]
    assert len(shown) == 7
    assert shown[0].get_xlabel() == "4 of 8, 100% good"


@pytest.mark.slow
def test_all_games_of_the_plane_are_played():
    from pushforward.data import gaussians8

    figure = draw("ring", steps=2)
    names = [axis.get_title() for axis in figure.axes if axis.get_visible()]
    assert names == list(in_the_plane(gaussians8()))


def test_another_mixture_names_the_nearest():
    with pytest.raises(Usage, match="The nearest: grid"):
        mixture("grids")
    with pytest.raises(Usage, match="mixture"):
        draw("moons", steps=1)


def test_a_checkpoint_of_styles_is_mixed_and_walked(tmp_path):
    torch.manual_seed(0)
    path = str(checkpoint.save(stylegan2(), tmp_path / "s.safetensors"))
    assert {"style-mixing", "interpolation-film", "modes"} <= drawings().keys()
    assert style_mixing.draw(path, rows=2, columns=3).size[0] > 0
    assert interpolation_film.draw(path, images=4, stops=2, steps=2).gif()[:4] == b"GIF8"
    plain = str(checkpoint.save(gan(), tmp_path / "g.safetensors"))
    with pytest.raises(ValueError, match="GAN has no styles to mix"):
        style_mixing.draw(plain)

"""The curve of guidance: what a results file says is what is drawn."""

from __future__ import annotations

import json

import pytest

from pushforward.core.catalogue import Usage
from pushforward.pictures.guidance_curve import draw

ROWS = {"2.0": {"accuracy": 0.99, "frechet": 3.5}, "0.0": {"accuracy": 0.1, "frechet": 9.0}}


def test_every_weight_has_its_point_in_order(tmp_path):
    file = tmp_path / "steps.json"
    file.write_text(json.dumps({"models": {"mine": {"guidance": ROWS}}}))
    right, far = draw(str(file), "mine").axes
    assert right.lines[0].get_xydata().tolist() == [[0.0, 0.1], [2.0, 0.99]]
    assert far.lines[0].get_xydata().tolist() == [[0.0, 9.0], [2.0, 3.5]]
    with pytest.raises(Usage, match=r"no guidance of 'other'; of these it has: \['mine'\]"):
        draw(str(file), "other")


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"models": 3}', '{"models": {"mine": 3}}'])
def test_a_file_without_results_is_refused(tmp_path, content):
    file = tmp_path / "steps.json"
    file.write_text(content)
    with pytest.raises(Usage, match="holds no results"):
        draw(str(file), "mine")
    with pytest.raises(Usage, match=r"bench/diffusion_steps.py CHECKPOINT writes it"):
        draw(str(tmp_path / "nothing.json"))

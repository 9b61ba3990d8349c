"""The table of modes: what a results file says is what is drawn."""

from __future__ import annotations

import json

import pytest

from pushforward.core.catalogue import Usage
from pushforward.pictures.mode_table import draw

ROWS = {
    "ring": {
        "GAN": {"covered": 3, "of": 8, "good": 0.75},
        "R1": {"covered": 8, "of": 8, "good": 1},
    },
    "stacked": {"R1": {"covered": 990, "of": 1000, "good": 0.5}},
    "command": "python bench/modes.py",
}


def test_every_game_has_its_bar_and_its_numbers(tmp_path):
    file = tmp_path / "modes.json"
    file.write_text(json.dumps(ROWS))
    ring, stacked = draw(str(file)).axes
    assert [label.get_text() for label in ring.get_yticklabels()] == ["GAN", "R1"]
    assert [bar.get_width() for bar in ring.patches] == [3 / 8, 1.0]
    assert [text.get_text() for text in ring.texts] == ["3 of 8, 75% good", "8 of 8, 100% good"]
    assert [bar.get_width() for bar in stacked.patches] == [0.99]
    assert [text.get_position()[1] for text in stacked.texts] == [1]  # in the row of its game


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"ring": 3}', '{"ring": {"GAN": {}}}'])
def test_a_file_without_results_is_refused(tmp_path, content):
    file = tmp_path / "modes.json"
    file.write_text(content)
    with pytest.raises(Usage, match="holds no results"):
        draw(str(file))
    with pytest.raises(Usage, match=r"bench/modes.py ring grid stacked writes it"):
        draw(str(tmp_path / "nothing.json"))

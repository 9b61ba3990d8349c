"""A page takes the place of an earlier page, and of nothing else."""

from __future__ import annotations

import pytest

from pushforward.cli import main
from pushforward.report.places import MARK, check_folder


@pytest.mark.parametrize(
    ("name", "models"),
    [
        ("index.html", ["a"]),
        ("results.csv", ["a"]),
        ("curves.json", ["a"]),
        ("real.png", ["a"]),
        ("made-digits.png", ["made-digits"]),
        ("runs-mine-checkpoint.wav", ["runs/mine/checkpoint.safetensors"]),
    ],
)
def test_what_is_of_no_page_is_not_replaced(tmp_path, name, models):
    check_folder(tmp_path, models, False)
    check_folder(tmp_path / "new", models, False)
    (tmp_path / "photo.png").touch()
    (tmp_path / "checkpoint.safetensors").touch()
    check_folder(tmp_path, models, False)
    (tmp_path / name).write_text("mine")
    with pytest.raises(ValueError, match=f"{name} exists, and is of no page of ours: give --force"):
        check_folder(tmp_path, models, False)
    check_folder(tmp_path, models, True)
    (tmp_path / "index.html").write_text(f"<!doctype html><head>{MARK}</head>")
    check_folder(tmp_path, models, False)
    with pytest.raises(ValueError, match="is a file, and a page needs a folder"):
        check_folder(tmp_path / name, models, True)


def test_it_is_refused_before_anything_is_measured(tmp_path, capsys):
    (tmp_path / "index.html").write_text("my page")
    for words in (["compare", "made_digits"], ["evaluate", "nothing.safetensors"]):
        with pytest.raises(SystemExit):
            main([*words, "--out", str(tmp_path)])
        assert "index.html exists, and is of no page of ours" in capsys.readouterr().err
    assert (tmp_path / "index.html").read_text() == "my page"

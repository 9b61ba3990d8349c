from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.stats import chisquare, kstest

from pushforward.core.dataset import Dataset
from pushforward.core.spaces import Reals, Tokens
from pushforward.data import find, picture

# Two rows of three pixels: brightness, and hence where dark ink lies.
GREY = np.array([[255, 0, 204], [255, 255, 102]], dtype=np.uint8)
MASS = np.array([[0, 5, 1], [0, 0, 3]]) / 9


def points(data: Dataset) -> np.ndarray:
    return torch.cat([s.tensors[0] for s in (data.train, data.validation, data.test)]).numpy()


def test_points_follow_the_ink_and_lie_uniformly_in_pixels() -> None:
    data = picture(GREY, n=20_000)
    assert data.space == Reals((2,))
    x = points(data).astype(np.float64)
    column, row = (x[:, 0] + 4) / (8 / 3), (8 / 3 - x[:, 1]) / (8 / 3)
    counts = np.zeros((2, 3))
    np.add.at(counts, (np.floor(row).astype(int), np.floor(column).astype(int)), 1)
    ink = MASS > 0
    assert counts[~ink].sum() == 0
    assert chisquare(counts[ink], 20_000 * MASS[ink]).pvalue > 1e-3
    assert kstest(column % 1, "uniform").pvalue > 1e-3
    assert kstest(row % 1, "uniform").pvalue > 1e-3


def test_bins_are_two_categorical_variables() -> None:
    data = picture(GREY, n=9_000, bins=60)
    assert data.space == Tokens(2, 60)
    x, y = points(picture(GREY, n=9_000)), points(data)
    assert np.array_equal(y, np.floor((x.astype(np.float64) + 4) / 8 * 60))
    assert points(picture(GREY, n=9_000, bins=3))[:, 0].tolist().count(0) == 0


def test_bright_ink_and_floats() -> None:
    dark, bright = picture(GREY, ink="dark"), picture(1 - GREY / 255.0, ink="bright")
    assert np.array_equal(points(dark), points(bright))


def test_a_file_transparent_or_coloured(tmp_path: Path) -> None:
    image = np.zeros((2, 3, 4), dtype=np.uint8)
    image[..., 3] = (MASS * 9 * 51).astype(np.uint8)  # black ink over nothing
    Image.fromarray(image).save(tmp_path / "drawing.png")
    data = find(f"picture:{tmp_path / 'drawing.png'}")
    assert data.name == "drawing"
    assert np.array_equal(points(data), points(picture(GREY)))


def test_bad_pictures(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no dark ink at all: try ink='bright'"):
        picture(np.full((4, 4), 255, dtype=np.uint8))
    with pytest.raises(ValueError, match="'red'"):
        picture(GREY, ink="red")
    with pytest.raises(ValueError, match=r"\(height, width\).*\(2, 3, 3\)"):
        picture(np.zeros((2, 3, 3), dtype=np.uint8))
    with pytest.raises(ValueError, match=r"floats 0 \.\. 1"):
        picture(np.array([[0.0, np.nan]]))
    with pytest.raises(ValueError, match=r"floats 0 \.\. 1"):
        picture(np.array([[0.0, 3.0]]))
    with pytest.raises(ValueError, match="bins must be"):
        picture(GREY, bins=1)
    with pytest.raises(FileNotFoundError, match=r"nowhere\.png"):
        picture(tmp_path / "nowhere.png")
    (tmp_path / "torn.png").write_bytes(b"\x89PNG\r\n\x1a\n nothing")
    with pytest.raises(ValueError, match=r"torn\.png"):
        picture(tmp_path / "torn.png")

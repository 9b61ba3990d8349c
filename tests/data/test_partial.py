import numpy as np
import pytest
import torch
from PIL import Image

from pushforward.core.spaces import Pixels, Reals, Tokens
from pushforward.data.companding import mu_law
from pushforward.data.partial import read_partial
from pushforward.data.waves import write_wav


def picture(path, size=(3, 2)):
    given = np.zeros((size[1], size[0], 4), np.uint8)
    given[..., 0], given[0, :, 3] = 255, 255
    given[0, 0, :3] = 255
    Image.fromarray(given).save(path)
    return path


def test_transparent_pixels_are_unknown(tmp_path):
    x, known = read_partial(picture(tmp_path / "x.png"), Pixels(3, 2, 3, 17))
    assert x[0, :, 0].tolist() == [[16, 16, 16], [16, 0, 0], [16, 0, 0]]
    assert known[0, 0].tolist() == [[True] * 3, [False] * 3]
    x, _ = read_partial(picture(tmp_path / "x.png"), Pixels(1, 2, 3, 256))
    assert x[0, 0].tolist() == [[255, 76, 76], [0, 0, 0]]  # red has 30 % of white's luminance


def test_numbers_of_any_space(tmp_path):
    np.save(tmp_path / "t.npy", np.array([2, -1, 0]))
    x, known = read_partial(tmp_path / "t.npy", Tokens(3, 4))
    assert x.tolist() == [[2, 0, 0]]
    assert known.tolist() == [[True, False, True]]
    np.save(tmp_path / "r.npy", np.array([np.nan, -1.5]))
    x, known = read_partial(tmp_path / "r.npy", Reals((2,)))
    assert x.tolist() == [[0.0, -1.5]]
    assert known.tolist() == [[False, True]]
    np.save(tmp_path / "p.npy", np.array([[[3, -1]]]))
    assert read_partial(tmp_path / "p.npy", Pixels(1, 1, 2, 4))[0].dtype == torch.uint8


def test_a_sound_is_the_beginning(tmp_path):
    wave = torch.linspace(-0.5, 0.5, 50)
    x, known = read_partial(write_wav(tmp_path / "a.wav", wave, 8_000), Tokens(80, 256), 8_000)
    assert known.sum() == 50
    assert (x[0, :50] - mu_law(wave)).abs().max() <= 1


@pytest.mark.parametrize(
    ("name", "space", "said"),
    [
        ("p.png", Pixels(1, 4, 4), "has 3x2 pixels, not 4x4"),
        ("p.png", Tokens(6, 4), r"must be .npy or .wav for Tokens"),
        ("whole.npy", Tokens(3, 4), "all of .*whole.npy is known"),
        ("whole.npy", Tokens(4, 4), r"holds shape \(3,\), a datum of .* has \(4,\)"),
        ("big.npy", Tokens(3, 4), "values 0 .. 3"),
        ("text.png", Pixels(1, 2, 3), "cannot read the image"),
    ],
)
def test_bad_files(tmp_path, name, space, said):
    picture(tmp_path / "p.png")
    np.save(tmp_path / "whole.npy", np.array([0, 1, 2]))
    np.save(tmp_path / "big.npy", np.array([0, 9, -1]))
    (tmp_path / "text.png").write_text("no image")
    with pytest.raises(ValueError, match=said):
        read_partial(tmp_path / name, space)
    with pytest.raises(FileNotFoundError, match="there is no file"):
        read_partial(tmp_path / "nothing", space)

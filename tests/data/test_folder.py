from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pushforward.core.spaces import Pixels
from pushforward.data import find, folder
from pushforward.data.decoding import Canvas

RNG = np.random.RandomState(0)


def fill(top: Path, n: int = 20, size: int = 12, classes: int = 1) -> np.ndarray:
    """N lossless images named by their number, in sub-folders by turns."""
    images = RNG.randint(256, size=(n, size, size, 3)).astype(np.uint8)
    for i, image in enumerate(images):
        place = top / f"kind{i % classes}"
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(place / f"{i:03}.png")
    return images


def test_every_image_once_in_seeded_splits(tmp_path: Path) -> None:
    images = fill(tmp_path / "set", 20, 12)
    data = folder(tmp_path / "set", size=12)
    assert data.name == "set"
    assert data.space == Pixels(3, 12, 12)
    assert [len(s) for s in (data.train, data.validation, data.test)] == [16, 2, 2]
    x = torch.cat([s.tensors[0] for s in (data.train, data.validation, data.test)])
    expected = images.transpose(0, 3, 1, 2)
    assert sorted(map(bytes, x.numpy())) == sorted(map(bytes, expected))
    assert not np.array_equal(x.numpy(), expected)
    assert folder(tmp_path / "set", size=12).test.tensors[0].equal(data.test.tensors[0])
    assert not folder(tmp_path / "set", size=12, seed=1).test.tensors[0].equal(data.test.tensors[0])
    assert data.origin["encoding"] == "PNG"
    assert json.loads(json.dumps(data.describe())) == data.describe()


def test_labels_are_sub_folders(tmp_path: Path) -> None:
    images = fill(tmp_path, 21, 8, classes=3)
    data = folder(tmp_path, size=8, labels=True)
    assert data.classes == ("kind0", "kind1", "kind2")
    known = {bytes(image.transpose(2, 0, 1)): i % 3 for i, image in enumerate(images)}
    for split in (data.train, data.validation, data.test):
        x, y = split.tensors
        assert y.dtype == torch.int64
        assert [known[bytes(image)] for image in x.numpy()] == y.tolist()
    Image.fromarray(images[0]).save(tmp_path / "stray.png")
    with pytest.raises(ValueError, match=r"stray\.png is in none"):
        folder(tmp_path, labels=True)


def test_resized_by_the_shorter_side_cropped_and_antialiased(tmp_path: Path) -> None:
    wide = np.zeros((40, 120, 3), dtype=np.uint8)
    wide[:, 40:80] = (np.indices((40, 40)).sum(0) % 2 * 255)[
        ..., None
    ]  # a fine grid, in the middle
    Image.fromarray(wide).save(tmp_path / "wide.png")
    pixels, _ = Canvas(10).decode("wide", tmp_path / "wide.png")
    assert pixels.shape == (3, 10, 10)
    assert (
        np.abs(pixels[:, 1:-1, 1:-1].astype(int) - 127).max() <= 3
    )  # aliasing would give 0 or 255
    small, _ = Canvas(16, 1).decode("wide", tmp_path / "wide.png")
    assert small.shape == (1, 16, 16)


def test_big_jpegs_take_a_short_cut_that_does_not_show(tmp_path: Path) -> None:
    smooth = np.asarray(
        Image.fromarray(RNG.randint(256, size=(9, 9, 3), dtype=np.uint8)).resize((1700, 1500), 3)
    )
    Image.fromarray(smooth).save(tmp_path / "photo.jpg", quality=95)
    Image.fromarray(smooth).save(tmp_path / "photo.png")
    quick, plain = (Canvas(32).decode(n, tmp_path / n)[0] for n in ("photo.jpg", "photo.png"))
    assert np.abs(quick.astype(int) - plain).max() <= 4


def test_orientation_of_the_camera(tmp_path: Path) -> None:
    pixels = RNG.randint(256, size=(8, 8)).astype(np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: show it turned 90 degrees clockwise
    Image.fromarray(pixels).save(tmp_path / "turned.png", exif=exif)
    shown, _ = Canvas(8, 1).decode("turned", tmp_path / "turned.png")
    assert np.array_equal(shown[0], np.rot90(pixels, -1))


@pytest.mark.parametrize("background", [0, 255])
def test_transparency_lies_over_the_background(tmp_path: Path, background: int) -> None:
    ink = np.zeros((4, 4, 4), dtype=np.uint8)
    ink[..., 0], ink[:2, :, 3] = 200, 255
    Image.fromarray(ink).save(tmp_path / "ink.png")
    shown, _ = Canvas(4, 3, background).decode("ink", tmp_path / "ink.png")
    assert shown[0, :2].min() == shown[0, :2].max() == 200
    assert shown[:, 2:].min() == shown[:, 2:].max() == background
    palette = Image.fromarray(ink[..., 3]).convert("P")
    palette.save(tmp_path / "palette.png", transparency=bytes([0] * 255))
    shown, _ = Canvas(4, 1, background).decode("palette", tmp_path / "palette.png")
    assert shown[0, 3, 3] == background


def test_sixteen_bits_become_eight(tmp_path: Path) -> None:
    deep = np.arange(256, dtype=np.uint16).reshape(16, 16) * 257
    Image.fromarray(deep).save(tmp_path / "deep.png")
    shown, _ = Canvas(16, 1).decode("deep", tmp_path / "deep.png")
    assert np.array_equal(shown[0], np.arange(256).reshape(16, 16))
    Image.fromarray(np.ones((4, 4), dtype=np.float32)).save(tmp_path / "float.tiff")
    with pytest.raises(ValueError, match=r"float\.tiff.*floats"):
        Canvas(4, 1).decode("float.tiff", tmp_path / "float.tiff")


def test_other_kinds(tmp_path: Path) -> None:
    flat = np.full((9, 9, 3), (10, 60, 200), dtype=np.uint8)
    for name in ("a.jpg", "b.bmp", "c.webp", "d.gif", "e.tiff"):
        Image.fromarray(flat).save(tmp_path / name)
    Image.fromarray(flat).convert("CMYK").save(tmp_path / "f.jpeg")
    (tmp_path / ".hidden.png").write_bytes(b"not looked at")
    (tmp_path / "notes.txt").write_text("nor this")
    data = folder(tmp_path, size=9)
    x = torch.cat([s.tensors[0] for s in (data.train, data.validation, data.test)])
    assert len(x) == 6
    assert (x.long() - torch.tensor([10, 60, 200])[:, None, None]).abs().max() <= 4
    assert data.origin["encoding"] == "BMP+GIF+JPEG+TIFF+WEBP"


def test_bad_folders(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="gone does not exist"):
        folder(tmp_path / "gone")
    (tmp_path / "file").write_text("")
    with pytest.raises(FileNotFoundError, match="is a file"):
        folder(tmp_path / "file")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"empty holds no image: looked for \.png"):
        find(f"folder:{tmp_path / 'empty'}")
    fill(tmp_path / "one", 1)
    with pytest.raises(ValueError, match="one has 1 example, which cannot be split"):
        folder(tmp_path / "one")
    with pytest.raises(ValueError, match=r"channels must be 1 .* not 2"):
        folder(tmp_path / "one", channels=2)
    with pytest.raises(ValueError, match="size must be"):
        folder(tmp_path / "one", size=0)
    with pytest.raises(ValueError, match=r"test share .* not 1.5"):
        folder(tmp_path / "one", test=1.5)


@pytest.mark.parametrize("content", [b"", b"plain text", b"cut"])
def test_a_corrupt_image_is_named(tmp_path: Path, cache: Path, content: bytes) -> None:
    fill(tmp_path / "set", 5)
    good = tmp_path / "set" / "kind0" / "003.png"
    good.write_bytes(good.read_bytes()[:200] if content == b"cut" else content)
    with pytest.raises(ValueError, match=r"003\.png .*remove it"):
        folder(tmp_path / "set")
    assert list((cache / "decoded").iterdir()) == []  # nothing half-made stays behind


def test_mixed_sizes_without_a_size(tmp_path: Path) -> None:
    fill(tmp_path, 5, 12)
    assert folder(tmp_path, size=None).space == Pixels(3, 12, 12)
    Image.fromarray(np.zeros((9, 12, 3), dtype=np.uint8)).save(tmp_path / "odd.png")
    with pytest.raises(ValueError, match=r"\.png has .*give size="):
        folder(tmp_path, size=None)

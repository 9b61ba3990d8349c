from __future__ import annotations

import json
import os
import struct
import zlib
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
    assert [len(s) for s in (data.train, data.validation, data.test)] == [15, 2, 3]
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
    pixels = Canvas(10).decode("wide", tmp_path / "wide.png").pixels
    assert pixels.shape == (3, 10, 10)
    assert (
        np.abs(pixels[:, 1:-1, 1:-1].astype(int) - 127).max() <= 3
    )  # aliasing would give 0 or 255
    small = Canvas(16, 1).decode("wide", tmp_path / "wide.png").pixels
    assert small.shape == (1, 16, 16)


def test_big_jpegs_take_a_short_cut_that_does_not_show(tmp_path: Path) -> None:
    smooth = np.asarray(
        Image.fromarray(RNG.randint(256, size=(9, 9, 3), dtype=np.uint8)).resize((1700, 1500), 3)
    )
    Image.fromarray(smooth).save(tmp_path / "photo.jpg", quality=95)
    Image.fromarray(smooth).save(tmp_path / "photo.png")
    quick, plain = (Canvas(32).decode(n, tmp_path / n).pixels for n in ("photo.jpg", "photo.png"))
    assert np.abs(quick.astype(int) - plain).max() <= 4


def test_orientation_of_the_camera(tmp_path: Path) -> None:
    pixels = RNG.randint(256, size=(8, 8)).astype(np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: show it turned 90 degrees clockwise
    Image.fromarray(pixels).save(tmp_path / "turned.png", exif=exif)
    shown = Canvas(8, 1).decode("turned", tmp_path / "turned.png").pixels
    assert np.array_equal(shown[0], np.rot90(pixels, -1))


@pytest.mark.parametrize("background", [0, 255])
def test_transparency_lies_over_the_background(tmp_path: Path, background: int) -> None:
    ink = np.zeros((4, 4, 4), dtype=np.uint8)
    ink[..., 0], ink[:2, :, 3] = 200, 255
    Image.fromarray(ink).save(tmp_path / "ink.png")
    shown = Canvas(4, 3, background).decode("ink", tmp_path / "ink.png").pixels
    assert shown[0, :2].min() == shown[0, :2].max() == 200
    assert shown[:, 2:].min() == shown[:, 2:].max() == background
    palette = Image.fromarray(ink[..., 3]).convert("P")
    palette.save(tmp_path / "palette.png", transparency=bytes([0] * 255))
    shown = Canvas(4, 1, background).decode("palette", tmp_path / "palette.png").pixels
    assert shown[0, 3, 3] == background


def test_sixteen_bits_become_eight(tmp_path: Path) -> None:
    deep = np.arange(256, dtype=np.uint16).reshape(16, 16) * 257
    Image.fromarray(deep).save(tmp_path / "deep.png")
    shown = Canvas(16, 1).decode("deep", tmp_path / "deep.png").pixels
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
    with pytest.warns(UserWarning, match=r"left out: 1 of \.txt \(notes\.txt\)$"):
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
    with pytest.raises(ValueError, match=r"003\.png \(.*: remove or replace"):
        folder(tmp_path / "set")
    assert list((cache / "decoded").iterdir()) == []  # nothing half-made stays behind


def test_mixed_sizes_without_a_size(tmp_path: Path) -> None:
    fill(tmp_path, 5, 12)
    assert folder(tmp_path, size=None).space == Pixels(3, 12, 12)
    Image.fromarray(np.zeros((9, 12, 3), dtype=np.uint8)).save(tmp_path / "odd.png")
    with pytest.raises(ValueError, match=r"\.png has .*give size="):
        folder(tmp_path, size=None)


def test_all_unreadable_images_are_named_or_left_out(tmp_path: Path, cache: Path) -> None:
    images = fill(tmp_path / "set", 30, 8, classes=2)
    bad = [tmp_path / "set" / f"kind{i % 2}" / f"{i:03}.png" for i in (3, 4, 11)]
    for file in bad:
        file.write_bytes(file.read_bytes()[:60])
    (tmp_path / "set" / "kind0" / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    told = r"(?s)4 of the 31 images .*skip_unreadable=True"
    with pytest.raises(ValueError, match=told) as caught:
        folder(tmp_path / "set", size=8)
    assert all(str(file) in str(caught.value) for file in [*bad, "gone.jpg"])
    assert list((cache / "decoded").iterdir()) == []
    with pytest.warns(UserWarning, match=r"4 of 31 images were left out:\n(.*\n)*.*gone\.jpg"):
        data = folder(tmp_path / "set", size=8, labels=True, skip_unreadable=True)
    parts = (data.train, data.validation, data.test)
    seen = {bytes(x): int(y) for s in parts for x, y in zip(s.tensors[0].numpy(), s.tensors[1])}
    good = [i for i in range(30) if i not in (3, 4, 11)]
    assert seen == {bytes(images[i].transpose(2, 0, 1)): i % 2 for i in good}
    assert data.origin["unreadable images left out"] == 4
    for file in (tmp_path / "set").rglob("*.png"):
        file.write_bytes(b"")
    with pytest.raises(ValueError, match=r"31 of the 31 .*(\n.*){20}\n  and 11 more\n"):
        folder(tmp_path / "set", size=8, skip_unreadable=True)


def test_links_are_followed_and_circles_are_not(tmp_path: Path) -> None:
    fill(tmp_path / "elsewhere", 9, 8)
    fill(tmp_path / "set" / "own", 9, 8)
    (tmp_path / "set" / "linked").symlink_to(tmp_path / "elsewhere" / "kind0")
    (tmp_path / "set" / "own" / "back").symlink_to(tmp_path / "set")
    one = tmp_path / "set" / "own" / "alias.PNG"
    one.symlink_to(tmp_path / "elsewhere" / "kind0" / "000.png")
    data = folder(tmp_path / "set", size=8, labels=True)
    assert data.classes == ("linked", "own")
    y = torch.cat([s.tensors[1] for s in (data.train, data.validation, data.test)])
    assert torch.bincount(y).tolist() == [9, 10]


def test_suffixes_in_any_case_and_those_that_are_not_read(tmp_path: Path) -> None:
    for i, suffix in enumerate(("PNG", "Jpg", "JPEG", "TiF", "jfif", "BMP")):
        kind = "JPEG" if suffix == "jfif" else None
        Image.new("RGB", (8, 8), (40 * i, 0, 0)).save(tmp_path / f"{i}.{suffix}", kind)
    for name in ("a.HEIC", "b.heic", "c.avif", "Thumbs.db", "none"):
        (tmp_path / name).write_bytes(b"?")
    told = r"left out: 2 of \.heic \((a\.HEIC|b\.heic)\), 1 of \.avif \(c\.avif\), 1 of no suffix"
    with pytest.warns(UserWarning, match=told):
        assert sum(map(len, parts(folder(tmp_path, size=8)))) == 6
    for file in tmp_path.glob("[0-9]*"):
        file.unlink()
    with pytest.raises(ValueError, match=r"but found 2 of \.heic .* convert them to PNG or JPEG"):
        folder(tmp_path)


def parts(data):
    return data.train, data.validation, data.test


def test_what_is_done_to_images_is_said(tmp_path: Path) -> None:
    fill(tmp_path, 9, 8)
    Image.new("RGBA", (8, 8), (9, 9, 9, 100)).save(tmp_path / "glass.png")
    Image.new("RGBA", (8, 8), (9, 9, 9, 255)).save(tmp_path / "wall.png")
    deep = RNG.randint(4096, size=(8, 8)).astype(np.uint16)
    deep[0, 0] = 4095
    Image.fromarray(deep).save(tmp_path / "deep.png")
    frames = [Image.new("L", (8, 8), grey) for grey in (0, 200)]
    frames[0].save(tmp_path / "film.gif", save_all=True, append_images=frames[1:])
    with pytest.warns() as caught:
        data = folder(tmp_path, size=8, background=7)
    said = sorted(str(w.message) for w in caught)
    assert data.origin["remarks"] == [line.split(": ", 1)[1] for line in said]
    for told in (
        "1 image with transparency were laid over the grey value 7",
        "1 image with several frames",
        "1 image of 16 bits became 8 bits",
        "1 image of 16 bits hold nothing above 4095: if they are 12 bits in 16",
    ):
        assert sum(told in line for line in said) == 1, told
    assert len(said) == 4
    shown = Canvas(8, 1, bits=12).decode("deep", tmp_path / "deep.png")
    assert np.abs(shown.pixels[0] - deep / 4095 * 255).max() <= 0.5
    assert shown.remarks == ("of 16 bits became 8 bits",)
    with pytest.raises(ValueError, match="beyond 10 bits"):
        Canvas(8, 1, bits=10).decode("deep", tmp_path / "deep.png")


def test_deep_colours_are_said(tmp_path: Path) -> None:
    """Pillow cannot write 16-bit colours, so the file is made by hand."""
    rows = RNG.randint(65536, size=(4, 4, 3)).astype(">u2")
    body = b"".join(b"\0" + row.tobytes() for row in rows)
    png = b"\x89PNG\r\n\x1a\n"
    for kind, data in (
        (b"IHDR", struct.pack(">IIBBBBB", 4, 4, 16, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(body)),
        (b"IEND", b""),
    ):
        png += struct.pack(">I", len(data)) + kind + data
        png += struct.pack(">I", zlib.crc32(kind + data))
    shown = Canvas(4).decode("deep", png)
    assert shown.remarks == ("of 16 bits became 8 bits",)
    assert np.abs(shown.pixels.transpose(1, 2, 0) - rows.astype(int) / 257).max() <= 1


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tiff"])
def test_a_file_that_would_start_a_program_is_refused(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = []
    for call in ("run", "Popen", "call", "check_call", "check_output"):
        monkeypatch.setattr(f"subprocess.{call}", lambda *a, **k: started.append(a))
    script = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\nshowpage\n"
    (tmp_path / name).write_bytes(script)
    # Pillow itself would open it, and run Ghostscript once its pixels are asked for.
    with Image.open(tmp_path / name) as image:
        assert image.format == "EPS"
    for source in (script, tmp_path / name):
        with pytest.raises(ValueError, match=r"no whole PNG, .* begins with b'%!PS"):
            Canvas(8).decode(name, source)
    assert not started


def test_pixels_beyond_counting_are_refused_in_words(tmp_path: Path) -> None:
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + header
    bomb += struct.pack(">I", zlib.crc32(b"IHDR" + header)) + b"\0\0\0\x09IDAT" + bytes(13)
    with pytest.raises(ValueError, match=r"bomb \(.*3600000000 pixels.* make it smaller"):
        Canvas(8).decode("bomb", bomb)


def test_names_of_any_characters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["[red]", "a: b", 'say "no"', "it's", "\N{CAT}", "100%20?x=1&y=2", "[b]", "new\nline"]
    for name in names:
        fill(tmp_path / "[red] {0} \N{DOG}?a=1" / name, 4, 8)
    (tmp_path / "[red] {0} \N{DOG}?a=1" / os.fsdecode(b"not utf-8 \xff")).mkdir()
    Image.new("L", (8, 8)).save(
        tmp_path / "[red] {0} \N{DOG}?a=1" / os.fsdecode(b"not utf-8 \xff/a.png")
    )
    monkeypatch.setenv("FORCE_COLOR", "1")  # the bar is shown, and its title drawn
    data = folder(tmp_path / "[red] {0} \N{DOG}?a=1", size=8, labels=True)
    assert set(data.classes) == {*names, os.fsdecode(b"not utf-8 \xff")}

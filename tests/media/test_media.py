"""What each medium shows, embeds and writes, read again by somebody else's reader."""

from __future__ import annotations

import base64
import csv
import io
import re
import wave
from html.parser import HTMLParser

import numpy as np
import pytest
import torch
from PIL import Image

import pushforward as pf
from pushforward.core.vocabulary import Vocabulary
from pushforward.media import medium_of
from pushforward.media.images import Images
from pushforward.media.medium import first
from pushforward.media.sounds import PAUSE

WORDS = Vocabulary(("a", "cat", "<b>", "."))
TEXT = {"words": list(WORDS.words), "unit": "words"}


class Tags(HTMLParser):
    """Elements with their attributes, and the text between them."""

    def __init__(self, text: str):
        super().__init__()
        self.found, self.text = [], ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.text += data


def carried(page: str, kind: str) -> bytes:
    """The file that an element carries."""
    return base64.b64decode(re.search(rf'src="data:{kind};base64,([^"]+)"', page)[1])


@pytest.mark.parametrize(
    ("space", "about", "name"),
    [
        (pf.Pixels(1, 4, 4), {}, "Images"),
        (pf.Reals((2,)), {}, "Points"),
        (pf.Reals((3,)), {}, "Table"),
        (pf.Reals((3, 4, 4)), {}, "Table"),
        (pf.Tokens(4, 5), {}, "Table"),
        (pf.Tokens(4, 5), TEXT, "Text"),
        (pf.Tokens(4, 256), {"rate": 8_000}, "Sounds"),
        (pf.Pixels(1, 4, 4), {"rate": 8_000}, "Images"),
    ],
)
def test_a_space_and_what_is_known_of_data_tell_the_medium(space, about, name):
    assert type(medium_of(space, about)).__name__ == name


def test_the_first_of_many_batches_are_taken_and_all_are_seen():
    seen = []

    def batches():
        for i in range(4):
            seen.append(i)
            yield torch.full((3,), i)

    assert first(batches(), 5).tolist() == [0, 0, 0, 1, 1]
    assert seen == [0, 1, 2, 3]
    with pytest.raises(ValueError, match="there are no samples"):
        first([], 5)


def test_a_sheet_of_very_many_images_stays_a_picture(tmp_path):
    medium = Images(pf.Pixels(1, 8, 8, 17))
    batches = (torch.full((1_000, 1, 8, 8), i % 17).byte() for i in range(100))
    assert medium.write(batches, tmp_path / "a.png") == medium.most == 1_024
    with Image.open(tmp_path / "a.png") as image:
        assert image.size == ((32 * 9 - 1) * 4, (32 * 9 - 1) * 4)
        tiles = np.asarray(image)[2 :: 9 * 4, 2 :: 9 * 4, 0].flatten()
    assert (tiles[:1_000] == 0).all()
    assert (tiles[1_000:] == round(255 / 16)).all()


@pytest.mark.parametrize(("side", "most"), [(28, 1_024), (256, 256), (1_024, 16), (10_000, 1)])
def test_large_images_are_fewer(side, most):
    assert Images(pf.Pixels(3, side, side)).most == most


def test_an_image_of_any_number_of_channels_can_be_seen():
    for channels, colour in ((2, [255, 255, 0]), (4, [255, 255, 255])):
        space = pf.Pixels(channels, 2, 2)
        image = Images(space).show(torch.full((1, channels, 2, 2), 255).byte())
        assert np.asarray(image)[0, 0].tolist() == colour
    with pytest.raises(ValueError, match="there are no images to show"):
        Images(space).show(torch.zeros(0, 4, 2, 2).byte())


def test_images_and_points_are_carried_by_a_page(tmp_path):
    x = torch.rand(20, 2)
    for medium, samples in (
        (medium_of(pf.Pixels(1, 2, 2)), torch.zeros(3, 1, 2, 2).byte()),
        (medium_of(pf.Reals((2,))), x),
    ):
        page = medium.html(samples, 'six "digits" & <more>')
        ((tag, attributes),) = Tags(page).found
        assert (tag, attributes["alt"]) == ("img", 'six "digits" & <more>')
        assert medium.write([samples], tmp_path / "a.png") == len(samples)
        assert carried(page, "image/png") == (tmp_path / "a.png").read_bytes()


def test_sounds_are_written_batch_by_batch(tmp_path):
    medium = medium_of(pf.Tokens(100, 256), {"rate": 1_000})
    x = torch.randint(256, (5, 100), generator=torch.Generator().manual_seed(0))
    assert medium.write(x.split(2), tmp_path / "a.wav") == 5
    with wave.open(str(tmp_path / "a.wav")) as sound:
        assert (sound.getframerate(), sound.getnframes()) == (1_000, 5 * (100 + 200))
        heard = np.frombuffer(sound.readframes(-1), "<i2").reshape(5, 300)
    # ITU-T G.711 with 256 values: sign(y) (256^|y| - 1) / 255 for y from -1 to 1
    y = 2 * x.double().numpy() / 255 - 1
    expected = np.sign(y) * (256 ** np.abs(y) - 1) / 255
    np.testing.assert_allclose(heard[:, :100] / 32767, expected, atol=1e-4)
    assert (heard[:, 100:] == 0).all(), f"{PAUSE} seconds of silence"
    page = medium.html(x, "five sounds")
    assert Tags(page).found[0][1]["aria-label"] == "five sounds"
    assert carried(page, "audio/wav") == (tmp_path / "a.wav").read_bytes()
    assert medium.show(x)._repr_html_().startswith("<audio controls")


def test_more_than_an_hour_of_sound_is_cut(tmp_path):
    medium = medium_of(pf.Tokens(800, 256), {"rate": 1})
    assert medium.most == 4
    assert medium.write([torch.zeros(3, 800).long()] * 5, tmp_path / "a.wav") == 4
    with wave.open(str(tmp_path / "a.wav")) as sound:
        assert sound.getnframes() == 4 * 800


def test_text_is_a_line_for_each_sentence(tmp_path):
    medium = medium_of(pf.Tokens(5, 5), TEXT)
    x = WORDS.encode(["a cat.", "a <b> cat."][:1] * 3, 5)
    x[1, 1] = 3
    assert medium.write(x.split(1), tmp_path / "a.txt") == 3
    assert (tmp_path / "a.txt").read_text() == "a cat .\na <b> .\na cat .\n" == medium.show(x)
    read = Tags(medium.html(x, "three sentences"))
    assert [tag for tag, _ in read.found] == ["pre"], "what is said is no markup"
    assert read.text == medium.show(x)


def test_a_table_holds_the_numbers(tmp_path):
    medium = medium_of(pf.Reals((2, 5)))
    x = torch.randn(6, 2, 5, generator=torch.Generator().manual_seed(0))
    assert medium.write(x.split(4), tmp_path / "a.csv") == 6
    with open(tmp_path / "a.csv", newline="") as file:
        lines = list(csv.reader(file))
    assert lines[0] == [f"x{i}" for i in range(10)]
    assert (torch.tensor([[float(v) for v in line] for line in lines[1:]]) == x.flatten(1)).all()
    shown = medium.show(x).splitlines()
    assert len(shown) == 7
    assert shown[0].split() == [*(f"x{i}" for i in range(8)), "…"]
    assert shown[1].split()[0] == f"{x[0, 0, 0]:.4g}"
    read = Tags(medium.html(x, "six data"))
    assert read.found[0] == ("table", {"aria-label": "six data"})
    assert [tag for tag, _ in read.found].count("td") == 6 * 9


def test_a_table_ends_where_it_would_be_unwieldy(tmp_path):
    medium = medium_of(pf.Tokens(2_048, 3))
    assert medium.most == 512
    assert medium.write([torch.zeros(300, 2_048).long()] * 3, tmp_path / "a.csv") == 512
    assert len((tmp_path / "a.csv").read_text().splitlines()) == 513


def test_bytes_of_a_png_are_those_of_pillow():
    from pushforward.media.images import png

    image = Images(pf.Pixels(1, 2, 2)).show(torch.zeros(1, 1, 2, 2).byte())
    with Image.open(io.BytesIO(png(image))) as again:
        assert (np.asarray(again) == np.asarray(image)).all()

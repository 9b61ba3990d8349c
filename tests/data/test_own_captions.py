"""Captions of one's own images: beside them, in lists, in shards and on the hub."""

from __future__ import annotations

import csv
import io
import sys
import tarfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

import pushforward as pf
from pushforward.core import bpe
from pushforward.core.dataset import PARTS
from pushforward.core.spaces import Tokens
from pushforward.data import find
from pushforward.data.captions import Captions

COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255)}
N = 24


def images() -> list[tuple[np.ndarray, str]]:
    """Squares of one colour, in as many shades as there are, and what is said of them."""
    made = []
    for i in range(N):
        name = list(COLOURS)[i % 3]
        image = np.full((8, 8, 3), 2 * i, np.uint8)
        made.append((np.maximum(image, np.uint8(COLOURS[name])), f"a {name} square, number {i}"))
    return made


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    top = tmp_path / "photos"
    for i, (image, said) in enumerate(images()):
        place = top / ("a", "b")[i % 2]
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(place / f"{i}.png")
        (place / f"{i}.txt").write_text(f"\ufeff{said.replace(',', ',' + chr(10))} \n", "utf-8")
    return top


def agrees(data: pf.Dataset) -> None:
    """Every picture stands beside its own caption, and all are there."""
    captions = Captions.recorded(data.origin)
    known = {image.transpose(2, 0, 1).tobytes(): said for image, said in images()}
    total = 0
    for part in PARTS:
        x, text = getattr(data, part).at(slice(0, None))
        said = captions.decode(text)
        assert [known[bytes(row)] for row in x.numpy()] == said
        total += len(said)
    assert total == N
    assert isinstance(data.given, Tokens)
    assert data.classes == ()


@pytest.mark.filterwarnings("error")
def test_files_of_text_lie_beside_images(photos: Path) -> None:
    data = find(f"folder:{photos}?size=8&captions=txt")
    agrees(data)
    agrees(find(f"folder:{photos}?size=8&captions=.TXT&stream=True"))
    again = find(data.origin["spec"])
    assert again.describe() == data.describe()
    (photos / "a" / "0.txt").write_text("another text")
    assert find(data.origin["spec"]).describe() != data.describe()


@pytest.mark.parametrize("name", ["metadata.csv", "said.tsv", "metadata.parquet"])
def test_a_list_names_images_and_captions(photos: Path, name: str) -> None:
    for file in photos.rglob("*.txt"):
        file.unlink()
    rows = [(f"{'ab'[i % 2]}/{i}.png", said) for i, (_, said) in enumerate(images())]
    if name.endswith("parquet"):
        places, said = zip(*rows)
        pq.write_table(pa.table({"path": places, "n": range(N), "caption": said}), photos / name)
    else:
        with (photos / name).open("w", newline="") as stream:
            mark = "\t" if name.endswith("tsv") else ","
            lines = csv.writer(stream, delimiter=mark)
            lines.writerows([("file_name", "text", "n"), *((*row, 0) for row in rows)])
    agrees(find(f"folder:{photos}?size=8&captions={name}"))


def test_whatever_lacks_the_other_is_named(photos: Path) -> None:
    for i in (0, 2, 4):
        (photos / "a" / f"{i}.txt").unlink()
    (photos / "a" / "6.txt").write_text(" \n")
    (photos / "b" / "stray.txt").write_text("nothing")
    with pytest.raises(ValueError, match="images have no caption") as error:
        find(f"folder:{photos}?captions=txt")
    told = str(error.value)
    assert "4 images have no caption: a/0.png, a/2.png, a/4.png, a/6.png" in told
    assert "1 captions have no image: b/stray" in told
    for file in photos.rglob("*.txt"):
        file.unlink()
    with pytest.raises(ValueError, match=r"24 images have no caption: .* and 14 more$"):
        find(f"folder:{photos}?captions=txt")


@pytest.mark.filterwarnings("ignore:the folder")
def test_lists_that_do_not_fit_are_told(photos: Path) -> None:
    def told(name: str, text: str, said: str, kind: type[Exception] = ValueError) -> None:
        if text:
            (photos / name).write_text(text)
        with pytest.raises(kind, match=said):
            find(f"folder:{photos}?captions={name}")

    told("gone.csv", "", "no list of captions", FileNotFoundError)
    told("a.csv", "name,text\na/0.png,x\n", "one column called file_name or .* columns are name")
    told("b.csv", "file,path,text\na,b,c\n", "has file and path")
    told("c.csv", "file,text\na/0.png,x\na/0.png,y\n", "listed more than once: a/0.png")
    told("d.csv", "file,text\na/0.png,x\nz.png,y\n", "23 images have no .*1 captions .*: z.png")
    told("e.csv", "file,text\n", "holds no rows")
    (photos / "f.csv").write_bytes("file,text\na/0.png,\xe9\n".encode("latin-1"))
    told("f.csv", "", "no list that can be read")
    (photos / "a" / "0.txt").write_bytes(b"\xff\xfe")
    told("txt", "", "0.txt is no UTF-8 text")
    with pytest.raises(ValueError, match="leave one of them out"):
        find(f"folder:{photos}?captions=txt&labels=True")


def test_captions_longer_than_there_is_room_for_are_named(photos: Path) -> None:
    (photos / "a" / "0.txt").write_text("\N{CAT}ж" * 200)
    (photos / "a" / "2.txt").write_text("\N{DOG}ю" * 200)
    with pytest.raises(ValueError, match=r"256 tokens, but \d have more: .*; shorten them"):
        find(f"folder:{photos}?size=8&captions=txt&validation=0&seed=3")


def table(path: Path, said: list[str | None]) -> Path:
    cells = []
    for image, _ in images():
        stream = io.BytesIO()
        Image.fromarray(image).save(stream, "PNG")
        cells.append({"bytes": stream.getvalue(), "path": None})
    path.parent.mkdir(parents=True, exist_ok=True)
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    pq.write_table(pa.table({"image": pa.array(cells, kind), "text": said}), path)
    return path


def test_columns_of_text(hub, tmp_path: Path) -> None:
    said = [text for _, text in images()]
    agrees(find(f"shards:{table(tmp_path / 'a.parquet', said)}?size=8&captions=text"))
    table(hub.folder("me/told") / "train.parquet", said)
    agrees(find("hub:me/told?size=8&captions=text"))
    lacking = table(tmp_path / "b.parquet", [None, " ", *said[2:]])
    with pytest.raises(ValueError, match=r"2 rows have no caption: row 0 of b\.parquet, row 1"):
        find(f"shards:{lacking}?size=8&captions=text")
    with pytest.raises(ValueError, match=r"no captions column 'words': choose one .*'text'"):
        find("hub:me/told?captions=words")


def tar(path: Path, left_out: tuple[str, ...] = ()) -> Path:
    with tarfile.open(path, "w") as file:
        for i, (image, said) in enumerate(images()):
            stream = io.BytesIO()
            Image.fromarray(image).save(stream, "PNG")
            for name, content in ((f"{i}.png", stream.getvalue()), (f"{i}.txt", said.encode())):
                if name not in left_out:
                    member = tarfile.TarInfo(name)
                    member.size = len(content)
                    file.addfile(member, io.BytesIO(content))
    return path


def test_tars_hold_text_beside_images(tmp_path: Path) -> None:
    agrees(find(f"shards:{tar(tmp_path / 'a.tar')}?size=8&captions=txt"))
    agrees(find(f"shards:{tmp_path / 'a.tar'}?size=8&captions=txt&stream=True"))
    less = tar(tmp_path / "b.tar", ("3.txt", "5.txt"))
    with pytest.raises(ValueError, match=r"2 of the 24 .* no 3.txt beside 3.png, nor beside 5.png"):
        find(f"shards:{less}?captions=txt")
    stray = tar(tmp_path / "c.tar", ("3.png", "7.png"))
    with pytest.raises(ValueError, match=r"2 captions have no image: 3.txt, 7.txt"):
        find(f"shards:{stray}?captions=txt")


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_own_captions_are_learned_from_the_shell(photos: Path, tmp_path: Path, capsys) -> None:
    """In Cyrillic; a picture of which a part is known is completed as well."""
    from pushforward.cli import Stop, main

    said = {"red": "красный", "green": "зелёный", "blue": "синий"}
    for i in range(N):
        (photos / "ab"[i % 2] / f"{i}.txt").write_text(
            f"{said[list(COLOURS)[i % 3]]} квадрат", "utf-8"
        )
    words = ("train", "dalle_digits", "--data", f"folder:{photos}?size=8&captions=txt")
    small = ("--width", "16", "--layers", "1", "--codes", "8", "--quiet")
    main([*words, *small, "--steps", "5", "--out", str(tmp_path / "run")])
    path = str(tmp_path / "run" / "checkpoint.safetensors")
    out = ("--n", "2", "--out", str(tmp_path / "drawn.png"), "--force")
    capsys.readouterr()
    main(["sample", path, "--text", "синий квадрат", *out])
    assert not capsys.readouterr().err
    main(["sample", path, "--text", "лиловый квадрат", *out])
    assert "no caption of the training had 'лиловый'" in capsys.readouterr().err
    part = np.full((3, 8, 8), -1)
    part[:, :4] = 200
    np.save(tmp_path / "part.npy", part)
    main(["sample", path, "--text", "синий квадрат", "--partial", str(tmp_path / "part.npy"), *out])
    assert (np.load(tmp_path / "drawn.npy")[:, :, :4] == 200).all()
    with pytest.raises(Stop, match=r"may have 18 tokens, as .* but 'квадрат .* has \d+: say"):
        main(["sample", path, "--text", "квадрат " * 30, *out])
    big = ("--codes", "5000", "--steps", "5", "--quiet", "--out", str(tmp_path / "big"))
    with pytest.raises(Stop, match="codebook of 5000 codewords is larger than the data"):
        main([*words, *big])


def test_without_the_library_its_extra_is_named(photos: Path, monkeypatch) -> None:
    data = find(f"folder:{photos}?size=8&captions=txt")
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    bpe._tokenizer.cache_clear()
    for read in (
        lambda: find(f"folder:{photos}?size=8&captions=txt"),
        lambda: find("captioned"),
        lambda: Captions.recorded(data.origin).encode(["a red square"]),
    ):
        with pytest.raises(ValueError, match=r'tokenizers: pip install "pushforward\[text\]"'):
            read()

"""Images that are larger than memory: the same data, the same losses, read when they are needed."""

import io
import os
import tarfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

import pushforward as pf
from pushforward.core import streams
from pushforward.data import find

RNG = np.random.RandomState(3)
IMAGES = RNG.randint(256, size=(40, 8, 8, 3)).astype(np.uint8)


@pytest.fixture(autouse=True)
def _places(tmp_path, monkeypatch):
    monkeypatch.setenv("PUSHFORWARD_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PUSHFORWARD_READERS", "0")


def encoded(image, kind="PNG"):
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, kind)
    return stream.getvalue()


def tar(path: Path, members):
    with tarfile.open(path, "w") as file:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            file.addfile(info, io.BytesIO(content))
    return path


def as_folder(top, images=IMAGES):
    for i, image in enumerate(images):
        (top / f"k{i % 3}").mkdir(parents=True, exist_ok=True)
        (top / f"k{i % 3}" / f"{i:03}.png").write_bytes(encoded(image))
    return f"folder:{top}?size=8"


def as_tars(top, images=IMAGES, shards=3):
    top.mkdir(parents=True)
    for s in range(shards):
        members = []
        for i in range(s, len(images), shards):
            members += [(f"{i:04}.png", encoded(images[i])), (f"{i:04}.cls", b"%d" % (i % 3))]
        tar(top / f"part-{s:03}.tar", members)
    return f"shards:{top}?size=8"


def as_parquet(top, images=IMAGES):
    top.mkdir(parents=True)
    for s in range(2):
        rows = range(s, len(images), 2)
        table = {
            "image": [{"bytes": encoded(images[i])} for i in rows],
            "label": [i % 3 for i in rows],
        }
        pq.write_table(pa.table(table), top / f"part-{s}.parquet", row_group_size=5)
    return f"shards:{top}?size=8"


KINDS = {"folder": as_folder, "tars": as_tars, "parquet": as_parquet}


@pytest.mark.parametrize("kind", KINDS)
def test_streamed_data_are_those_in_memory(kind, tmp_path):
    spec = KINDS[kind](tmp_path / "set")
    held = find(spec + "&labels=True&stream=False")
    streamed = find(spec + "&labels=True&stream=True")
    assert streamed.train.streams
    assert not held.train.streams
    assert pf.core.dataset.identity(held.describe()) == pf.core.dataset.identity(
        streamed.describe()
    )
    known = {image.transpose(2, 0, 1).tobytes(): i % 3 for i, image in enumerate(IMAGES)}
    seen = 0
    for part in ("train", "validation", "test"):
        a, b = getattr(held, part), getattr(streamed, part)
        assert b.at(torch.tensor([-1, 0]))[0].equal(a.tensors[0][[-1, 0]])
        for (x, y), (x2, y2) in zip(a.batches(7), b.batches(7), strict=True):
            assert torch.equal(x, x2)
            assert torch.equal(y, y2)
            assert [known[row.tobytes()] for row in x2.numpy()] == y2.tolist()
            seen += len(x)
    assert seen == len(IMAGES)
    assert streamed.train.first(3).at(slice(None))[0].equal(held.train.tensors[0][:3])


def losses(data, until=None, path=None, readers="0"):
    os.environ["PUSHFORWARD_READERS"] = readers
    torch.manual_seed(0)
    model = pf.RealNVP(data.space, scales=1, couplings=1, width=4, blocks=1)
    recipe = pf.Recipe(9, 8, report_every=1, validate_every=3)
    training = pf.Training(model, data, recipe)
    if path is not None and path.exists():
        training.resume(path)
    found = []
    for report in training:
        found.append((report.loss, report.validation))
        if report.step == until:
            training.save(path)
            break
    return found, [p.detach().clone() for p in training.model.parameters()]


@pytest.mark.slow
def test_a_model_learns_the_same_put_down_in_mid_epoch_or_not(tmp_path):
    """In memory, streamed, streamed by two readers, and put down in the middle of an epoch."""
    spec = as_tars(tmp_path / "set")
    held, weights = losses(find(spec + "&stream=False"))
    streamed = find(spec + "&stream=True")
    for readers in ("0", "2"):
        found, same = losses(streamed, readers=readers)
        assert found == held
        assert all(map(torch.equal, weights, same))
    path = tmp_path / "half.safetensors"
    first, _ = losses(streamed, until=5, path=path, readers="2")
    second, same = losses(streamed, path=path, readers="1")
    assert first + second == held
    assert all(map(torch.equal, weights, same))


def test_readers_draw_nothing_from_the_global_state(tmp_path, monkeypatch):
    data = find(as_folder(tmp_path / "set") + "&stream=True")
    monkeypatch.setenv("PUSHFORWARD_READERS", "2")
    torch.manual_seed(0)
    list(data.train.batches(4))
    here = torch.rand(1)
    torch.manual_seed(0)
    assert torch.equal(here, torch.rand(1))


def all_of(data):
    return [list(part.batches(8)) for part in (data.train, data.validation, data.test)]


def test_an_image_that_changed_is_named(tmp_path, monkeypatch):
    data = find(as_folder(tmp_path / "set") + "&stream=True")
    changed = tmp_path / "set" / "k0" / "000.png"
    changed.write_bytes(encoded(IMAGES[5]))
    for readers in ("0", "2"):
        monkeypatch.setenv("PUSHFORWARD_READERS", readers)
        with pytest.raises(ValueError, match=r"000\.png is not what it was"):
            all_of(data)
    changed.unlink()
    with pytest.raises(ValueError, match=r"000\.png \(No such file"):
        all_of(data)


def test_a_reader_that_dies_is_told_in_words(tmp_path, monkeypatch):
    data = find(as_folder(tmp_path / "set") + "&stream=True")
    monkeypatch.setenv("PUSHFORWARD_READERS", "1")
    column = data.train.tensors[0]
    monkeypatch.setattr(type(column), "_decoded", lambda *_: os._exit(3))
    with pytest.raises(streams.Unread, match=r"process that reads the data has ended.*last checkp"):
        list(data.train.batches(8))


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("broken", r"k0/000\.png"),
        ("mixed", r"003\.png has \(channels.*give size="),
        ("empty", "holds no .tar and no .parquet"),
        ("no images", "holds no image: looked for.*but found .cls"),
        ("no label", "1 of the 2 images of .* have no label: there is no b.cls"),
        ("twice", "two images of example a"),
        ("words and numbers", "all numbers or all words"),
        ("cut", "no whole tar"),
        ("compressed", "compressed, and cannot be read from the middle"),
        ("not a tar", "no whole tar"),
        ("two kinds", "two kinds"),
        ("columns", r"b\.parquet has no image column 'image'"),
        ("none there", "there is no file"),
    ],
)
def test_bad_input_in_words(spec, said, tmp_path):
    top = tmp_path / "bad"
    png = encoded(IMAGES[0])
    where = BAD[spec](top, png)
    with pytest.raises((ValueError, OSError), match=said):
        find(where)


def _broken(top, png):
    where = as_folder(top)
    (top / "k0" / "000.png").write_bytes(png[:60])
    return where + "&stream=True"


def _mixed(top, png):
    as_folder(top)
    (top / "k0" / "000.png").write_bytes(encoded(IMAGES[0][:5]))
    return f"folder:{top}?size=None&stream=True"


def _empty(top, png):
    top.mkdir()
    return f"shards:{top}"


def _tar(*members, labels=False):
    def make(top, png):
        top.mkdir()
        tar(top / "a.tar", [(name, png if text is None else text) for name, text in members])
        return f"shards:{top}?labels={labels}&stream=True"

    return make


def _cut(top, png):
    _tar(("a.png", None), ("b.png", None))(top, png)
    whole = (top / "a.tar").read_bytes()
    (top / "a.tar").write_bytes(whole[: 512 * 3 + 20])
    return f"shards:{top}"


def _compressed(top, png):
    top.mkdir()
    with tarfile.open(top / "a.tar.gz", "w:gz") as file:
        info = tarfile.TarInfo("a.png")
        info.size = len(png)
        file.addfile(info, io.BytesIO(png))
    return f"shards:{top / 'a.tar.gz'}"


def _not_a_tar(top, png):
    top.mkdir()
    (top / "a.tar").write_bytes(png)
    return f"shards:{top}"


def _two_kinds(top, png):
    _tar(("a.png", None))(top, png)
    pq.write_table(pa.table({"image": [png]}), top / "b.parquet")
    return f"shards:{top}"


def _columns(top, png):
    top.mkdir()
    pq.write_table(pa.table({"image": [png]}), top / "a.parquet")
    pq.write_table(pa.table({"picture": [png]}), top / "b.parquet")
    return f"shards:{top}"


BAD = {
    "broken": _broken,
    "mixed": _mixed,
    "empty": _empty,
    "no images": _tar(("a.cls", b"1"), ("b.cls", b"2")),
    "no label": _tar(("a.png", None), ("a.cls", b"1"), ("b.png", None), labels=True),
    "twice": _tar(("a.png", None), ("a.jpg", None)),
    "words and numbers": _tar(
        *(("a.png", None), ("a.cls", b"1"), ("b.png", None), ("b.cls", b"dog")), labels=True
    ),
    "cut": _cut,
    "compressed": _compressed,
    "not a tar": _not_a_tar,
    "two kinds": _two_kinds,
    "columns": _columns,
    "none there": lambda top, png: f"shards:{top}/part-{{000..003}}.tar",
}


def test_shards_of_their_own_splits(tmp_path):
    for part, rows in (("train", IMAGES[:20]), ("val", IMAGES[20:30]), ("test", IMAGES[30:])):
        members = [(f"{i:03}.png", encoded(image)) for i, image in enumerate(rows)]
        tmp_path.joinpath("set").mkdir(exist_ok=True)
        tar(tmp_path / "set" / f"{part}-000.tar", members)
    data = find(f"shards:{tmp_path / 'set'}?size=8&stream=True")
    assert [len(s) for s in (data.train, data.validation, data.test)] == [20, 10, 10]
    few = find(f"shards:{tmp_path / 'set'}/t*-000.tar?size=8&stream=True")
    assert [len(s) for s in (few.train, few.test)] == [20 - len(few.validation), 10]


def test_a_copy_in_the_cache_that_was_cut_is_made_again(tmp_path):
    spec = as_parquet(tmp_path / "set") + "&stream=True"
    whole = find(spec).train.at(slice(None))[0]
    (pack,) = (tmp_path / "cache").rglob("encoded.bin")
    pack.write_bytes(pack.read_bytes()[:100])
    assert torch.equal(find(spec).train.at(slice(None))[0], whole)


def test_readers_are_a_number(monkeypatch):
    monkeypatch.setenv("PUSHFORWARD_READERS", "many")
    with pytest.raises(ValueError, match="PUSHFORWARD_READERS must be a number"):
        streams.readers()
    monkeypatch.delenv("PUSHFORWARD_READERS")
    assert 1 <= streams.readers() <= streams.MOST


def test_binarised_as_it_is_read(tmp_path):
    spec = as_folder(tmp_path / "set").replace("size=8", "size=8&channels=1")
    held, streamed = find(spec + "&stream=False"), find(spec + "&stream=True")
    a, b = (pf.data.binarised(data, "threshold") for data in (held, streamed))
    assert torch.equal(a.test.at(slice(None))[0], b.test.at(slice(None))[0])
    with pytest.raises(ValueError, match="would need all of it in memory"):
        pf.data.binarised(streamed, "fixed")

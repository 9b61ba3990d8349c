from __future__ import annotations

import errno
import json
import os
import re
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from pushforward.cli import main
from pushforward.data import cache_folder, folder, image_sets
from pushforward.data.cache import allocated
from pushforward.data.decoding import Canvas
from pushforward.data.image_sets import Images
from pushforward.data.pruning import DAY, entries, pruned
from pushforward.data.splits import SHUFFLED, Rule


def pictures(top: Path, n: int = 8) -> Path:
    top.mkdir()
    for i in range(n):
        Image.fromarray(np.full((6, 6, 3), 10 * i, dtype=np.uint8)).save(top / f"{i}.png")
    return top


def built(folder: Path) -> Path:
    (made,) = (folder / "decoded").iterdir()
    return made / "images.npy"


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the images that were decoded so far."""
    names: list[str] = []
    decode = Canvas.decode

    def counted(self, name, source):
        names.append(name)
        return decode(self, name, source)

    monkeypatch.setattr(Canvas, "decode", counted)
    return names


def test_decoded_once(tmp_path: Path, cache: Path, decoded: list[str]) -> None:
    top = pictures(tmp_path / "set")
    first, second = folder(top, size=6), folder(top, size=6)
    assert len(decoded) == 8
    assert first.train.tensors[0].equal(second.train.tensors[0])
    assert first.describe() == second.describe()
    folder(top, size=6, channels=1)
    assert len(decoded) == 16  # another canvas, another array


def test_a_changed_file_is_decoded_again(tmp_path: Path, decoded: list[str]) -> None:
    top = pictures(tmp_path / "set")
    folder(top, size=6)
    os.utime(top / "3.png", ns=(1, 1))
    folder(top, size=6)
    assert len(decoded) == 16


@pytest.mark.parametrize("damage", ["cut", "flip", "header", "empty", "gone", "record", "list"])
def test_a_damaged_cache_is_rebuilt(
    tmp_path: Path, cache: Path, decoded: list[str], damage: str
) -> None:
    top = pictures(tmp_path / "set")
    expected = folder(top, size=6).train.tensors[0].clone()
    path = built(cache)
    content = path.read_bytes()
    if damage == "gone":
        path.unlink()
    elif damage in ("record", "list"):
        (path.parent / "about.json").write_text("{" if damage == "record" else "[]")
    else:
        new = {"cut": content[:-9], "header": b"x" + content[1:], "empty": b""}
        path.write_bytes(new.get(damage, content[:-1] + bytes([content[-1] ^ 1])))
    assert folder(top, size=6).train.tensors[0].equal(expected)
    assert len(decoded) == 16
    folder(top, size=6)
    assert len(decoded) == 16


def test_memory_mapped_and_writable_without_changing_the_file(tmp_path: Path, cache: Path) -> None:
    top = pictures(tmp_path / "set")
    x = folder(top, size=6).train.tensors[0]
    before = built(cache).read_bytes()
    x.zero_()
    assert built(cache).read_bytes() == before


def test_order_names_and_threads(monkeypatch: pytest.MonkeyPatch, image_bytes) -> None:
    n = 300
    sources = [image_bytes(np.full((2, 2), i % 256, dtype=np.uint8)) for i in range(n)]
    rule = Rule(SHUFFLED)
    order = np.random.RandomState(0).permutation(n)

    def load(key: str) -> np.ndarray:
        items = [(f"image {i}", source) for i, source in enumerate(sources)]
        found = Images("t", n, [key], Canvas(None, 1), lambda: items, dict, rule).load()
        assert np.array_equal(found.index, order)
        return found.x.numpy()

    alone = load("one thread")
    monkeypatch.setattr(image_sets, "SMALL", 0)
    monkeypatch.setattr(os, "cpu_count", lambda: 3)
    assert np.array_equal(load("three threads"), alone)
    assert np.array_equal(alone[:, 0, 0, 0], order % 256)
    sources[250] = b"torn"
    with pytest.raises(ValueError, match="the image image 250"):
        load("torn")


def test_a_full_disk_is_told_before_writing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    top = pictures(tmp_path / "set")
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=100))
    with pytest.raises(OSError, match="PUSHFORWARD_CACHE to another disk"):
        folder(top, size=6)
    assert list((cache / "decoded").iterdir()) == []


def test_room_is_taken_before_it_is_written(tmp_path: Path, monkeypatch, cache: Path) -> None:
    """Others may fill the disk meanwhile, and a write to a map without room kills the process."""
    file = tmp_path / "a.npy"
    array = allocated(file, (1_000, 1_000))
    assert file.stat().st_blocks * 512 >= 1_000_000
    array[:] = 7
    array.flush()
    assert (np.load(file) == 7).all()
    top = pictures(tmp_path / "set")
    if hasattr(os, "posix_fallocate"):

        def full(*_: object) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(os, "posix_fallocate", full)
        with pytest.raises(OSError, match=r"the disk is full .*: make room, for instance by"):
            folder(top, size=6)
        assert list((cache / "decoded").iterdir()) == []
        monkeypatch.delattr(os, "posix_fallocate")
    allocated(file, (1_000, 2_000))  # as other systems do
    assert file.stat().st_blocks * 512 >= 2_000_000
    assert np.load(file).max() == 0
    folder(top, size=6)


def test_the_cache_is_pruned_by_age_and_size(tmp_path: Path, cache: Path) -> None:
    made = []
    for i in range(4):
        folder(pictures(tmp_path / f"set{i}"), size=6)
        (new,) = {entry.path for entry in entries(cache)} - set(made)
        made.append(new)
        then = time.time() - (4 - i) * DAY
        for path in (new, *new.iterdir()):
            os.utime(path, (then, then))
    assert [entry.path for entry in entries(cache)] == made
    folder(tmp_path / "set0", size=6)  # which is used again
    assert [entry.path for entry in entries(cache)] == [*made[1:], made[0]]
    assert [entry.path for entry in pruned(cache, days=2.5)] == made[1:2]
    size = entries(cache)[0].size
    assert [entry.path for entry in pruned(cache, most=2 * size)] == made[2:3]
    assert pruned(cache, days=100, most=10**9) == []
    dead = cache / "decoded" / ".part-dead"
    dead.mkdir()
    os.utime(dead, (0, 0))
    assert [entry.path for entry in pruned(cache)] == [dead]
    assert {entry.path for entry in pruned(cache, most=0)} == {made[0], made[3]}
    assert entries(cache) == []
    with pytest.raises(ValueError, match="most must be at least 0, not -1"):
        pruned(cache, most=-1)


def test_the_cache_can_be_looked_at(tmp_path: Path, cache: Path, capsys) -> None:
    folder(pictures(tmp_path / "set"), size=6)
    main(["cache"])
    assert re.search(r"MB  used 0 days ago  decoded/\w+\n .* MB in ", capsys.readouterr().out)
    main(["cache", "--most", "0", "--json"])
    told = json.loads(capsys.readouterr().out)
    assert (told["kept"], len(told["removed"])) == ([], 1)


def test_a_cache_that_cannot_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("PUSHFORWARD_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(OSError, match="set PUSHFORWARD_CACHE"):
        cache_folder()

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from pushforward.core.spaces import Pixels
from pushforward.data import find
from pushforward.data import hub as load
from pushforward.data.download import Remote
from pushforward.data.remote import grouped

RNG = np.random.RandomState(0)
IMAGES = RNG.randint(256, size=(40, 16, 16, 3)).astype(np.uint8)
PLAIN = IMAGES.transpose(0, 3, 1, 2)


def rows(*tensors: torch.Tensor) -> list[bytes]:
    return sorted(bytes(x) for t in tensors for x in t.numpy())


def test_lacking_splits_are_cut_from_shuffled_rows(hub, parquet_file) -> None:
    home = hub.folder("me/faces") / "data"
    kinds = ["cat", "dog"]
    labels = [int(i >= 20) for i in range(40)]  # in order of class, as many sets are
    parquet_file(home / "train-00000-of-00002.parquet", IMAGES[:25], labels[:25], classes=kinds)
    parquet_file(home / "train-00001-of-00002.parquet", IMAGES[25:], labels[25:], classes=kinds)
    data = load("me/faces", size=16, labels=True)
    assert data.name == "me/faces"
    assert data.classes == ("cat", "dog")
    splits = (data.train, data.validation, data.test)
    assert [len(s) for s in splits] == [30, 8, 2]
    assert rows(*(s.tensors[0] for s in splits)) == rows(torch.from_numpy(PLAIN.copy()))
    known = {bytes(image): label for image, label in zip(PLAIN, labels)}
    for split in splits:
        x, y = split.tensors
        assert [known[bytes(image)] for image in x.numpy()] == y.tolist()
    assert 8 < data.train.tensors[1].sum() < 24  # shuffled
    record = json.loads(json.dumps(data.describe()))
    assert record["commit"] == "main"
    assert len(record["files"]) == 2
    hub.online = False
    assert load("me/faces", size=16).test.tensors[0].equal(data.test.tensors[0])


def test_own_splits_are_kept_in_order(hub, parquet_file) -> None:
    home = hub.folder("me/own")
    for part, piece in (("train", slice(0, 20)), ("valid", slice(20, 30)), ("test", slice(30, 40))):
        parquet_file(home / f"{part}.parquet", IMAGES[piece], column="photo")
    data = find("hub:me/own")
    assert data.space == Pixels(3, 32, 32)
    data = load("me/own", size=None)
    assert data.space == Pixels(3, 16, 16)
    assert np.array_equal(data.train.tensors[0].numpy(), PLAIN[:20])
    assert np.array_equal(data.validation.tensors[0].numpy(), PLAIN[20:30])
    assert np.array_equal(data.test.tensors[0].numpy(), PLAIN[30:])


def test_own_test_split_and_a_cut_validation(hub, parquet_file) -> None:
    home = hub.folder("me/half")
    parquet_file(home / "train.parquet", IMAGES[:30])
    parquet_file(home / "test.parquet", IMAGES[30:])
    data = load("me/half", size=None)
    assert [len(s) for s in (data.train, data.validation, data.test)] == [29, 1, 10]
    assert np.array_equal(data.test.tensors[0].numpy(), PLAIN[30:])


def test_the_hubs_own_conversion_is_used(hub, parquet_file) -> None:
    (hub.folder("me/zip") / "images.zip").write_bytes(b"PK")
    home = hub.folder("me/zip", "refs/convert/parquet")
    parquet_file(home / "default" / "train" / "0000.parquet", IMAGES)
    data = load("me/zip", size=None)
    assert len(data.train) == 30
    assert data.origin["commit"] == "refs_convert_parquet"


def test_choices(hub, parquet_file) -> None:
    home = hub.folder("me/many")
    parquet_file(home / "big" / "train-0.parquet", IMAGES)
    parquet_file(home / "small" / "train-0.parquet", IMAGES[:10])
    with pytest.raises(ValueError, match=r"several configurations: choose config= of \['big', 'sm"):
        load("me/many")
    with pytest.raises(ValueError, match="no configuration 'tiny', but"):
        load("me/many", config="tiny")
    assert len(load("me/many", config="small").train) == 8
    with pytest.raises(ValueError, match=r"no label columns.*its columns are image: struct"):
        load("me/many", config="small", labels=True)
    with pytest.raises(ValueError, match=r"no image column 'photo': choose one with image='image'"):
        load("me/many", config="small", image="photo")


def test_errors(hub, monkeypatch, parquet_file) -> None:
    with pytest.raises(ValueError, match="OWNER/NAME"):
        load("faces")
    with pytest.raises(ValueError, match="OWNER/NAME"):
        load("../faces")
    hub.folder("me/text")
    with pytest.raises(ValueError, match=r"holds no parquet file.*folder:PATH"):
        load("me/text")
    parquet_file(hub.folder("me/raw") / "train.parquet", IMAGES)
    hub.online = False
    with pytest.raises(FileNotFoundError, match=r"me/raw is not complete in .*no route to host"):
        load("me/raw")


def test_unreadable_rows_can_be_left_out(hub, image_bytes) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    cells = [image_bytes(x) for x in IMAGES]
    cells[7], cells[30] = b"%!PS-Adobe-3.0 EPSF-3.0", cells[30][:200]
    table = pa.table({"image": pa.array(cells, pa.binary()), "label": list(range(40))})
    pq.write_table(table, hub.folder("me/torn") / "train.parquet")
    with pytest.raises(ValueError, match=r"(?s)2 of the 40 .*row 7 .*row 30 "):
        load("me/torn", size=16)
    with pytest.warns(UserWarning, match="2 of 40 images were left out"):
        data = load("me/torn", size=16, labels=True, skip_unreadable=True)
    for split in (data.train, data.validation, data.test):
        x, y = split.tensors
        assert np.array_equal(x.numpy(), PLAIN[y])
        assert not {7, 30} & set(y.tolist())


def test_a_damaged_page_and_a_path_that_leads_elsewhere(hub, parquet_file) -> None:
    path = parquet_file(hub.folder("me/page") / "train.parquet", IMAGES)
    content = bytearray(path.read_bytes())
    content[200:2000] = bytes(1800)
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"train\.parquet"):
        load("me/page")
    with pytest.raises(ValueError, match=r"o/n lists '\.\./x\.parquet': it leads elsewhere"):
        grouped([Remote("o/n", "c", "../x.parquet", 1, "s")])


def test_records_of_strange_forms_say_nothing(tmp_path: Path, parquet_file) -> None:
    import pyarrow.parquet as pq

    from pushforward.data import parquet

    plain = pq.read_table(parquet_file(tmp_path / "a.parquet", IMAGES[:5], [0, 1, 2, 0, 1]))
    for record in (b"[]", b"{", b'{"info": 3}', b'{"info": {"features": {"label": []}}}'):
        pq.write_table(plain.replace_schema_metadata({b"huggingface": record}), tmp_path / "b")
        assert parquet.label_column(tmp_path / "b") == "label"
        assert parquet.class_names(tmp_path / "b", "label") == ()


def test_unknown_repository(monkeypatch, hub) -> None:
    from huggingface_hub.errors import HFValidationError

    def refuse(*_args):
        raise HFValidationError("no such name")

    monkeypatch.setattr(hub, "dataset_info", lambda *a, **k: refuse())
    with pytest.raises(ValueError, match="no data set 'me/nothing' that you may see"):
        load("me/nothing")


def test_no_declared_sum_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="declares no SHA-256"):
        Remote("me/raw", "main", "train.parquet", 3, None).fetch(tmp_path / "train.parquet")


def test_a_row_without_an_image_and_a_torn_one(hub, image_bytes) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    sound = image_bytes(IMAGES[0])
    for name, cell, message in (
        ("me/hole", None, r"row 3 of .*train\.parquet holds no image"),
        ("me/torn", sound[:300], r"cannot read the image in row 3 of .*train\.parquet"),
    ):
        table = pa.table({"image": pa.array([sound] * 3 + [cell] + [sound] * 3, pa.binary())})
        pq.write_table(table, hub.folder(name) / "train.parquet")
        with pytest.raises(ValueError, match=message):
            load(name)


def test_files_are_grouped_by_configuration_and_split() -> None:
    paths = [
        "README.md",
        "data/train-00000-of-00002.parquet",
        "data/train-00001-of-00002.parquet",
        "data/validation-00000-of-00001.parquet",
        "fine/partial-train/0000.parquet",
        "fine/test/0000.parquet",
        "testimony.parquet",
    ]
    found = grouped(Remote("o/n", "c", path, 1, "s") for path in paths)
    shape = {
        config: {part: len(files) for part, files in groups.items()}
        for config, groups in found.items()
    }
    assert shape == {
        "data": {"train": 2, "validation": 1},
        "fine/partial-train": {"train": 1},
        "fine": {"test": 1},
        ".": {"train": 1},
    }

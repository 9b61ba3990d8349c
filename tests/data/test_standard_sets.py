from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from pushforward.core.spaces import Pixels
from pushforward.data import DynamicBinarisation, cifar10, find, mnist
from pushforward.data import parquet as columns
from pushforward.data.decoding import Canvas

FILES = ("train-00000-of-00001.parquet", "test-00000-of-00001.parquet")
RNG = np.random.RandomState(0)
TRAIN = RNG.randint(256, size=(30, 28, 28)).astype(np.uint8)
TEST = RNG.randint(256, size=(9, 28, 28)).astype(np.uint8)


@pytest.fixture
def write(parquet_file):
    """Writes MNIST in small."""

    def write(folder: Path) -> Path:
        parquet_file(folder / FILES[0], TRAIN, [i % 10 for i in range(30)])
        parquet_file(folder / FILES[1], TEST, [i % 10 for i in range(9)])
        return folder

    return write


def test_local_files(tmp_path: Path, write) -> None:
    write(tmp_path / "mnist")
    data = mnist(labels=True, validation=10, root=tmp_path)
    assert data.name == "MNIST"
    assert data.space == Pixels(1, 28, 28)
    x = torch.cat([data.train.tensors[0], data.validation.tensors[0]])
    assert np.array_equal(x[:, 0].numpy(), TRAIN)  # the original order: the last ones validate
    assert np.array_equal(data.test.tensors[0][:, 0].numpy(), TEST)
    assert data.validation.tensors[1].tolist() == list(range(10))
    assert data.classes == tuple("0123456789")
    record = json.loads(json.dumps(data.describe()))
    assert record["split"].startswith("validation: the last 10 of train")
    assert record["encoding"] == "PNG"
    assert record["sha256"][FILES[1]] == columns.sha256(tmp_path / "mnist" / FILES[1])


def test_root_then_environment_then_cache(
    tmp_path, cache, write, parquet_file, monkeypatch
) -> None:
    write(cache / "mnist")
    monkeypatch.setenv("PUSHFORWARD_DATA", str(tmp_path / "mine"))
    assert len(mnist(validation=10).test) == 9
    parquet_file(tmp_path / "mine/mnist" / FILES[0], TRAIN)
    parquet_file(tmp_path / "mine/mnist" / FILES[1], TEST[:5])
    assert len(mnist(validation=10).test) == 5
    assert len(mnist(validation=10, root=cache).test) == 9


def test_binarised(tmp_path: Path, write) -> None:
    write(tmp_path / "mnist")
    data = mnist(binarise="dynamic", validation=10, root=tmp_path)
    assert data.space == Pixels(1, 28, 28, 2)
    assert data.name == "MNIST (dynamic binarisation)"
    assert data.test.view == DynamicBinarisation(256)
    assert data.origin["spec"] == f"mnist?binarise=dynamic&validation=10&root={tmp_path}"
    assert find(data.origin["spec"]).describe() == data.describe()
    fixed = mnist(binarise="fixed", validation=10, root=tmp_path)
    assert fixed.train.tensors[0].max() == 1
    assert fixed.train.tensors[0].float().mean() == pytest.approx(TRAIN.mean() / 255, abs=0.02)


def test_a_jpeg_copy_of_cifar_says_so(tmp_path: Path, parquet_file) -> None:
    images = RNG.randint(256, size=(12, 32, 32, 3)).astype(np.uint8)
    for kind, name in (("PNG", "CIFAR-10"), ("JPEG", "CIFAR-10 (JPEG)")):
        for file in FILES:
            path = tmp_path / kind / "cifar10" / file
            parquet_file(path, images, [i % 10 for i in range(12)], column="img", kind=kind)
        data = cifar10(labels=True, validation=4, root=tmp_path / kind)
        assert (data.name, data.origin["encoding"]) == (name, kind)
        assert data.space == Pixels(3, 32, 32)
        assert data.classes[9] == "truck"
    lossless = cifar10(validation=4, root=tmp_path / "PNG").test.tensors[0]
    assert np.array_equal(lossless.numpy(), images.transpose(0, 3, 1, 2))


def test_downloaded_checked_and_kept(cache: Path, hub, write) -> None:
    write(hub.folder("ylecun/mnist") / "mnist")
    assert len(mnist(validation=10).train) == 20
    assert hub.calls == [("info", "ylecun/mnist"), *(("file", f"mnist/{name}") for name in FILES)]
    assert sorted(path.name for path in (cache / "mnist").iterdir()) == sorted(FILES)
    hub.online = False
    assert len(mnist(validation=10).train) == 20


def test_only_what_is_missing_is_downloaded(cache: Path, hub, write, tmp_path: Path) -> None:
    write(hub.folder("ylecun/mnist") / "mnist")
    (tmp_path / "mine" / "mnist").mkdir(parents=True)
    shutil.copy(hub.folder("ylecun/mnist") / "mnist" / FILES[0], tmp_path / "mine" / "mnist")
    mnist(validation=10, root=tmp_path / "mine")
    assert hub.calls == [("info", "ylecun/mnist"), ("file", f"mnist/{FILES[1]}")]
    assert not (cache / "mnist").exists()


def test_a_download_that_does_not_match_is_refused(cache: Path, hub, write) -> None:
    write(hub.folder("ylecun/mnist") / "mnist")
    hub.tamper = True
    with pytest.raises(ValueError, match=r"SHA-256 .* is what was declared"):
        mnist(validation=10)
    assert not any(path.suffix == ".parquet" for path in (cache / "mnist").rglob("*"))
    hub.tamper = False
    assert len(mnist(validation=10).train) == 20


def test_no_data_and_no_network(tmp_path: Path, cache: Path, hub, monkeypatch) -> None:
    hub.online = False
    monkeypatch.setenv("PUSHFORWARD_DATA", str(tmp_path / "mine"))
    with pytest.raises(FileNotFoundError) as caught:
        find("mnist")
    said = str(caught.value)
    for part in (FILES[0], tmp_path / "mine" / "mnist", cache / "mnist", "no route to host"):
        assert str(part) in said
    assert "https://huggingface.co/datasets/ylecun/mnist" in said


def test_bad_files(tmp_path: Path, write) -> None:
    folder = write(tmp_path / "mnist")
    with pytest.raises(ValueError, match="validation must be less than 30, not 30"):
        mnist(validation=30, root=tmp_path)
    with pytest.raises(ValueError, match="validation must be a whole number"):
        mnist(validation=0, root=tmp_path)
    (folder / FILES[0]).write_bytes((folder / FILES[0]).read_bytes()[:-20])
    with pytest.raises(ValueError, match=rf"{FILES[0]} is no whole parquet file"):
        mnist(root=tmp_path)


def test_larochelles_files(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"binarized_mnist_train\.amat.*not comparable"):
        mnist(binarise="larochelle", root=tmp_path)
    (tmp_path / "mnist").mkdir()
    bits = RNG.randint(2, size=(6, 784))
    for part in ("train", "valid", "test"):
        np.savetxt(tmp_path / "mnist" / f"binarized_mnist_{part}.amat", bits, fmt="%d")
    data = mnist(binarise="larochelle", root=tmp_path)
    assert data.space == Pixels(1, 28, 28, 2)
    assert np.array_equal(data.test.tensors[0].reshape(6, 784).numpy(), bits)
    (tmp_path / "mnist" / "binarized_mnist_test.amat").write_text("0 1 2\n")
    with pytest.raises(ValueError, match=r"binarized_mnist_test\.amat does not hold"):
        mnist(binarise="larochelle", root=tmp_path)
    with pytest.raises(ValueError, match="no labels"):
        mnist(binarise="larochelle", labels=True, root=tmp_path)


def test_the_real_mnist_test_set(real_data: str) -> None:
    file = Path(real_data) / "mnist" / FILES[1]
    found = columns.images("MNIST", [file], Canvas(None, 1)).load()
    (x, y), about = columns.tensors(found, [file], "label"), found.about
    assert x.shape == (10_000, 1, 28, 28)
    # The official test set's label counts, first labels and mean grey value.
    assert y.bincount().tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert y[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    assert x.double().mean() / 255 == pytest.approx(0.13251, abs=1e-5)
    assert about["encoding"] == "PNG"


def test_real_cifar_photographs(real_data: str) -> None:
    import pyarrow.parquet as pq
    from PIL import Image

    file = Path(real_data) / "cifar10" / FILES[1]
    table = pq.read_table(file)
    assert np.bincount(table["label"].to_numpy()).tolist() == [1000] * 10
    assert columns.image_column(file) == "img"
    for name, content in list(columns.images("", [file], Canvas(None)).items())[:50]:
        pixels, encoding, _ = Canvas(None).decode(name, content)
        expected = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
        assert np.array_equal(pixels, expected.transpose(2, 0, 1))
        assert encoding == "JPEG"


@pytest.mark.slow
def test_the_whole_real_sets(real_data: str) -> None:
    data = mnist(labels=True, root=real_data)
    assert [len(s) for s in (data.train, data.validation, data.test)] == [50_000, 10_000, 10_000]
    y = torch.cat([data.train.tensors[1], data.validation.tensors[1]])
    expected = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert y.bincount().tolist() == expected
    photographs = cifar10(root=real_data)
    assert photographs.name == "CIFAR-10 (JPEG)"
    assert len(photographs.train) == 45_000

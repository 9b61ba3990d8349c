"""Samples on their way into files: all of them arrive, none is held, and halves are not left."""

from __future__ import annotations

import weakref

import numpy as np
import pytest
import torch
from PIL import Image

import pushforward as pf
from pushforward.media import medium_of
from pushforward.media.keeping import keep, numbers_file
from pushforward.media.trained import opened


def test_all_samples_are_kept_as_numbers(tmp_path):
    space = pf.Pixels(1, 8, 8, 17)
    x = torch.randint(17, (2_000, 1, 8, 8), generator=torch.Generator().manual_seed(0)).byte()
    told = keep(x.split(300), 2_000, medium_of(space), tmp_path / "new" / "a.png")
    assert (np.load(tmp_path / "new" / "a.npy") == x.numpy()).all()
    picture, numbers = tmp_path / "new" / "a.png", tmp_path / "new" / "a.npy"
    assert told == f"{picture} (the first 1,024 of 2,000) and {numbers}: (2000, 1, 8, 8) uint8"


@pytest.mark.parametrize(
    ("target", "names"),
    [
        ("a.csv", ["a.csv", "a.npy"]),
        ("a.CSV", ["a.CSV", "a.npy"]),
        ("a.npy", ["a.csv", "a.npy"]),
        ("a", ["a.csv", "a.npy"]),
        ("t_0.5", ["t_0.5.csv", "t_0.5.npy"]),
    ],
)
def test_files_are_called_as_asked(tmp_path, target, names):
    keep([torch.zeros(2, 3)], 2, medium_of(pf.Reals((3,))), tmp_path / target)
    assert sorted(path.name for path in tmp_path.iterdir()) == names


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.pdf", "a.tar.gz", "a.safetensors.json"])
def test_a_file_is_never_of_another_kind_than_its_name_says(tmp_path, name):
    with pytest.raises(ValueError, match=r"tables cannot be written as \.\w+: .* must end in .csv"):
        keep([torch.zeros(2, 3)], 2, medium_of(pf.Reals((3,))), tmp_path / name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["a.jpg", "a.JPEG", "a.tiff", "a.webp", "a.bmp", "a.gif", "a.ppm"])
@pytest.mark.parametrize("space", [pf.Pixels(1, 4, 4, 2), pf.Reals((2,))])
def test_a_picture_is_written_as_its_name_says(tmp_path, name, space):
    x = torch.zeros(4, *space.shape).to(torch.uint8 if space.dims > 2 else torch.float32)
    keep([x], 4, medium_of(space), tmp_path / name)
    with Image.open(tmp_path / name) as image:
        kind = {"JPG": "JPEG"}.get(name.split(".")[1].upper(), name.split(".")[1].upper())
        assert image.format == kind
    assert np.load(tmp_path / "a.npy").shape == x.shape


def test_batches_are_let_go(tmp_path):
    """However many come, one batch is alive beside the one that is being made."""
    alive, most = weakref.WeakSet(), 0

    def batches():
        nonlocal most
        for _ in range(40):
            batch = torch.zeros(10, 3)
            alive.add(batch)
            most = max(most, len(alive))
            yield batch

    keep(batches(), 400, medium_of(pf.Reals((3,))), tmp_path / "a")
    assert most <= 2


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.int64, torch.bool])
def test_types_are_kept(tmp_path, dtype):
    x = torch.randint(2, (5, 3)).to(dtype)
    with numbers_file(tmp_path / "a.npy", 5) as append:
        assert append(x[:2]) is not None
        append(x[2:])
    found = np.load(tmp_path / "a.npy")
    assert found.dtype == x.numpy().dtype
    assert (found == x.numpy()).all()


def test_bfloat16_is_kept_as_float32(tmp_path):
    with numbers_file(tmp_path / "a.npy", 1) as append:
        append(torch.full((1, 1), 0.5, dtype=torch.bfloat16))
    assert np.load(tmp_path / "a.npy").tolist() == [[0.5]]


def test_a_file_of_numbers_is_there_only_when_it_is_whole(tmp_path):
    def broken():
        yield torch.ones(2, 3)
        raise KeyboardInterrupt

    (tmp_path / "a.npy").write_bytes(b"earlier")
    with pytest.raises(KeyboardInterrupt):
        keep(broken(), 4, medium_of(pf.Reals((3,))), tmp_path / "a")
    assert (tmp_path / "a.npy").read_bytes() == b"earlier"
    with pytest.raises(ValueError, match=r"4 samples were to be written to .* but 2 came"):
        keep([torch.ones(2, 3)], 4, medium_of(pf.Reals((3,))), tmp_path / "a")
    assert [path.name for path in tmp_path.iterdir()] == ["a.npy"], "no half of anything"


def test_a_checkpoint_that_was_opened_says_all_of_itself(tmp_path):
    data = pf.data.digits()
    model = pf.fit(pf.Independent(data.space), data, pf.Recipe(1, None, seed=7), tmp_path)
    trained = opened(tmp_path / "checkpoint.safetensors")
    x = data.test.tensors[0]
    assert torch.equal(trained.model.log_prob(x), model.log_prob(x))
    assert trained.recipe == pf.Recipe(1, None, seed=7)
    assert trained.seconds > 0
    assert trained.about == data.describe()
    assert trained.data().describe() == data.describe()
    assert trained.medium.suffix == ".png"
    pf.save(model, tmp_path / "lone.safetensors")
    lone = opened(tmp_path / "lone.safetensors")
    assert (lone.recipe, lone.seconds, lone.about) == (None, None, {})
    with pytest.raises(ValueError, match=r"lone.safetensors was trained on no data: say which"):
        lone.data()
    model.counts.fill_(float("nan"))
    pf.save(model, tmp_path / "nan.safetensors")
    with pytest.raises(pf.CheckpointError, match=r"weight 'counts' in .* is not finite: the model"):
        opened(tmp_path / "nan.safetensors")
    with pytest.raises(pf.CheckpointError, match="there is no checkpoint at"):
        opened(tmp_path / "nothing.safetensors")

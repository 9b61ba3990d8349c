import json
import os
import shutil

import pytest
import torch
from safetensors.torch import save_file

import pushforward as pf
from pushforward.core import checkpoint
from pushforward.core.blueprint import BlueprintError, decode, encode
from toys import Normal, Tied, Twice


@pytest.fixture
def saved(tmp_path):
    return pf.save(Normal(3), tmp_path / "normal.safetensors")


def test_arguments_come_back():
    value = {"a": [1, (2.5, None)], "b": float("inf"), "space": pf.Pixels(3, 32, 32)}
    text = json.dumps(encode(value), allow_nan=False)
    assert decode(json.loads(text)) == value


def test_ties_survive_the_file(tmp_path):
    part = pf.MLP(2, 2, width=4)
    model = Twice(part, Tied(part, Tied(part, pf.MLP(2, 2, width=4))), scale=2.0)
    loaded = pf.load(pf.save(model, tmp_path / "tied.safetensors"))
    first, second = loaded.parts
    assert second.part is first
    assert second.again.part is first
    assert second.again.again is not first
    assert loaded.blueprint["scale"] == 2.0
    inner, expected = second.again.again, model.parts[1].again.again
    assert torch.equal(inner.net[0][0].weight, expected.net[0][0].weight)


def test_what_cannot_be_written_is_named():
    with pytest.raises(BlueprintError, match=r"Twice.scale\[0\] is a Normal, which cannot be"):
        encode(Twice(scale=[torch.distributions.Normal(0.0, 1.0)]))  # type: ignore[arg-type]


def test_loading_leaves_the_random_state(saved):
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    pf.load(saved)
    assert torch.equal(torch.rand(1), expected)


def test_foreign_files_are_refused(tmp_path):
    foreign = tmp_path / "foreign.safetensors"
    save_file({"w": torch.zeros(2)}, foreign)
    with pytest.raises(pf.CheckpointError, match="not written by pushforward"):
        pf.load(foreign)
    torch.save({"w": torch.zeros(2)}, tmp_path / "pickle.pt")
    with pytest.raises(pf.CheckpointError, match=r"not a whole .safetensors file"):
        pf.load(tmp_path / "pickle.pt")
    with pytest.raises(pf.CheckpointError, match="no checkpoint at"):
        pf.load(tmp_path / "absent.safetensors")


@pytest.mark.parametrize("keep", [0, 5, 300, -1])
def test_truncated_files_are_refused_and_left(saved, keep):
    whole = saved.read_bytes()
    saved.write_bytes(whole[:keep])
    with pytest.raises(pf.CheckpointError, match=str(saved)):
        pf.load(saved)
    assert saved.read_bytes() == whole[:keep]


def test_one_changed_bit_is_noticed(saved):
    content = bytearray(saved.read_bytes())
    content[-3] ^= 1
    saved.write_bytes(content)
    with pytest.raises(pf.CheckpointError, match="digest"):
        pf.load(saved)


def _forge(path, change):
    """Rewrites a checkpoint with another header or other tensors, and a digest that fits."""
    read = checkpoint.read(path)
    texts = {"blueprint": json.dumps(read.blueprint), "record": json.dumps(read.record)}
    tensors, header = dict(read.tensors), {"format": checkpoint.FORMAT, **texts}
    change(tensors, header)
    texts = {key: header[key] for key in texts}
    save_file(tensors, path, {**header, "digest": checkpoint.digest_of(tensors, texts)})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t, h: h.update(format="pushforward/9"), "format pushforward/9"),
        (lambda t, h: t.pop("model.mean"), "missing: mean"),
        (lambda t, h: t.update({"model.extra": torch.zeros(1)}), "unexpected: extra"),
        (lambda t, h: t.update({"model.mean": torch.zeros(4)}), "of another shape: mean"),
        (
            lambda t, h: h.update(blueprint=h["blueprint"].replace('"Normal"', '"Norml"')),
            "nearest known name is 'Normal'",
        ),
        (
            lambda t, h: h.update(blueprint=h["blueprint"].replace('"features"', '"wings"')),
            "cannot be built from its blueprint",
        ),
        (lambda t, h: h.update(blueprint='{"import": "os"}'), "no meaning"),
    ],
)
def test_wrong_content_is_refused_and_left(saved, change, said):
    _forge(saved, change)
    before = saved.read_bytes()
    with pytest.raises(pf.CheckpointError, match=said):
        pf.load(saved)
    assert saved.read_bytes() == before


def test_a_full_disk_leaves_the_earlier_file(saved, monkeypatch):
    before = saved.read_bytes()

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint, "save_file", full)
    with pytest.raises(OSError, match="No space left"):
        pf.save(Normal(3), saved)
    assert saved.read_bytes() == before
    assert os.listdir(saved.parent) == [saved.name], "the part that was written is gone"


@pytest.mark.skipif(shutil.which("sh") is None, reason="needs a shell")
def test_a_kill_while_saving_leaves_the_earlier_file(saved, tmp_path):
    """The process dies between writing and renaming: what is there loads."""
    import subprocess
    import sys

    code = (
        "import os, sys; sys.path.insert(0, 'tests'); import toys, pushforward as pf;"
        "from pushforward.core import checkpoint;"
        "os.fsync = lambda fd: os._exit(9);"
        f"pf.save(toys.Normal(3), {str(saved)!r})"
    )
    before = saved.read_bytes()
    assert subprocess.run([sys.executable, "-c", code]).returncode == 9
    assert saved.read_bytes() == before
    pf.load(saved)


def test_nothing_is_unpickled(saved, monkeypatch):
    import pickle

    def refuse(*args, **kwargs):
        raise AssertionError("something was unpickled")

    for name in ("load", "loads", "Unpickler"):
        monkeypatch.setattr(pickle, name, refuse)
    monkeypatch.setattr(torch, "load", refuse)
    pf.load(saved)


def test_float64_comes_back(tmp_path):
    loaded = pf.load(pf.save(Normal(2).double(), tmp_path / "d.safetensors"))
    assert loaded.mean.dtype == torch.float64
    assert loaded.dtype == torch.float64

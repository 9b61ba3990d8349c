"""The loaders on small files of the same layout."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch
from sklearn.preprocessing import StandardScaler

from pushforward.core.catalogue import presets
from pushforward.data import find
from pushforward.data.uci import _standardised, bsds300, gas, hepmass, miniboone, power
from pushforward.nn.masked import MaskedMLP
from pushforward.nn.velocity import Velocity

RANDOM = np.random.RandomState(0)


def standard(data):
    known = torch.cat([data.train.tensors[0], data.validation.tensors[0]])
    torch.testing.assert_close(known.mean(0), torch.zeros(known.shape[1]), atol=1e-5, rtol=0)
    torch.testing.assert_close(known.std(0, correction=0), torch.ones(known.shape[1]))


def lengths(data):
    return [len(part) for part in (data.train, data.validation, data.test)]


def test_power(tmp_path):
    rows = RANDOM.randn(200, 8) * 100
    np.save(tmp_path / "data.npy", rows)
    data = power(tmp_path / "data.npy")
    assert data.space.shape == (6,)
    assert lengths(data) == [162, 18, 20]
    standard(data)
    order = np.arange(200)
    np.random.RandomState(42).shuffle(order)  # the same swaps
    kept = rows[order][:, [0, 2, 4, 5, 6, 7]]
    last = torch.from_numpy(kept[-20:]).float()  # noise of 1 at most on a scale of 100
    assert torch.corrcoef(torch.stack([data.test.tensors[0][:, 0], last[:, 0]]))[0, 1] > 0.999
    again = find(f"power:{tmp_path / 'data.npy'}")
    assert torch.equal(again.train.tensors[0], data.train.tensors[0])


def test_what_tests_is_scaled_by_what_trains_and_validates():
    train, held, test = (RANDOM.randn(n, 3) * 5 + n for n in (40, 10, 20))
    scaler = StandardScaler().fit(np.vstack([train, held]))
    for part, found in zip((train, held, test), _standardised(train, held, test)):
        np.testing.assert_allclose(found, scaler.transform(part))


def test_gas_leaves_out_what_repeats(tmp_path):
    sensors = RANDOM.randn(100, 3)
    rows = np.hstack([RANDOM.rand(100, 3), sensors, sensors[:, :1] * 2 + 1])
    np.savetxt(tmp_path / "ethylene_CO.txt", rows, header="Time (seconds), CO, Ethylene, sensors")
    data = gas(tmp_path / "ethylene_CO.txt")
    assert data.space.shape == (3,)
    assert lengths(data) == [81, 9, 10]
    whole = torch.cat([part.tensors[0] for part in (data.train, data.validation, data.test)])
    torch.testing.assert_close(whole.std(0), torch.ones(3))
    torch.testing.assert_close(
        whole[:, 0].double(),
        torch.from_numpy((sensors[:, 1] - sensors[:, 1].mean()) / sensors[:, 1].std(ddof=1)),
        atol=1e-6,
        rtol=0,
    )


def test_hepmass_takes_the_signal_and_varied_columns(tmp_path):
    train, test = RANDOM.randn(120, 4), RANDOM.randn(40, 5)
    train[:, 0], test[:, 0] = np.arange(120) % 2, np.arange(40) % 2
    train[:, 2] = train[:, 2].round()  # repeats
    for name, rows in (("1000_train.csv", train), ("1000_test.csv", test)):
        np.savetxt(tmp_path / name, rows, delimiter=",", header="label,f")
    data = hepmass(tmp_path)
    assert data.space.shape == (2,)
    assert lengths(data) == [54, 6, 20]
    signal = train[train[:, 0] == 1]
    expected = (test[1, [1, 3]] - signal[:, [1, 3]].mean(0)) / signal[:, [1, 3]].std(0)
    torch.testing.assert_close(data.test.tensors[0][0], torch.from_numpy(expected).float())


def test_miniboone(tmp_path):
    np.save(tmp_path / "data.npy", RANDOM.randn(100, 43) * 5 + 1)
    data = miniboone(tmp_path / "data.npy")
    assert lengths(data) == [81, 9, 10]
    standard(data)


def test_bsds300(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "BSDS300.hdf5", "w") as file:
        for part, n in (("train", 20), ("validation", 5), ("test", 6)):
            file[part] = RANDOM.randn(n, 63)
    assert lengths(bsds300(tmp_path / "BSDS300.hdf5")) == [20, 5, 6]


def test_wrong_files_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"unpack zenodo\.org"):
        miniboone(tmp_path / "none.npy")
    np.save(tmp_path / "data.npy", RANDOM.randn(100, 5))
    with pytest.raises(ValueError, match="rows of 43 numbers"):
        miniboone(tmp_path / "data.npy")
    np.save(tmp_path / "data.npy", RANDOM.randn(5, 43))
    with pytest.raises(ValueError, match="at least 12"):
        miniboone(tmp_path / "data.npy")


def test_bsds300_without_h5py_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(ValueError, match="HDF5 file: pip install h5py"):
        bsds300(tmp_path / "BSDS300.hdf5")


@pytest.mark.parametrize("name", ["maf_uci", "nsf_uci", "ffjord_uci"])
def test_presets_train_as_their_papers_did(name, tmp_path):
    (tmp_path / "miniboone").mkdir()
    np.save(tmp_path / "miniboone/data.npy", RANDOM.randn(1_300, 43) * 5 + 1)
    build = presets()[name].build
    experiment = build(place=str(tmp_path), width=8)
    layers = {"maf_uci": 5, "nsf_uci": 10, "ffjord_uci": 1}[name]
    parts = {"maf_uci": MaskedMLP, "nsf_uci": MaskedMLP, "ffjord_uci": Velocity}[name]
    assert sum(isinstance(m, parts) for m in experiment.model.modules()) == layers
    x = experiment.data.train.tensors[0][: experiment.recipe.batch_size]
    assert torch.isfinite(experiment.model.loss(x)["nll"]).all()
    with pytest.raises(ValueError, match=r"one of power, gas, .*, not 'wine'"):
        build(table="wine")
    with pytest.raises(FileNotFoundError, match=r"unpack zenodo\.org"):
        build(place=str(tmp_path / "nowhere"))

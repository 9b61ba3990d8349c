"""The zoo: names, files where they may lie, sums, and a hub that is a server on this machine."""

import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import torch

import pushforward as pf
from pushforward.core import checkpoint
from pushforward.core.catalogue import Usage
from pushforward.core.halves import halved
from pushforward.media import zoo
from pushforward.media.trained import opened
from pushforward.report.kept import kept, revived
from pushforward.report.measure import of_checkpoint
from pushforward.report.regression import moved, values


@pytest.fixture
def model():
    data = pf.data.moons()
    return pf.fit(pf.GMM(2, components=3), data, pf.Recipe(3, batch_size=None), quiet=True)


@pytest.fixture
def home(tmp_path, monkeypatch, model):
    """A zoo of two, in a folder of its own."""
    folder = tmp_path / "zoo"
    known = {}
    for name in ("gmm_moons", "gmm_more"):
        path = pf.save(model, folder / f"{name}.safetensors")
        known[name] = zoo.Entry(hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_size)
    monkeypatch.setattr(zoo, "entries", lambda: known)
    monkeypatch.setattr(zoo, "CHECKOUT", tmp_path / "no checkout")
    monkeypatch.setenv("PUSHFORWARD_ZOO", str(folder))
    monkeypatch.setenv("PUSHFORWARD_CACHE", str(tmp_path / "cache"))
    return folder


def test_a_name_is_a_model(home, model) -> None:
    x = pf.data.moons().test.tensors[0][:9]
    assert torch.equal(pf.pretrained("gmm_moons").log_prob(x), model.log_prob(x))
    assert torch.equal(opened("zoo:gmm_more").model.log_prob(x), model.log_prob(x))
    assert zoo.located("some/file.safetensors").name == "file.safetensors"


def test_stars_stand_for_names(home) -> None:
    assert zoo.expanded(["a.safetensors", "zoo:*_moons", "zoo:gmm_moons"]) == [
        "a.safetensors",
        "zoo:gmm_moons",
    ]
    with pytest.raises(Usage, match=r"nothing in the zoo is called '\*_mars'"):
        zoo.expanded(["zoo:*_mars"])


def test_bad_names_and_files_are_told(home) -> None:
    with pytest.raises(Usage, match=r"no 'gmm_moon': did you mean gmm_moons"):
        pf.pretrained("gmm_moon")
    with pytest.raises(pf.CheckpointError, match=r"pf\.pretrained\('gmm_moons'\)"):
        pf.load("zoo:gmm_moons")
    file = home / "gmm_moons.safetensors"
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    with pytest.raises(pf.CheckpointError, match=r"has SHA-256 .* of another version, or was chan"):
        pf.pretrained("gmm_moons")


class Served(BaseHTTPRequestHandler):
    """Answers as the hub does for one file of a repository."""

    content, sum = b"", ""

    def _head(self) -> None:
        found = self.path.endswith("/pushforward/zoo/resolve/main/gmm_moons.safetensors")
        self.send_response(200 if found else 404)
        if found:
            self.send_header("ETag", f'"{self.sum}"')
            self.send_header("X-Repo-Commit", "c" * 40)
            self.send_header("Content-Length", str(len(self.content)))
        self.end_headers()

    def do_HEAD(self) -> None:
        self._head()

    def do_GET(self) -> None:
        self._head()
        self.wfile.write(self.content)

    def log_message(self, *args) -> None:
        pass


@pytest.fixture
def server(home, monkeypatch):
    """The hub's address is this machine, and the folder of the zoo is gone."""
    import huggingface_hub.constants as constants

    Served.content = (home / "gmm_moons.safetensors").read_bytes()
    Served.sum = hashlib.sha256(Served.content).hexdigest()
    monkeypatch.delenv("PUSHFORWARD_ZOO")
    running = ThreadingHTTPServer(("127.0.0.1", 0), Served)
    address = f"http://127.0.0.1:{running.server_port}"
    monkeypatch.setattr(constants, "ENDPOINT", address)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)  # this machine alone is reached
    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setattr(
        constants,
        "HUGGINGFACE_CO_URL_TEMPLATE",
        address + "/{repo_id}/resolve/{revision}/{filename}",
    )
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield running
    running.shutdown()
    running.server_close()


def test_what_is_nowhere_is_fetched_once(server, tmp_path, model) -> None:
    x = pf.data.moons().test.tensors[0][:9]
    assert torch.equal(pf.pretrained("gmm_moons").log_prob(x), model.log_prob(x))
    assert (tmp_path / "cache/zoo/gmm_moons.safetensors").is_file()
    Served.content = b""
    assert torch.equal(pf.pretrained("gmm_moons").log_prob(x), model.log_prob(x))


def test_another_file_than_was_listed_is_refused(server, tmp_path) -> None:
    Served.content = Served.content[:-1] + b"?"
    with pytest.raises(pf.CheckpointError, match=r"SHA-256 .* is what was declared"):
        pf.pretrained("gmm_moons")
    assert not list((tmp_path / "cache/zoo").glob("*.safetensors"))


def test_without_a_network_the_way_out_is_told(home, monkeypatch) -> None:
    monkeypatch.delenv("PUSHFORWARD_ZOO")
    with pytest.raises(pf.CheckpointError, match=r"zoo:gmm_moons is not here.*PUSHFORWARD_ZOO"):
        pf.pretrained("gmm_moons")


def test_halves_come_back_as_floats(tmp_path) -> None:
    made = torch.nn.Linear(40, 40)
    path = pf.save(made, tmp_path / "half.safetensors", record={"halved": True})
    again = pf.load(path)
    assert again.weight.dtype == torch.float32
    assert torch.equal(again.weight, made.weight.half().float())  # numbers of a float16
    assert torch.equal(again.bias, made.bias)  # what is small stays exact
    whole = pf.save(made, tmp_path / "whole.safetensors")
    assert path.stat().st_size < 0.7 * whole.stat().st_size
    large = {"w": torch.full((500,), 1e6)}
    assert halved(large)["w"].dtype == torch.float32
    with pytest.raises(ValueError, match="float16 already"):
        halved({"w": torch.ones(500).half()})


def test_a_row_lies_in_the_file_and_comes_back(tmp_path, model) -> None:
    data = pf.data.moons()
    path = pf.save(model, tmp_path / "m.safetensors", record={"data": data.describe()})
    row = of_checkpoint(opened(path), samples=200, thorough=True)
    record, tensors = kept(row, "Measured on a Sunday.")
    json.dumps(record)
    pf.save(model, path, tensors, {"data": data.describe(), "row": record})
    again = revived(opened(path))
    assert again is not None
    assert again.about.endswith("Measured on a Sunday.")
    assert torch.equal(again.samples, row.samples)
    first, second = row.record(), again.record()
    told, meant = second.pop("likelihood"), first.pop("likelihood")
    assert told.pop("interval") == pytest.approx(meant.pop("interval"), rel=1e-12)
    for name in ("value", "stderr"):
        assert told.pop(name) == pytest.approx(meant.pop(name), rel=1e-12)
    assert told == meant
    assert second == first
    assert revived(opened(pf.save(model, tmp_path / "bare.safetensors"))) is None


def test_values_of_examples_tell_what_moved(model) -> None:
    data = pf.data.moons()
    before = values(model, data)
    assert len(before) == 500
    assert moved(values(model, data), before) is None
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1.3)
    assert "values moved" in str(moved(values(model, data), before))


def test_every_file_is_listed_and_small() -> None:
    """Of the checkout: sums, sizes and names of presets. There is none where it was installed."""
    from pushforward.core.catalogue import presets

    files = sorted(zoo.CHECKOUT.glob("*.safetensors"))
    if not files:
        pytest.skip("this is no checkout with a zoo")
    assert [path.stem for path in files] == sorted(zoo.entries())
    assert set(zoo.entries()) <= set(presets())
    sizes = [path.stat().st_size for path in files]
    assert max(sizes) <= 6_000_000
    assert sum(sizes) <= 90_000_000
    for path in files:
        assert zoo.located(f"zoo:{path.stem}").is_file()
        assert checkpoint.record_of(path)["preset"] == path.stem

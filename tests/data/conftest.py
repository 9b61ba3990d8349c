from __future__ import annotations

import hashlib
import inspect
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Path:
    """Every test has its own empty cache, and no data but what it makes or asks for."""
    monkeypatch.setenv("PUSHFORWARD_CACHE", str(tmp_path / ".cache"))
    if "real_data" not in request.fixturenames:
        monkeypatch.delenv("PUSHFORWARD_DATA", raising=False)
    return tmp_path / ".cache"


class FakeHub:
    """A folder per repository (and per revision) that answers as the hub's client does."""

    def __init__(self, top: Path):
        self.top, self.calls, self.online, self.tamper = top, [], True, False

    def folder(self, repository: str, revision: str | None = None) -> Path:
        place = self.top / (revision or "main").replace("/", "_") / repository
        place.mkdir(parents=True, exist_ok=True)
        return place

    def dataset_info(self, _api, repo_id, revision=None, timeout=None, files_metadata=False):
        self.calls.append(("info", repo_id))
        self._reach()
        found = sorted(p for p in self.folder(repo_id, revision).rglob("*") if p.is_file())
        siblings = [
            SimpleNamespace(
                rfilename=path.relative_to(self.folder(repo_id, revision)).as_posix(),
                size=path.stat().st_size,
                lfs=SimpleNamespace(sha256=hashlib.sha256(path.read_bytes()).hexdigest()),
            )
            for path in found
        ]
        return SimpleNamespace(sha=(revision or "main").replace("/", "_"), siblings=siblings)

    def download(self, repo_id, filename, *, repo_type, revision, local_dir):
        self.calls.append(("file", filename))
        self._reach()
        target = Path(local_dir) / filename
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(self.folder(repo_id, revision) / filename, target)
        if self.tamper:
            target.write_bytes(target.read_bytes()[:-1] + b"?")
        return str(target)

    def _reach(self) -> None:
        if not self.online:
            raise OSError("no route to host")


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeHub:
    import huggingface_hub

    fake = FakeHub(tmp_path / "hub")
    genuine = inspect.signature(huggingface_hub.hf_hub_download)

    def download(*args, **kwargs):
        genuine.bind(*args, **kwargs)  # the fake takes nothing that the real one would refuse
        return fake.download(*args, **kwargs)

    def info(*args, **kwargs):
        return fake.dataset_info(*args, **kwargs)

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    monkeypatch.setattr(huggingface_hub.HfApi, "dataset_info", info)
    return fake


def encoded(pixels: np.ndarray, kind: str = "PNG") -> bytes:
    import io

    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind)
    return stream.getvalue()


def write_parquet(
    path: Path,
    images: np.ndarray,
    labels: list[int] | None = None,
    column: str = "image",
    classes: list[str] | None = None,
    kind: str = "PNG",
) -> Path:
    """A file as the hub's: images (n, height, width[, 3]) uint8 in a struct of bytes and path."""
    import json

    import pyarrow as pa
    import pyarrow.parquet as pq

    cells = [{"bytes": encoded(x, kind), "path": None} for x in images]
    table = {column: pa.array(cells, pa.struct([("bytes", pa.binary()), ("path", pa.string())]))}
    if labels is not None:
        table["label"] = pa.array(labels, pa.int64())
    made = pa.table(table)
    if classes:
        feature = {"label": {"_type": "ClassLabel", "names": classes}}
        record = json.dumps({"info": {"features": feature}}).encode()
        made = made.replace_schema_metadata({b"huggingface": record})
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(made, path, row_group_size=7)
    return path


@pytest.fixture
def parquet_file():
    return write_parquet


@pytest.fixture
def image_bytes():
    return encoded

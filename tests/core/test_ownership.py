"""Places have one owner at a time, and what the dead leave is swept."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time

import pytest

import pushforward as pf
from pushforward.core.ownership import FRESH, Occupied, owned, scratch, sweep
from toys import Normal

HOLDS = """
import sys, time
from pathlib import Path
from pushforward.core.ownership import owned, scratch
with {kind}(Path({path!r}){more}):
    print("held", flush=True)
    time.sleep(60)
"""


def holder(kind, path, more=""):
    """A process that owns a place until it is killed."""
    code = HOLDS.format(kind=kind, path=str(path), more=more)
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def killed(process):
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()


def test_a_place_has_one_owner_until_it_dies(tmp_path):
    process = holder("owned", tmp_path / "lock", ", 'the folder'")
    try:
        with (
            pytest.raises(Occupied, match=rf"lot is in use by process {process.pid} on .* seconds"),
            owned(tmp_path / "lock", "the lot"),
        ):
            pass
    finally:
        killed(process)
    assert (tmp_path / "lock").exists()
    here = (owned(tmp_path / "lock", "the lot") for _ in range(2))
    with next(here), pytest.raises(Occupied), next(here):  # nor twice in one process
        pass
    assert not list(tmp_path.iterdir())


def test_what_a_killed_process_left_is_swept_and_no_more(tmp_path):
    dead, alive = (holder("scratch", tmp_path) for _ in range(2))
    try:
        killed(dead)
        assert len(sweep(tmp_path)) == 1
        assert sweep(tmp_path) == []
        with scratch(tmp_path) as folder:
            assert len(list(tmp_path.iterdir())) == 2
            assert folder.is_dir()
    finally:
        killed(alive)
    with scratch(tmp_path):
        assert len(list(tmp_path.iterdir())) == 1


def test_scratch_without_an_owner_waits_for_one(tmp_path):
    """A process may be just about to put its name there."""
    fresh = tmp_path / ".part-fresh"
    fresh.mkdir()
    assert sweep(tmp_path) == []
    old = time.time() - 2 * FRESH
    os.utime(fresh, (old, old))
    assert sweep(tmp_path) == [fresh]


@pytest.mark.parametrize("umask", [0o022, 0o002, 0o077])
def test_checkpoints_follow_the_umask(tmp_path, umask):
    before = os.umask(umask)
    try:
        path = pf.save(Normal(3), tmp_path / "a.safetensors")
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~umask


def test_what_may_not_be_read_is_not_called_damaged(tmp_path):
    path = pf.save(Normal(3), tmp_path / "a.safetensors")
    with pytest.raises(pf.CheckpointError, match=r"is a folder: did you mean .*a.safetensors"):
        pf.load(tmp_path)
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user may read everything")
    with pytest.raises(PermissionError, match=r"a.safetensors cannot be read: Permission denied"):
        pf.load(path)


def test_a_denied_permission_is_told_whoever_asks(tmp_path, monkeypatch):
    import builtins
    import pathlib

    path = pf.save(Normal(3), tmp_path / "a.safetensors")

    def denied(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(pathlib.Path, "open", denied)
    monkeypatch.setattr(builtins, "open", denied)
    with pytest.raises(PermissionError, match=r"a.safetensors cannot be read: Permission denied"):
        pf.load(path)

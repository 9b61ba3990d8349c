from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time

import pytest
import torch

from pushforward.report.workers import Failure, in_processes


def work(name: str):
    if name == "raises":
        raise ValueError("no luck")
    if name == "dies":
        os.kill(os.getpid(), signal.SIGKILL)
    if name == "sleeps":
        time.sleep(600)
    return name.upper(), torch.arange(3), os.getpid()


def test_results_and_failures_come_from_processes_of_their_own() -> None:
    found = dict(in_processes(work, ["a", "raises", "dies", "b"], at_once=2))
    assert found.keys() == {"a", "b", "raises", "dies"}
    assert found["raises"] == Failure("raises", "ValueError: no luck")
    assert "signal 9" in found["dies"].error
    text, tensor, process = found["a"]
    assert text == "A"
    assert tensor.tolist() == [0, 1, 2]
    assert len({process, found["b"][2], os.getpid()}) == 3


def test_stopping_early_ends_what_is_under_way() -> None:
    results = in_processes(work, ["a", "sleeps"], at_once=2)
    assert next(results)[0] == "a"
    assert len(multiprocessing.active_children()) >= 1
    results.close()
    assert not [p for p in multiprocessing.active_children() if p.is_alive()]


def test_ctrl_c_reaches_only_the_caller(foreground) -> None:
    threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        list(in_processes(work, ["sleeps"], at_once=1))
    assert not [p for p in multiprocessing.active_children() if p.is_alive()]

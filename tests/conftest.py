"""What all tests share: one thread a worker, no network, a cache of their own."""

import os
import signal
import socket

import pytest
import torch

torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _quiet_and_offline(monkeypatch):
    """Nothing reaches out to the network: connecting anywhere but to this machine fails."""
    connect = socket.socket.connect

    def local_only(self, address):
        if self.family != socket.AF_UNIX and address[0] not in ("127.0.0.1", "localhost", "::1"):
            raise AssertionError(f"a test tried to reach {address}")
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", local_only)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.fixture
def foreground():
    """Ctrl-C is heard, also where the tests were started in the background, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def real_data():
    """The folder with real MNIST and CIFAR-10; the test is skipped where there is none."""
    folder = os.environ.get("PUSHFORWARD_DATA", "")
    if not os.path.isdir(folder):
        pytest.skip("needs real data: set PUSHFORWARD_DATA to a folder with mnist/ and cifar10/")
    return folder

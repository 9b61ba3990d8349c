"""What all tests share: their seeds, order and threads, no network, a cache of their own."""

import os
import random
import re
import signal
import socket
from pathlib import Path

import numpy as np
import pytest
import torch


def pytest_addoption(parser):
    group = parser.getgroup("luck", "what no test may depend on")
    group.addoption("--shift", type=int, default=0, help="gives other numbers to unseeded draws")
    group.addoption("--shuffled", type=int, metavar="SEED", help="in random order")
    group.addoption("--threads", type=int, default=1, help="torch's threads in each process")


def pytest_configure(config):
    torch.set_num_threads(config.getoption("threads"))
    # As a plugin of its own it also serves the doctests of src, which a conftest does not.
    config.pluginmanager.register(Seeds(config.getoption("shift")))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    """What tests/seconds.txt lists takes seconds. Files in random order, where that is asked for,
    and the tests of each: fixtures of a file are still set up once.
    """
    slow = set((Path(__file__).parent / "seconds.txt").read_text().splitlines())
    for item in items:
        if item.nodeid in slow:
            item.add_marker(pytest.mark.seconds)
    seed = config.getoption("shuffled")
    if seed is not None:
        draw = random.Random(seed)
        file = {path: draw.random() for path in dict.fromkeys(item.path for item in items)}
        items.sort(key=lambda item: (file[item.path], draw.random()))


def pytest_xdist_make_scheduler(config, log):
    """All laws of one model are tested by one process, where it is trained once; so is the course.

    By node ids: groups of marks never reach the scheduler where pytest computes an id anew (9.2).
    """
    from xdist.scheduler import LoadScopeScheduling

    class Together(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            law = re.fullmatch(r"(.*::test_law\[.+)-\w+\]", nodeid)
            course = re.match(r"tests/course/test_site\.py", nodeid)
            return law[1] if law else course[0] if course else nodeid

    return Together(config, log)


class Seeds:
    """Every file, fixture and test begins at one seed, whatever ran before it."""

    def __init__(self, shift):
        self.seed = random.Random(f"shift {shift}").getrandbits(32)

    def start(self):
        random.seed(self.seed)
        np.random.seed(self.seed)
        torch.manual_seed(self.seed)

    @pytest.hookimpl(tryfirst=True)
    def pytest_make_collect_report(self, collector):
        self.start()

    @pytest.hookimpl(tryfirst=True)
    def pytest_fixture_setup(self, fixturedef):
        self.start()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_call(self, item):
        self.start()


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

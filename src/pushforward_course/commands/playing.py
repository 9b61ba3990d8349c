"""play: the playground, a page on this machine."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import webbrowser
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pushforward

from ..failures import CourseError

APP = Path(__file__).parents[1] / "playground" / "app.py"
PATIENCE = 60  # seconds until the page must have answered


def play(port: int = 2718, browser: bool = True) -> None:
    """Opens the playground: models that train, and move, while one turns their knobs.

    Args:
        port: of http://127.0.0.1, which nobody but this machine reaches.
        browser: opens the page; --no-browser only says where it is.
    """
    _ready(port)
    address = f"http://127.0.0.1:{port}/"
    with subprocess.Popen(command(port), env=environment(), stdout=subprocess.DEVNULL) as server:
        threading.Thread(target=_announced, args=(server, address, browser), daemon=True).start()
        try:
            code = server.wait()
        except KeyboardInterrupt:
            server.wait(10)
            raise
    if code:
        raise CourseError(f"the playground ended with the exit status {code}; see above")


def command(port: int) -> list[str]:
    """What serves the page: marimo, without the code, and without a browser of its own."""
    serving = ["run", str(APP), "--host", "127.0.0.1", "--port", str(port), "--headless"]
    return [sys.executable, "-m", "marimo", *serving, "--no-token", "--no-sandbox"]


def environment() -> dict[str, str]:
    """This interpreter's, with this library before any other that is installed."""
    root = str(Path(pushforward.__file__).parent.parent)
    paths = [root, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


def _ready(port: int) -> None:
    """Raises CourseError where marimo is missing or the port is taken."""
    if find_spec("marimo") is None:
        raise CourseError("the playground needs marimo: run `pip install 'pushforward[course]'`")
    if not 0 < port < 65_536:
        raise CourseError(f"a port is a number from 1 to 65535, not {port}: take another by --port")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise CourseError(
                f"port {port} is not free ({error}): take another by --port"
            ) from error


def _announced(server: subprocess.Popen, address: str, browser: bool) -> None:
    """Says where the page is as soon as it answers, and opens it."""
    if not answers(address, lambda: server.poll() is None):
        return
    print(f"{address}   (Ctrl-C stops it)", flush=True)
    if browser and not _opened(address):
        print(f"No browser could be opened here: open {address} in one yourself.", flush=True)


def answers(address: str, alive: Callable[[], bool], patience: float = PATIENCE) -> bool:
    """Waits until the page answers; False where it never does."""
    wait = threading.Event()
    for _ in range(int(patience / 0.1)):
        try:
            with urlopen(f"{address}health", timeout=5):
                return True
        except (URLError, OSError):
            if not alive():
                return False
            wait.wait(0.1)
    return False


def _opened(address: str) -> bool:
    try:
        return webbrowser.open(address)
    except webbrowser.Error:
        return False


COMMANDS: dict[str, Callable] = {"play": play}

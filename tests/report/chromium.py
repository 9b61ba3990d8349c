"""Headless Chromium over its own pipe of JSON: a page at a width, in light or dark, no network."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
]


def found() -> str | None:
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def _complaints(message: dict[str, Any]) -> list[str]:
    """What a message of the browser says went wrong on the page."""
    told = message.get("params", {})
    if message.get("method") == "Runtime.exceptionThrown":
        return [str(told["exceptionDetails"])]
    if message.get("method") == "Runtime.consoleAPICalled" and told["type"] in ("error", "warning"):
        return [str(told["args"])]
    if message.get("method") == "Network.loadingFailed":
        return [str(told)]
    return []


class Chromium:
    """A browser that is spoken to through file descriptors 3 and 4, so that no port is opened."""

    def __init__(self, profile: Path):
        commands, self.answers = os.pipe(), b""
        events = os.pipe()
        redirect = f'exec "$@" 3<&{commands[0]} 4>&{events[1]}'
        self.process = subprocess.Popen(
            ["bash", "-c", redirect, "bash", str(found()), *FLAGS, f"--user-data-dir={profile}"],
            pass_fds=(commands[0], events[1]),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(commands[0])
        os.close(events[1])
        self.to, self.back, self.count, self.session = commands[1], events[0], 0, ""
        self.requests: list[str] = []
        self.complaints: list[str] = []  # of the console, once Runtime is enabled
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self.session = attached["sessionId"]
        for domain in ("Page", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self.count += 1
        message = {"id": self.count, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self.count:
                assert "error" not in answer, answer
                return answer["result"]

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self.answers:
            part = os.read(self.back, 1 << 16)
            assert part, "the browser has gone"
            self.answers += part
        first, _, self.answers = self.answers.partition(b"\0")
        message = json.loads(first)
        if message.get("method") == "Network.requestWillBeSent":
            url = message["params"]["request"]["url"]
            self.requests += [] if url.startswith("data:") else [url]
        self.complaints += _complaints(message)
        return message

    def open(self, page: Path, width: int, height: int = 844, dark: bool = False) -> None:
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.call("Emulation.setDeviceMetricsOverride", **metrics)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.call("Page.navigate", url=page.as_uri())
        while self._next().get("method") != "Page.loadEventFired":
            pass

    def ask(self, expression: str) -> Any:
        found = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        return found["result"].get("value")

    def picture(self, whole: bool = False) -> bytes:
        drawn = self.call("Page.captureScreenshot", captureBeyondViewport=whole)
        return base64.b64decode(drawn["data"])

    def close(self) -> None:
        self.call("Browser.close")
        os.close(self.to)
        os.close(self.back)
        self.process.wait(20)

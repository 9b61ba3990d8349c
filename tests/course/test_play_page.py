"""The playground's page in a real browser: every tab opens, a slider moves, nothing is fetched."""

import socket
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import pytest

from pushforward_course.commands import playing

sys.path.insert(0, str(Path(__file__).parents[1] / "report"))
import chromium

pytestmark = [
    pytest.mark.slow,
    pytest.mark.browser,
    pytest.mark.skipif(chromium.found() is None, reason="no Chromium on the PATH"),
    pytest.mark.skipif(find_spec("marimo") is None, reason="the page needs the course extra"),
]

# marimo's elements keep their insides to themselves.
DEEP = """window.deep = (css, root = document) => [...root.querySelectorAll(css),
    ...[...root.querySelectorAll('*')].filter(e => e.shadowRoot)
        .flatMap(e => deep(css, e.shadowRoot))]"""


class Address(str):
    """What `Chromium.open` takes for a page."""

    def as_uri(self):
        return str(self)


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}/"
    server = subprocess.Popen(
        playing.command(port), env=playing.environment(), stdout=subprocess.DEVNULL
    )
    browser = chromium.Chromium(tmp_path_factory.mktemp("profile"))
    try:
        assert playing.answers(address, lambda: server.poll() is None)
        browser.call("Runtime.enable")
        yield browser, Address(address)
    finally:
        browser.close()
        server.terminate()
        server.wait(20)


def until(browser, expression, seconds=60):
    """Waits until the page says yes."""
    for _ in range(10 * seconds):
        if browser.ask(expression):
            return
        time.sleep(0.1)
    raise AssertionError(f"never: {expression}; the page: {browser.ask('document.body.innerText')}")


def press(browser, tab):
    down = "new MouseEvent('mousedown', {bubbles: true, button: 0})"
    browser.ask(f"{tab}.dispatchEvent({down})")


def opened(browser, address, width):
    browser.open(address, width, 1200)
    browser.ask(DEEP)
    until(browser, "deep('img').length >= 2")


def test_every_tab_opens_and_follows_its_slider(page):
    browser, address = page
    opened(browser, address, 1280)
    seen = "deep('img').filter(i => i.complete).map(i => i.src.slice(-3000)).join()"
    count = browser.ask("deep('[role=tab]').length")
    assert count == 7
    for n in range(count):
        tab = f"deep('[role=tab]')[{n}]"
        before = browser.ask(seen)
        press(browser, tab)
        if n:
            until(browser, f"deep('img').length >= 2 && ({seen}) !== {before!r}")
        title, before = browser.ask(f"{tab}.textContent"), browser.ask(seen)
        browser.ask("deep('[role=slider]').filter(e => e.checkVisibility())[0].focus()")
        for kind in ("keyDown", "keyUp"):
            key = {"key": "ArrowRight", "code": "ArrowRight", "windowsVirtualKeyCode": 39}
            browser.call("Input.dispatchKeyEvent", type=kind, **key)
        until(browser, f"({seen}) !== {before!r}")
        assert browser.ask("deep('marimo-callout-output, [data-error]').length") == 0, title
    assert not [url for url in browser.requests if not url.startswith((address, "blob:"))]
    assert not browser.complaints


def test_a_game_goes_on_by_its_buttons(page):
    browser, address = page
    opened(browser, address, 1280)
    press(browser, "deep('[role=tab]')[3]")
    until(browser, "deep('img[alt^=\"after 0 steps\"]').length === 1")
    for button, steps in (("10 steps", 10), ("1 step", 11)):
        browser.ask(f"deep('button').find(b => b.textContent.trim() === '{button}').click()")
        until(browser, f"deep('img[alt^=\"after {steps} steps\"]').length === 1")


def test_on_a_phone_nothing_scrolls_sideways(page):
    browser, address = page
    opened(browser, address, 390)
    assert browser.ask("document.documentElement.scrollWidth") <= 390
    assert browser.ask("deep('img').every(i => i.getBoundingClientRect().right <= 390)")
